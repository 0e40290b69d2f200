"""Admission: which offered events are new, which position each takes, and whom it speaks of.

Events are judged one after the other, as if each came alone, whatever batch they came in. A batch
ends early where an event joins or parts subjects that the same batch has joined or parted before:
the rest is admitted after the first part has been folded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domain.buckets import bucket_of
from domain.events import ALIAS, UNALIAS, VOID, Event
from projections.appending.drafts import Arrival, Draft, Name
from projections.asking import Ref
from projections.events.log import CLUSTER_MEMBERS_MAX, NewEvent, Receipt, SubjectKey
from projections.events.payloads import decoder, same_content
from projections.registers.erasure import is_erased_name
from projections.rows.changes import LogRows
from projections.rows.questions import EventKey, Head
from projections.rows.records import Projection
from projections.subjects import clusters
from projections.subjects.profiles import Identity, Profile
from projections.subjects.residents import Residents

SLOTS = 4
"""Subjects that one event may name for the first time; their numbers are made of its position."""
_ITSELF, _VISITOR, _ACCOUNT, _ALIAS = range(SLOTS)


@dataclass(frozen=True, slots=True)
class Known:
    """What was looked up before events are judged.

    Attributes:
        head: Where the log ends.
        recorded_at: The instant at which the batch is recorded.
        taken: Keys in the log: position and content hash.
        payloads: Items at those positions whose hash is another than the offered one's.
        projections: The active ones, by (tenant, model).
        erased: Digests of those offered that were stored before their names were erased.
    """

    head: Head
    recorded_at: int
    taken: dict[EventKey, tuple[int, int]]
    payloads: dict[int, str]
    projections: dict[tuple[str, str], Projection]
    erased: frozenset[bytes] = frozenset()


class Admission:
    """Judges drafts in turn and gathers the rows of those that are admitted.

    Attributes:
        rows: Rows to write to the log.
        arrivals: Admitted events in order of position.
        receipts: Of those that were not admitted, by place.
        refolded: Roots whose history became another one by a join, a cut or a void.
        joined: Roots that have become part of another.
    """

    def __init__(self, residents: Residents, known: Known) -> None:
        """Judge by what is *known*; subjects are looked up and created in *residents*."""
        self.residents = residents
        self.known = known
        self.position = known.head.position
        self.rows = LogRows()
        self.arrivals: list[Arrival] = []
        self.receipts: dict[tuple[int, int], Receipt] = {}
        self.refolded: dict[Ref, str] = {}
        self.joined: list[Profile] = []
        self._busy: set[Ref] = set()
        self._changed_clusters: set[Ref] = set()

    def admit(self, drafts: Sequence[Draft]) -> int:
        """Judge *drafts* from the first on; return how many were judged."""
        taken, erased, profiles = self.known.taken, self.known.erased, self.residents.profiles
        for count, draft in enumerate(drafts):
            subject, key = draft.subject, draft.key
            if key is not None and key not in taken and subject is not None and not erased:
                profile = profiles.get(subject.root)
                if profile is not None and len(profile.members) == 1:
                    self._admit_plain(draft, subject, profile)
                    continue
            if self._must_wait(draft):
                return count
            self._judge(draft)
        return len(drafts)

    def _admit_plain(self, draft: Draft, subject: Identity, profile: Profile) -> None:
        """Admit an event of nobody but *subject*, who stands alone; most events are such."""
        self.position += 1
        occurred_at, recorded_at = draft.event.occurred_at, self.known.recorded_at
        said = recorded_at if occurred_at is None else occurred_at
        counts_at = min(said, recorded_at)
        is_late = counts_at < profile.newest_at
        if not is_late:
            profile.newest_at = counts_at
        event = self._event(draft.event, said, counts_at)
        arrival = Arrival(draft, event, subject, None, is_late)
        self.arrivals.append(arrival)
        self._busy.add(subject.root)
        self._write(arrival)

    def _must_wait(self, draft: Draft) -> bool:
        """Tell whether *draft* joins or parts what this batch has joined or parted already."""
        if not self._changed_clusters or (draft.visitor is None and draft.alias is None):
            return False
        names = self.residents.names
        known = [names.get(name) for name in (draft.name, draft.visitor, draft.alias) if name]
        return any(one is not None and one.root in self._changed_clusters for one in known)

    def _judge(self, draft: Draft) -> None:
        subject = self.residents.names.get(draft.name)
        refusal = self._repeat(draft, subject) if subject is not None else None
        if refusal is None:
            refusal = self._of_erased(draft)
        if refusal is None and draft.event.expected is not None:
            refusal = self._unexpected(draft.event, subject)
        if refusal is None and draft.alias is not None:
            refusal = self._refused_alias(draft, draft.alias, subject)
        if refusal is not None:
            self.receipts[draft.place] = refusal
            return
        self._admit(draft, subject)

    # ------------------------------------------------------------ judging

    def _repeat(self, draft: Draft, subject: Identity) -> Receipt | None:
        """Return the receipt of an event whose id was used before for the same customer."""
        event, taken = draft.event, self.known.taken
        profile = self.residents.profiles.get(subject.root)
        verdict: Receipt | None = None
        for bucket, number in profile.members if profile else (subject.ref,):
            found = taken.get((bucket, event.event_id, number, event.source))
            if found is not None and (verdict is None or verdict.status == "conflict"):
                verdict = self._verdict(draft, *found)
        return verdict

    def _of_erased(self, draft: Draft) -> Receipt | None:
        """Return the receipt of an event that must not bring back whom somebody has erased."""
        event = draft.event
        if self.known.erased and draft.erased_digest in self.known.erased:
            return Receipt("duplicate", event.event_id)
        named = next((name[2] for name in draft.names if is_erased_name(name[2])), None)
        if named is None:
            return None
        message = f"{named[:40]!a}: expected another name, found one that stands for an erased one"
        return Receipt("rejected", event.event_id, code="customer_erased", message=message)

    def _verdict(self, draft: Draft, position: int, content: int) -> Receipt:
        event = draft.event
        first = self._payload(position)
        is_same = content == draft.content or (
            first is not None and same_content(first, event.payload, event.api_format)
        )
        if is_same:
            waits = position > self.known.head.projected
            return Receipt("duplicate", event.event_id, position, applied=not waits, waits=waits)
        return Receipt(
            "conflict",
            event.event_id,
            position,
            code="event_id_conflict",
            message=(
                f"event {event.event_id!r} of source {event.source!r}: expected the content "
                f"stored at position {position}, found other content"
            ),
        )

    def _payload(self, position: int) -> str | None:
        """Return what was stored there before or by this batch; None where nobody needs it."""
        place = position - self.known.head.position - 1
        if place >= 0:
            return self.arrivals[place].draft.event.payload
        return self.known.payloads.get(position)

    def _unexpected(self, event: NewEvent, subject: Identity | None) -> Receipt | None:
        """Return the rejection of an event that expected its subject to stand elsewhere."""
        expected = event.expected
        if expected is None:
            return None
        if not self.known.head.is_level:
            return _unknown_yet(event, self.known.head)
        projection = self.known.projections.get((event.tenant, expected.model))
        profile = None if subject is None else self.residents.profiles.get(subject.root)
        found = 0
        if projection is not None and profile is not None:
            standing = profile.standings.get(projection.generation)
            if standing is not None:
                state = standing.state_by(projection.machine)
                state, _ = projection.machine.advance(state, self.known.recorded_at)
                found = state.sequence
        if found == expected.sequence:
            return None
        message = f"model {expected.model}: expected sequence {expected.sequence}, found {found}"
        return Receipt("rejected", event.event_id, code="sequence_mismatch", message=message)

    def _refused_alias(self, draft: Draft, alias: Name, subject: Identity | None) -> Receipt | None:
        """Return the rejection of an `$alias` or `$unalias` that cannot be carried out."""
        message = None
        named = self.residents.names.get(alias)
        shown = SubjectKey(named.kind, named.name).text if named else alias[2]
        if alias == draft.name:
            message = f"alias {shown!r}: expected another subject, found the same one"
        elif draft.event.type == UNALIAS:
            if named is None or subject is None or named.root != subject.root:
                message = f"alias {shown!r}: expected one of the customer's, found none of them"
        elif named is not None and self._size(subject, named) > CLUSTER_MEMBERS_MAX:
            message = f"alias {shown!r}: expected at most {CLUSTER_MEMBERS_MAX} names together"
        if message is None:
            return None
        return Receipt("rejected", draft.event.event_id, code="alias_refused", message=message)

    def _size(self, *subjects: Identity | None) -> int:
        profiles = self.residents.profiles
        roots = {one.root for one in subjects if one is not None}
        return sum(len(profiles[root].members) if root in profiles else 1 for root in roots)

    # ------------------------------------------------------------ admitting

    def _admit(self, draft: Draft, subject: Identity | None) -> None:
        self.position += 1
        offered, recorded_at = draft.event, self.known.recorded_at
        if subject is None:
            subject = self._new_subject(draft.name, _ITSELF)
        account = None if draft.account is None else self._account(draft.account, offered)
        said = recorded_at if offered.occurred_at is None else offered.occurred_at
        counts_at = min(said, recorded_at)
        arrival = Arrival(draft, self._event(offered, said, counts_at), subject, account)
        self.arrivals.append(arrival)
        self._relate(draft, subject)
        self._note_instant(arrival, counts_at)
        self._write(arrival)
        if offered.type == VOID:
            self._refold(arrival, "void")

    def _event(self, offered: NewEvent, occurred_at: int, effective_at: int) -> Event:
        customer = offered.customer_id
        return Event(
            self.position,
            effective_at,
            offered.type,
            offered.event_id,
            offered.source,
            occurred_at,
            f"anon:{offered.anonymous_id}" if customer is None else customer,
            offered.payload,
            decoder(offered.api_format),
        )

    def _note_instant(self, arrival: Arrival, instant: int) -> None:
        """Tell late from in order, by what was admitted before, in whatever batch."""
        profile = self.profile(arrival.subject)
        if instant < profile.newest_at:
            arrival.is_late = True
        else:
            profile.newest_at = instant
        self._busy.add(arrival.subject.root)
        if arrival.account is not None:
            account = self.profile(arrival.account)
            account.newest_at = max(account.newest_at, instant)

    def _refold(self, arrival: Arrival, cause: str) -> None:
        self.refolded.setdefault(arrival.subject.root, cause)
        if arrival.account is not None:
            self.refolded.setdefault(arrival.account.root, cause)

    def _write(self, arrival: Arrival) -> None:
        draft, subject, position = arrival.draft, arrival.subject, self.position
        offered, content, effective_at = draft.event, draft.content, arrival.event.effective_at
        key = draft.key or (subject.bucket, offered.event_id, subject.subject_id, offered.source)
        self.rows.events.append(arrival.row(self.known.recorded_at))
        self._take(key, position, content)
        self.rows.count_type(offered.tenant, offered.type, effective_at)
        if arrival.account is not None:
            bucket, number = arrival.account.ref
            self.rows.links.append((bucket, number, effective_at, position, subject.bucket))
            self._take((bucket, offered.event_id, number, offered.source), position, content)

    def _take(self, key: EventKey, position: int, content: int) -> None:
        self.rows.keys.append((*key, position, content))
        self.known.taken[key] = (position, content)

    # ------------------------------------------------------------ who is who

    def profile(self, identity: Identity) -> Profile:
        """Return what is known of the canonical subject of *identity*, at first nothing."""
        profile = self.residents.profiles.get(identity.root)
        if profile is None:
            profile = Profile(self.residents.identities[identity.root])
            self.residents.profiles[identity.root] = profile
        return profile

    def _new_subject(self, name: Name, slot: int) -> Identity:
        tenant, kind, text = name
        bucket, subject_id = bucket_of(tenant, text), self.position * SLOTS + slot
        identity = self.residents.add(Identity(bucket, subject_id, tenant, kind, text))
        self.rows.names.append(identity)
        return identity

    def _account(self, name: Name, offered: NewEvent) -> Identity | None:
        """Return the account that the event is for; None where it has it from another member."""
        account = self.residents.names.get(name) or self._new_subject(name, _ACCOUNT)
        key = (account.bucket, offered.event_id, account.subject_id, offered.source)
        return None if key in self.known.taken else account

    def _relate(self, draft: Draft, subject: Identity) -> None:
        """Carry out what *draft* says about who is who."""
        if draft.alias is not None:
            named = self.residents.names.get(draft.alias)
            if draft.event.type == UNALIAS and named is not None:
                self._part(subject, named)
                return
            if draft.event.type == ALIAS:
                self._join(subject, named or self._new_subject(draft.alias, _ALIAS))
        if draft.visitor is not None:
            self._meet(subject, draft.visitor)

    def _meet(self, subject: Identity, visitor: Name) -> None:
        """Join a visitor to the customer that the same event names, unless it is another's."""
        named = self.residents.names.get(visitor)
        if named is None:
            if self._size(subject) < CLUSTER_MEMBERS_MAX:
                self._join(subject, self._new_subject(visitor, _VISITOR))
        elif named.root != subject.root:
            is_unknown = self.residents.identities[named.root].kind == "anonymous"
            if is_unknown and self._size(subject, named) <= CLUSTER_MEMBERS_MAX:
                self._join(subject, named)

    def _join(self, side: Identity, named: Identity) -> None:
        if side.root == named.root:
            return
        one, other = self.profile(side), self.profile(named)
        members = self._members(one, other)
        root = clusters.join(side, named, members)
        kept, lost = (one, other) if one.ref == root else (other, one)
        kept.members = tuple(sorted({*one.members, *other.members}))
        kept.newest_at = max(one.newest_at, other.newest_at)
        kept.is_thorough = True
        self._set_root(members.values(), root)
        del self.residents.profiles[lost.ref]
        was_refolded = self.refolded.pop(lost.ref, None) is not None
        if lost.is_stored or lost.ref in self._busy or was_refolded:
            self.refolded[root] = "merge"
            self.joined.append(lost)
            self._changed_clusters.add(root)

    def _part(self, side: Identity, named: Identity) -> None:
        whole = self.profile(side)
        members = self._members(whole)
        leaving = clusters.part(side, named, members)
        staying = members.keys() - leaving
        for refs in (leaving, staying):
            root = whole.ref if whole.ref in refs else clusters.root_of(refs, members)
            self._set_root([members[ref] for ref in refs], root)
            profile = self.profile(members[root])
            profile.members = tuple(sorted(refs))
            profile.newest_at = whole.newest_at
            profile.is_thorough = True
            self.refolded[root] = "merge"
            self._changed_clusters.add(root)

    def _members(self, *profiles: Profile) -> dict[Ref, Identity]:
        found = self.residents.identities
        return {ref: found[ref] for profile in profiles for ref in profile.members}

    def _set_root(self, members: Iterable[Identity], root: Ref) -> None:
        for member in members:
            self.rows.former.setdefault(member.ref, member.root)
            member.root = root
            self.rows.rejoined[member.ref] = member


def _unknown_yet(event: NewEvent, head: Head) -> Receipt:
    """Return the rejection of an event that expects what cannot be told at present."""
    message = (
        f"projections: expected position {head.position}, where this can be judged, found "
        f"{head.projected}; they are catching up, so send it again in a moment"
    )
    return Receipt("rejected", event.event_id, code="projection_behind", message=message)
