"""Append: the one way events enter the log and the projections, in one transaction.

Look up who is meant and which ids are taken, admit event by event, write the log, fold what is in
order from where it stands and the rest from its history, write the projections. Everything between
two questions is plain computation; the number of questions does not depend on the batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from domain.buckets import bucket_of
from domain.events import Event
from projections.admission import Admission, Draft, Known
from projections.asking import Ref, Script, ask
from projections.changes import Changes
from projections.folding import Folder
from projections.log import Receipt, Submission
from projections.questions import (
    AskHead,
    AskIdentities,
    AskIdentitiesOf,
    AskKeys,
    AskPayloads,
    AskProfiles,
    EventKey,
    Head,
    IdentityKey,
    WriteChanges,
    WriteLog,
)
from projections.records import Projection
from projections.refolding import Refold, refold
from projections.subjects import Identity, Profile, Residents

Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class World:
    """What an append works with beside the rows it asks for.

    Attributes:
        residents: Subjects in memory; to be forgotten when the transaction fails.
        projections: Generations to keep level.
        now: The instant, by the clock; recording never runs backwards from the newest event.
    """

    residents: Residents
    projections: Sequence[Projection]
    now: int


def append(world: World, submissions: Sequence[Submission]) -> Script[list[list[Receipt]]]:
    """Store and fold *submissions*; the receipts are in their order."""
    receipts: dict[Place, Receipt] = {}
    for segment in _segments(submissions):
        drafts = [
            Draft((number, place), event)
            for number in segment
            for place, event in enumerate(submissions[number].events)
        ]
        is_atomic = len(segment) == 1 and submissions[segment[0]].atomic
        if is_atomic:
            receipts |= yield from _append_all_or_none(world, drafts)
            continue
        while drafts:
            judged, found = yield from _append_some(world, drafts, is_atomic=False)
            receipts |= found
            drafts = drafts[judged:]
    return [
        [receipts[number, place] for place in range(len(submission.events))]
        for number, submission in enumerate(submissions)
    ]


def _segments(submissions: Sequence[Submission]) -> Iterable[list[int]]:
    """Yield numbers of submissions that go together.

    One that must be all or none, or that expects a state, is judged by itself: after everything
    before it has been folded.
    """
    together: list[int] = []
    for number, submission in enumerate(submissions):
        alone = submission.atomic or any(event.expected for event in submission.events)
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
    yield from ask(WriteLog(admission.rows))
    changes = Changes(head.feed)
    folder = Folder(changes, world.projections, known.recorded_at)
    yield from _fold(folder, admission)
    yield from ask(WriteChanges(changes))
    return judged, {**admission.receipts, **_receipts(admission, folder)}


# ---------------------------------------------------------------- looking up


def _meet(residents: Residents, drafts: Sequence[Draft]) -> Script[None]:
    """Bring every subject that *drafts* name into memory, as far as it is known."""
    residents.trim()
    names = residents.names
    spoken_of = {name for draft in drafts for name in draft.names}
    unknown: list[IdentityKey] = [
        (bucket_of(name[0], name[2]), *name) for name in spoken_of if name not in names
    ]
    if unknown:
        for identity in (yield from ask(AskIdentities(sorted(unknown)))):
            residents.add(identity)
    found = map(names.get, spoken_of)
    named = [identity for identity in found if identity is not None]
    yield from meet_profiles(residents, {identity.root for identity in named})
    yield from _meet_members(residents, named)


def meet_profiles(residents: Residents, roots: Iterable[Ref]) -> Script[None]:
    """Bring the profiles of canonical subjects into memory."""
    profiles = residents.profiles
    missing = sorted(root for root in roots if root not in profiles)
    if missing:
        for profile in (yield from ask(AskProfiles(missing))):
            profiles[profile.ref] = profile


def _meet_members(residents: Residents, named: Sequence[Identity]) -> Script[None]:
    """Bring every name of every cluster into memory: any of them may be joined or parted."""
    profiles, identities = residents.profiles, residents.identities
    wanted = {identity.root for identity in named}
    for root in list(wanted):
        profile = profiles.get(root)
        if profile is not None and len(profile.members) > 1:
            wanted.update(profile.members)
    missing = sorted(ref for ref in wanted if ref not in identities)
    if missing:
        for identity in (yield from ask(AskIdentitiesOf(missing))):
            residents.add(identity)


def _look_up(world: World, drafts: Sequence[Draft], head: Head) -> Script[Known]:
    """Learn which event ids are taken, and what was stored under them if it may differ."""
    wanted = [(key, draft.content) for draft in drafts for key in _keys(world.residents, draft)]
    taken: dict[EventKey, tuple[int, int]] = {}
    if wanted:
        taken = yield from ask(AskKeys(list({key for key, _ in wanted})))
    doubtful = {
        taken[key][0] for key, content in wanted if key in taken and taken[key][1] != content
    }
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
    )


def _keys(residents: Residents, draft: Draft) -> Iterable[EventKey]:
    """Yield the keys under which the event may be in the log.

    One per name of its customer, and one of its account, which may have it from another member.
    """
    event = draft.event
    account = None if draft.account is None else residents.names.get(draft.account)
    if account is not None:
        yield (account.bucket, event.event_id, account.subject_id, event.source)
    subject = residents.names.get(draft.name)
    if subject is None:
        return
    profile = residents.profiles.get(subject.root)
    for bucket, number in profile.members if profile else (subject.ref,):
        yield (bucket, event.event_id, number, event.source)


# ---------------------------------------------------------------- folding


class _Group:
    """What a batch brought for one canonical subject."""

    __slots__ = ("events", "is_quiet", "profile")

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.events: list[Event] = []
        self.is_quiet = True


def _fold(folder: Folder, admission: Admission) -> Script[None]:
    """Fold every group: in order from where it stands, else again from its history."""
    again: list[Refold] = []
    for ref, group in _groups(admission).items():
        profile, events = group.profile, group.events
        cause = admission.refolded.get(ref)
        if cause is None:
            settled = profile.settled_at
            if any(event.effective_at < settled for event in events):
                cause = "late"
        if cause is None:
            folder.step(profile, events, quiet=group.is_quiet)
        else:
            quiet = group.is_quiet and bool(events)
            again.append(Refold(profile, events, cause, quiet=quiet))
    lost = [profile for profile in admission.joined if profile.is_stored]
    yield from refold(folder, again, lost, admission.position)


def _groups(admission: Admission) -> dict[Ref, _Group]:
    groups: dict[Ref, _Group] = {}
    for arrival in admission.arrivals:
        account = arrival.account
        for identity in (arrival.subject,) if account is None else (arrival.subject, account):
            group = groups.get(identity.root)
            if group is None:
                group = groups[identity.root] = _Group(admission.profile(identity))
            group.events.append(arrival.event)
            if not arrival.draft.event.historical:
                group.is_quiet = False
    for ref in admission.refolded:
        if ref not in groups:  # a side that a cut left without an event of its own
            groups[ref] = _Group(admission.residents.profiles[ref])
    return groups


def _receipts(admission: Admission, folder: Folder) -> dict[Place, Receipt]:
    recorded_at, told, unfolded = admission.known.recorded_at, folder.told, folder.unfolded
    found: dict[Place, Receipt] = {}
    for arrival in admission.arrivals:
        event = arrival.event
        receipt = Receipt(
            "accepted",
            event.event_id,
            event.position,
            recorded_at,
            applied=True,
            late=arrival.is_late,
            stages=tuple(told.get(event.position, ())),
        )
        if unfolded and arrival.subject.root in unfolded:
            receipt = replace(receipt, applied=False)
        found[arrival.draft.place] = receipt
    return found
