"""Append: the one way events enter the log, in one transaction.

Look up who is meant and which ids are taken, admit event by event, write the log; then, where the
projections are level with it, fold and write those as well. Where they are behind, a note of the
batch is written instead, and `projections.following.projecting` folds it later. Everything between
two questions is plain computation; the number of questions does not depend on the batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domain.buckets import bucket_of
from projections.appending.admission import Admission, Known
from projections.appending.batches import batch_of, fold_batch, note_of
from projections.appending.drafts import Arrival, Draft, Name, draft_of
from projections.asking import Ref, Script, ask
from projections.events.log import Receipt, Submission
from projections.folding.folder import Folder
from projections.registers.erasure import ERASED_BUCKETS, ERASED_KEYS
from projections.registers.register import entries, firsts
from projections.rows.changes import Changes
from projections.rows.questions import (
    AskHead,
    AskIdentities,
    AskIdentitiesOf,
    AskJoined,
    AskKeys,
    AskNewest,
    AskPayloads,
    AskProfiles,
    EventKey,
    Head,
    IdentityKey,
    WriteChanges,
    WriteLog,
)
from projections.rows.records import Projection
from projections.subjects.profiles import Profile
from projections.subjects.residents import Residents

Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class World:
    """What an append works with beside the rows it asks for.

    Attributes:
        residents: Subjects in memory; to be forgotten when the transaction fails.
        projections: Generations to keep level.
        now: The instant, by the clock; recording never runs backwards from the newest event.
        defer: Write the log only and leave folding for later, though the projections are level.
    """

    residents: Residents
    projections: Sequence[Projection]
    now: int
    defer: bool = False

    def folding(self, head: Head) -> Residents:
        """Return the subjects in memory that may be folded: nobody's where folding is behind."""
        if not head.is_level:
            return Residents()
        self.residents.stand(level=True)
        return self.residents


def append(world: World, submissions: Sequence[Submission]) -> Script[list[list[Receipt]]]:
    """Store and fold *submissions*; the receipts are in their order."""
    answers: dict[int, list[Receipt]] = {}
    for segment in _segments(submissions):
        first = submissions[segment[0]]
        if first.companion is not None:
            yield from first.companion.check()
        receipts = yield from _append_segment(world, submissions, segment)
        for number in segment:
            places = range(len(submissions[number].events))
            answers[number] = [receipts[number, place] for place in places]
        if first.companion is not None:
            yield from first.companion.write(answers[segment[0]])
    return [answers[number] for number in range(len(submissions))]


def _append_segment(
    world: World, submissions: Sequence[Submission], segment: Sequence[int]
) -> Script[dict[Place, Receipt]]:
    """Append the submissions of *segment* together."""
    drafts = [
        draft_of((number, place), event)
        for number in segment
        for place, event in enumerate(submissions[number].events)
    ]
    if drafts and submissions[segment[0]].atomic:
        return (yield from _append_all_or_none(world, drafts))
    receipts: dict[Place, Receipt] = {}
    while drafts:
        judged, found = yield from _append_some(world, drafts, is_atomic=False)
        receipts |= found
        drafts = drafts[judged:]
    return receipts


def _segments(submissions: Sequence[Submission]) -> Iterable[list[int]]:
    """Yield numbers of submissions that go together.

    One that must be all or none, that expects a state or that has a companion is judged by itself:
    after everything before it has been folded.
    """
    together: list[int] = []
    for number, submission in enumerate(submissions):
        alone = (
            submission.atomic
            or submission.companion is not None
            or any(event.expected for event in submission.events)
        )
        if not alone:
            together.append(number)
            continue
        if together:
            yield together
            together = []
        yield [number]
    if together:
        yield together


def _append_all_or_none(world: World, drafts: Sequence[Draft]) -> Script[dict[Place, Receipt]]:
    """Append *drafts* together, or none of them where one conflicts or is rejected."""
    judged, receipts = yield from _append_some(world, drafts, is_atomic=True)
    if judged == len(drafts):
        return receipts
    message = "another event of the same atomic batch could not be stored"
    for draft in drafts:
        found = receipts.get(draft.place)
        if found is None or found.status == "accepted":
            receipts[draft.place] = Receipt(
                "rejected", draft.event.event_id, code="batch_rejected", message=message
            )
    return receipts


