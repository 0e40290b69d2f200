"""Batches: what one append brought, by canonical subject; all that folding needs of it.

An append that folds at once hands its batch on in memory. One that leaves folding for later writes
the batch down as a note beside its events, and whoever folds later makes the same batch of both.
So what was decided when the events came in (which subjects are one, what must be told again) is
never decided a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple, TypeAlias

import msgspec

from domain.events import Event
from projections.appending.admission import Admission
from projections.appending.drafts import Arrival
from projections.asking import GiveTurn, Ref, Script, ask
from projections.folding.folder import Folder
from projections.folding.refolding import Refold, refold
from projections.subjects.profiles import Identity, Profile

GROUPS_AT_ONCE = 64
"""Subjects folded between two turns of others: some two milliseconds."""

TURNS_A_PIECE = 4
"""After so many turns rows are handed over."""

_instant = attrgetter("effective_at")

Members: TypeAlias = tuple[Ref, ...]


class Group:
    """What a batch brought for one canonical subject.

    Attributes:
        cause: Why its history must be told again; None where it goes on as it was.
        is_quiet: Whether all of it is history that nobody is to be told of.
    """

    __slots__ = ("cause", "events", "is_quiet", "profile")

    def __init__(self, profile: Profile, cause: str | None) -> None:
        self.profile = profile
        self.cause = cause
        self.events: list[Event] = []
        self.is_quiet = True


@dataclass(frozen=True, slots=True)
class Batch:
    """What an append brought.

    Attributes:
        position: Of its newest event.
        recorded_at: When it was recorded.
        lost: Subjects with rows of their own that have become part of another.
    """

    position: int
    recorded_at: int
    groups: Sequence[Group]
    lost: Sequence[Profile]


def batch_of(admission: Admission) -> Batch:
    """Return what *admission* let in."""
    groups: dict[Ref, Group] = {}
    refolded = admission.refolded

    def put(identity: Identity, arrival: Arrival) -> None:
        root = identity.root
        group = groups.get(root)
        if group is None:
            group = groups[root] = Group(admission.profile(identity), refolded.get(root))
        group.events.append(arrival.event)
        if group.is_quiet and not arrival.draft.event.historical:
            group.is_quiet = False

    for arrival in admission.arrivals:
        put(arrival.subject, arrival)
        if arrival.account is not None:
            put(arrival.account, arrival)
    for ref, cause in refolded.items():
        if ref not in groups:  # a side that a cut left without an event of its own
            groups[ref] = Group(admission.residents.profiles[ref], cause)
    lost = [profile for profile in admission.joined if profile.is_stored]
    recorded_at = admission.known.recorded_at
    return Batch(admission.position, recorded_at, list(groups.values()), lost)


def fold_batch(folder: Folder, batch: Batch) -> Script[None]:
    """Fold every group: in order from where it stands, else again from its history.

    Rows of a large batch are handed over in pieces, so that a store can write while we fold; each
    turn lets it send what the database server is ready for.
    """
    again: list[Refold] = []
    for turn, first in enumerate(range(0, len(batch.groups), GROUPS_AT_ONCE)):
        if turn and turn % TURNS_A_PIECE == 0:
            yield from folder.hand_over()
        elif len(batch.groups) > GROUPS_AT_ONCE:
            yield from ask(GiveTurn())
        again += _step(folder, batch.groups[first : first + GROUPS_AT_ONCE])
    yield from refold(folder, again, batch.lost, batch.position)


def step_batch(folder: Folder, batch: Batch) -> list[Refold]:
    """Fold what goes on in order and return what must be folded again."""
    return _step(folder, batch.groups)


def _step(folder: Folder, groups: Sequence[Group]) -> list[Refold]:
    again: list[Refold] = []
    for group in groups:
        profile, events, cause = group.profile, group.events, group.cause
        if cause is None:
            first_at = events[0].effective_at if len(events) == 1 else min(map(_instant, events))
            if first_at < profile.settled_at:
                cause = "late"
        if cause is None:
            folder.step(profile, events, quiet=group.is_quiet)
        else:
            quiet = group.is_quiet and bool(events)
            again.append(Refold(profile, events, cause, quiet=quiet))
    return again


# ---------------------------------------------------------------- notes


class _Cluster(NamedTuple):
    """Whom a canonical subject unites since a batch, and the newest instant of all of them."""

    members: Members
    newest_at: int


class _GroupNote(NamedTuple):
    ref: Ref
    offsets: tuple[int, ...]
    cause: str | None
    is_quiet: bool
    cluster: _Cluster | None


class _Note(NamedTuple):
    groups: list[_GroupNote]
    lost: list[Ref]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Note).decode


def note_of(batch: Batch, first: int, rejoined: Iterable[Ref]) -> bytes:
    """Return *batch*, whose first event is at *first*, without its events.

    *rejoined* are the canonical subjects whose cluster it changed.
    """
    changed = set(rejoined)
    groups = []
    for group in batch.groups:
        profile = group.profile
        cluster = None
        if profile.ref in changed:
            cluster = _Cluster(profile.members, profile.newest_at)
        offsets = tuple(event.position - first for event in group.events)
        groups.append(_GroupNote(profile.ref, offsets, group.cause, group.is_quiet, cluster))
    return _encode(_Note(groups, [profile.ref for profile in batch.lost]))


class Noted:
    """A batch that was written down, to be folded later."""

    def __init__(self, first: int, position: int, recorded_at: int, note: bytes) -> None:
        """Read the *note* of the events from *first* to *position*."""
        self.first = first
        self.position = position
        self.recorded_at = recorded_at
        self._note = _decode(note)

    @property
    def refs(self) -> set[Ref]:
        """Canonical subjects that it speaks of."""
        return {group.ref for group in self._note.groups}.union(self._note.lost)

    @property
    def roots(self) -> dict[Ref, Ref]:
        """Members of clusters that it changed, and whom they belong to since."""
        return {
            member: group.ref
            for group in self._note.groups
            if group.cluster is not None
            for member in group.cluster.members
        }

    def batch(
        self,
        events: Mapping[int, Event],
        profile_of: Callable[[Ref], Profile],
        lose: Callable[[Ref], Profile],
    ) -> Batch:
        """Return the batch as it was, of *events* by position and of profiles as they are.

        *lose* takes a profile that has become part of another out of their number.
        """
        lost = [lose(ref) for ref in self._note.lost]
        groups = [self._group(note, events, profile_of(note.ref)) for note in self._note.groups]
        return Batch(self.position, self.recorded_at, groups, lost)

    def _group(self, note: _GroupNote, events: Mapping[int, Event], profile: Profile) -> Group:
        group = Group(profile, note.cause)
        group.is_quiet = note.is_quiet
        group.events = [events[self.first + offset] for offset in note.offsets]
        if note.cluster is not None:
            profile.members, profile.newest_at = note.cluster
            profile.is_thorough = True
        else:
            instants = (event.effective_at for event in group.events)
            profile.newest_at = max(profile.newest_at, *instants)
        return group