def _append_some(
    world: World, drafts: Sequence[Draft], *, is_atomic: bool
) -> Script[tuple[int, dict[Place, Receipt]]]:
    """Append from the first draft on; return how many were judged, and their receipts.

    An atomic batch that cannot be stored as a whole is judged 0 times and leaves nothing behind.
    """
    head = yield from ask(AskHead())
    expects = any(draft.event.expected for draft in drafts)
    at_once = head.is_level and (expects or not world.defer)
    world.residents.stand(level=at_once)
    yield from _meet(world.residents, drafts)
    known = yield from _look_up(world, drafts, head)
    admission = Admission(world.residents, known)
    judged = admission.admit(drafts)
    refused = any(receipt.status != "duplicate" for receipt in admission.receipts.values())
    if is_atomic and (refused or judged < len(drafts)):
        world.residents.forget()
        return 0, admission.receipts
    if not admission.arrivals:
        return judged, admission.receipts
    if at_once:
        receipts = yield from _fold(world, admission)
    else:
        receipts = yield from _leave(world, admission)
    receipts.update(admission.receipts)
    return judged, receipts


# ---------------------------------------------------------------- looking up


def _meet(residents: Residents, drafts: Sequence[Draft]) -> Script[None]:
    """Bring every subject that *drafts* name into memory, as far as it is known."""
    residents.trim()
    roots: set[Ref] = set()
    unmet = _find(residents, drafts, roots)
    if unmet:
        keys: list[IdentityKey] = [(bucket_of(name[0], name[2]), *name) for name in unmet]
        for identity in (yield from ask(AskIdentities(sorted(keys)))):
            residents.add(identity)
        _find(residents, drafts, roots)
    if residents.is_level:
        yield from meet_profiles(residents, roots)
        yield from _meet_members(residents, roots)
    else:
        yield from _meet_clusters(residents, roots)


def _find(residents: Residents, drafts: Sequence[Draft], roots: set[Ref]) -> set[Name]:
    """Say at each draft who its subject is, add whom all speak of to *roots*; return the unmet."""
    names = residents.names
    unmet: set[Name] = set()
    for draft in drafts:
        subject = draft.subject = names.get(draft.name)
        if subject is None:
            unmet.add(draft.name)
        else:
            roots.add(subject.root)
        if not draft.is_plain:
            for name in draft.others:
                other = names.get(name)
                if other is None:
                    unmet.add(name)
                else:
                    roots.add(other.root)
    return unmet


def meet_profiles(residents: Residents, roots: Iterable[Ref]) -> Script[None]:
    """Bring the profiles of canonical subjects into memory."""
    profiles = residents.profiles
    missing = sorted(set(roots).difference(profiles))
    if missing:
        for profile in (yield from ask(AskProfiles(missing))):
            profiles[profile.ref] = profile


def _meet_members(residents: Residents, roots: Iterable[Ref]) -> Script[None]:
    """Bring every name of every cluster into memory: any of them may be joined or parted."""
    profiles = residents.profiles
    wanted = set(roots)
    for root in roots:
        profile = profiles.get(root)
        if profile is not None and len(profile.members) > 1:
            wanted.update(profile.members)
    yield from _meet_identities(residents, wanted)


def _meet_identities(residents: Residents, refs: Iterable[Ref]) -> Script[None]:
    missing = sorted(set(refs).difference(residents.identities))
    if missing:
        for identity in (yield from ask(AskIdentitiesOf(missing))):
            residents.add(identity)


def _meet_clusters(residents: Residents, roots: Iterable[Ref]) -> Script[None]:
    """Make profiles of what the log alone tells: who belongs to whom, and the newest instant.

    It is all that admission asks of a profile. Those of the projections stand further back.
    """
    profiles, identities = residents.profiles, residents.identities
    unmet = sorted(root for root in roots if root not in profiles)
    members = {root: [root] for root in unmet}
    if unmet:
        for bucket, number, *above in (yield from ask(AskJoined(unmet))):
            members[above[0], above[1]].append((bucket, number))
    known = [*roots, *(ref for refs in members.values() for ref in refs)]
    known += [ref for root in roots if root in profiles for ref in profiles[root].members]
    yield from _meet_identities(residents, known)
    for is_account in (False, True):
        of_kind = [root for root in unmet if (identities[root].kind == "account") is is_account]
        asked = [ref for root in of_kind for ref in members[root]]
        newest = (yield from ask(AskNewest(asked, is_account))) if asked else {}
        for root in of_kind:
            profile = profiles[root] = Profile(identities[root])
            profile.members = tuple(sorted(members[root]))
            instants = [newest[ref] for ref in members[root] if ref in newest]
            profile.newest_at = max(instants, default=profile.newest_at)
            profile.is_stored = True


def _look_up(world: World, drafts: Sequence[Draft], head: Head) -> Script[Known]:
    """Learn which event ids are taken, and what was stored under them if it may differ."""
    wanted = _wanted(world.residents, drafts)
    taken: dict[EventKey, tuple[int, int]] = {}
    if wanted:
        taken = yield from ask(AskKeys(list({key for key, _ in wanted})))
    erased = yield from _look_up_erased(world.residents, drafts, head)
    doubtful = set[int]()
    if taken:  # of most batches nothing is
        found = ((taken[key], content) for key, content in wanted if key in taken)
        doubtful = {position for (position, stored), content in found if stored != content}
    return Known(
        head=head,
        recorded_at=max(world.now, head.recorded_at),
        taken=taken,
        payloads={} if not doubtful else (yield from ask(AskPayloads(sorted(doubtful)))),
        projections={
            (projection.tenant, projection.model): projection
            for projection in world.projections
            if projection.is_active
        },
        erased=erased,
    )


def _look_up_erased(
    residents: Residents, drafts: Sequence[Draft], head: Head
) -> Script[frozenset[bytes]]:
    """Learn which of *drafts* were stored before under a name that is erased since."""
    if not head.erased:
        return frozenset()
    if residents.erased_as_of != head.erased:
        buckets = yield from entries(ERASED_BUCKETS)
        residents.erased_buckets = frozenset(one.bucket for one in buckets)
        residents.erased_as_of = head.erased
    keys = {
        (bucket, draft.erased_digest)
        for draft in drafts
        if (bucket := bucket_of(draft.name[0], draft.name[2])) in residents.erased_buckets
    }
    found = yield from firsts(ERASED_KEYS, sorted(keys))
    return frozenset(one.digest for one in found)


def _wanted(residents: Residents, drafts: Sequence[Draft]) -> list[tuple[EventKey, int]]:
    """Return the keys under which events may be in the log, each with the content offered.

    One per name of an event's customer, and one of its account, which may have it from another
    member.
    """
    names, profiles = residents.names, residents.profiles
    wanted: list[tuple[EventKey, int]] = []
    for draft in drafts:
        event, subject = draft.event, draft.subject
        event_id, source = event.event_id, event.source
        account = None if draft.account is None else names.get(draft.account)
        if account is not None:
            key = (account.bucket, event_id, account.subject_id, source)
            wanted.append((key, draft.content))
        if subject is None:
            continue
        profile = profiles.get(subject.root)
        if profile is None or len(profile.members) == 1:
            key = (subject.bucket, event_id, subject.subject_id, source)
            wanted.append((key, draft.content))
            draft.key = key if draft.is_plain else None
            continue
        draft.key = None
        for bucket, number in profile.members:
            wanted.append(((bucket, event_id, number, source), draft.content))
    return wanted


# ---------------------------------------------------------------- folding now or later


def _fold(world: World, admission: Admission) -> Script[dict[Place, Receipt]]:
    """Write the log and the projections."""
    known = admission.known
    yield from ask(WriteLog(admission.rows))
    folder = Folder(Changes(known.head.feed), world.projections, known.recorded_at)
    yield from fold_batch(folder, batch_of(admission))
    folder.write_profiles()
    yield from ask(WriteChanges(folder.changes))
    return _receipts(admission, folder)


def _leave(world: World, admission: Admission) -> Script[dict[Place, Receipt]]:
    """Write the log, and a note of the batch for whoever folds it."""
    rows, known = admission.rows, admission.known
    batch, first = batch_of(admission), known.head.position + 1
    changed = {identity.root for identity in rows.rejoined.values()}
    rows.note = (first, batch.position, batch.recorded_at, note_of(batch, first, changed))
    yield from ask(WriteLog(rows))
    profiles = world.residents.profiles
    for group in batch.groups:
        group.profile.is_stored = True
    for root in changed:
        profiles.pop(root, None)  # after a cut the newest instant of each side is to be looked up
    return {
        arrival.draft.place: _receipt(arrival, known.recorded_at) for arrival in admission.arrivals
    }


def _receipt(arrival: Arrival, recorded_at: int) -> Receipt:
    event = arrival.event
    return Receipt(
        "accepted",
        event.event_id,
        event.position,
        recorded_at,
        late=arrival.is_late,
        waits=True,
    )


def _receipts(admission: Admission, folder: Folder) -> dict[Place, Receipt]:
    recorded_at, told, unfolded = admission.known.recorded_at, folder.told, folder.unfolded
    found: dict[Place, Receipt] = {}
    for arrival in admission.arrivals:
        event = arrival.event
        found[arrival.draft.place] = Receipt(
            "accepted",
            event.event_id,
            event.position,
            recorded_at,
            applied=not (unfolded and arrival.subject.root in unfolded),
            late=arrival.is_late,
            stages=tuple(told.get(event.position, ())),
        )
    for repeat in admission.receipts.values():
        if repeat.waits:  # its original is of this very batch, and folded with it
            repeat.applied, repeat.waits = True, False
    return found
