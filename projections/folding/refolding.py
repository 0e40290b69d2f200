"""Folding again: late events, voids, joins and retries, told from the history itself.

One history is read per subject. It is folded from the newest snapshot before what is new, or from
the start where the past itself became another one, then brought up to the present instant and
compared with the records that hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from domain.events import NOT_FOLDED, Event, voided
from projections.asking import GiveTurn, Ref, Script, ask
from projections.events.history import LoggedEvent, counting, repeats
from projections.events.log import StageChange
from projections.folding.folder import FOLD_FAILURES, SNAPSHOT_EVENTS, SNAPSHOTS_MAX, Folder
from projections.rows.questions import AskHistories, AskNumbers, AskRecords, AskSnapshots, HistoryOf
from projections.rows.records import Content, Projection, RecordRow, content_of, stays_before
from projections.subjects.profiles import NO_KEY, Profile, Snapshot
from projections.subjects.standings import Standing, decode_standings, encode_standings

if TYPE_CHECKING:
    from domain.machine import State

FROM_THE_START = NO_KEY
EVENTS_BETWEEN_TURNS = 1_000


@dataclass(frozen=True, slots=True)
class Refold:
    """A subject to fold again.

    Attributes:
        events: What the batch brought for it.
        cause: Why: `late`, `void`, `merge` or `refold`.
        quiet: Whether all of it is history that nobody is to be told of.
    """

    profile: Profile
    events: Sequence[Event]
    cause: str
    quiet: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether the past became another one, so that nothing of it can be kept."""
        return self.cause != "late" or self.profile.repeats

    @property
    def first_key(self) -> tuple[int, int]:
        """The fold key of the first event that is new."""
        return min(event.fold_key for event in self.events)


@dataclass(frozen=True, slots=True)
class Start:
    """From where a history is folded: the standings at a fold key, after so many events."""

    key: tuple[int, int] = FROM_THE_START
    events: int = 0
    standings: Mapping[int, Standing] = field(default_factory=dict)


@dataclass(slots=True, frozen=True)
class _Retold:
    """What a projection's fold of a history came to."""

    state: State
    contents: list[Content]
    kept: int


def refold(
    folder: Folder, refolds: Sequence[Refold], lost: Sequence[Profile], head: int
) -> Script[None]:
    """Fold the subjects of *refolds* again, and take *lost* out of the projections."""
    if not refolds and not lost:
        return
    late = [one.profile.ref for one in refolds if not one.is_whole]
    snapshots = yield from ask(AskSnapshots(late))
    starts = [_start(folder, one, snapshots.get(one.profile.ref, ())) for one in refolds]
    requests = [
        HistoryOf(
            one.profile.ref,
            one.profile.members,
            one.profile.is_account,
            after=None if start.key == FROM_THE_START else start.key,
            known_at=head,
        )
        for one, start in zip(refolds, starts, strict=True)
    ]
    histories = yield from ask(AskHistories(requests))
    profiles = [*lost, *(one.profile for one in refolds)]
    generations = sorted({gen for profile in profiles for gen in profile.standings})
    records = yield from ask(AskRecords(generations, [profile.ref for profile in profiles]))
    for profile in lost:
        folder.lose(profile, records, head)
    yield from _resume(folder, [one.profile for one in refolds])
    for one, start in zip(refolds, starts, strict=True):
        history = histories.get(one.profile.ref, [])
        yield from _Refolding(folder, one, start, head).run(history, records)


def _resume(folder: Folder, profiles: Sequence[Profile]) -> Script[None]:
    """Let subjects that stand alone again number their records on from where they stopped."""
    alone = [profile for profile in profiles if not profile.is_stored]
    if alone:
        generations = sorted(folder.kept)
        numbers = yield from ask(AskNumbers(generations, [profile.ref for profile in alone]))
        for profile in alone:
            for generation in generations:
                number = numbers.get((generation, profile.ref), 0)
                if number:
                    profile.standings[generation] = Standing(number)


def _start(folder: Folder, one: Refold, snapshots: Sequence[Snapshot]) -> Start:
    """Return the newest snapshot before what is new, if it has every projection in it.

    One from before an activation says nothing about where the events up to it lead.
    """
    projections = folder.of(one.profile)
    wanted = {projection.generation for projection in projections}
    since = max((projection.since for projection in projections), default=0)
    if one.is_whole:
        return Start()
    for snapshot in sorted(snapshots, key=lambda snapshot: snapshot.key, reverse=True):
        if since <= snapshot.key[0] and snapshot.key < one.first_key:
            standings = decode_standings(snapshot.states)
            if wanted <= standings.keys():
                return Start(snapshot.key, snapshot.events, standings)
    return Start()


class _Refolding:
    """One subject being folded again."""

    def __init__(self, folder: Folder, one: Refold, start: Start, head: int) -> None:
        self.folder = folder
        self.one = one
        self.profile = one.profile
        self.start = start
        self.head = head
        self.attempts: Mapping[int, int] = {}
        self.rings: dict[int, list[tuple[int, int, int, bytes]]] = {}

    def run(
        self,
        history: Sequence[LoggedEvent],
        records: Mapping[tuple[int, Ref], Sequence[RecordRow]],
    ) -> Script[None]:
        """Retell the subject's life and write what changed."""
        profile, folder = self.profile, self.folder
        self.attempts = dict(profile.parked)
        if self.one.is_whole:
            folder.unpark(profile)
        events = self._count(history)
        profile.settled_at = max(profile.last_at, -1)
        pieces = list(_pieces(events, self.start.events))
        for projection in folder.of(profile):
            rows = records.get((projection.generation, profile.ref), ())
            yield from self._retell(projection, pieces, rows)
        self._keep_ring(pieces)
        folder.finish(profile)

    def _count(self, history: Sequence[LoggedEvent]) -> list[Event]:
        """Bring the profile level and return the events to fold, in order."""
        profile = self.profile
        events = counting(history)
        if self.one.is_whole:
            profile.forget_history()
            profile.is_thorough = True
            profile.voids = frozenset(voided([row.event for row in history]))
            profile.repeats = repeats(history)
            instants = [row.event.effective_at for row in history]
            profile.newest_at = max(instants, default=NO_KEY[0])
            for event in events:
                profile.take_in(event)
            return events
        events = [event for event in events if event.event_id not in profile.voids]
        for event in self.one.events:
            if event.type not in NOT_FOLDED and event.event_id not in profile.voids:
                profile.take_in(event)
        return events

    def _retell(
        self,
        projection: Projection,
        pieces: Sequence[tuple[int, Sequence[Event]]],
        rows: Sequence[RecordRow],
    ) -> Script[None]:
        folder, profile, machine = self.folder, self.profile, projection.machine
        standing = profile.standings.setdefault(projection.generation, Standing())
        before = standing.state_by(machine)
        try:
            retold = yield from self._fold(projection, pieces, rows)
        except FOLD_FAILURES as failure:
            attempts = self.attempts.get(projection.generation, 0)
            folder.park(profile, projection, failure, attempts=attempts)
            return
        folder.replace_state(profile, projection, before, retold.state)
        quiet = self.one.quiet
        folder.retract_records(
            profile,
            projection,
            rows[retold.kept :],
            head=self.head,
            cause=self.one.cause,
            quiet=quiet,
        )
        folder.assert_records(
            profile, projection, retold.contents, quiet=quiet, known_from=self.head
        )
        if projection.is_active:
            self._tell(projection, before, retold.state)

    def _tell(self, projection: Projection, before: State, after: State) -> None:
        """Let the newest event's receipt say where the subject stands now, if elsewhere."""
        was, now = before.stage_id, after.stage_id
        if now is None or (was, before.sequence) == (now, after.sequence) or not self.one.events:
            return
        position = max(event.position for event in self.one.events)
        change = StageChange(projection.model, was, now, after.sequence)
        self.folder.told.setdefault(position, []).append(change)

    def _fold(
        self,
        projection: Projection,
        pieces: Sequence[tuple[int, Sequence[Event]]],
        rows: Sequence[RecordRow],
    ) -> Script[_Retold]:
        """Fold the pieces, note standings at the ring's places, then let time pass until now."""
        machine, generation = projection.machine, projection.generation
        begun = self.start.standings.get(generation) or Standing()
        state = begun.state_by(machine)
        contents: list[Content] = []
        if self.start.key < (projection.since, 0):
            early, pieces = _split(pieces, projection.since)
            state, recorded = projection.lineage.fold(early)
            contents += map(content_of, recorded)
        for ordinal, events in pieces:
            for begin in range(0, len(events), EVENTS_BETWEEN_TURNS):
                part = events[begin : begin + EVENTS_BETWEEN_TURNS]
                state, recorded = machine.fold(part, state)
                contents += map(content_of, recorded)
                if len(part) == EVENTS_BETWEEN_TURNS:
                    yield from ask(GiveTurn())
            if ordinal % SNAPSHOT_EVENTS == 0:
                standing = (generation, 0, begun.live + len(contents), machine.encode(state))
                self.rings.setdefault(ordinal, []).append(standing)
        if state.stage_id is not None:
            state, passed = machine.advance(state, self.folder.now)
            contents += map(content_of, passed)
        same = stays_before(rows[begun.live :], contents)
        return _Retold(state, contents[same:], begun.live + same)

    def _keep_ring(self, pieces: Sequence[tuple[int, Sequence[Event]]]) -> None:
        """Replace the snapshots after the point from which the history is another one."""
        changes, ref = self.folder.changes, self.profile.ref
        key = FROM_THE_START if self.one.is_whole else self.one.first_key
        changes.lost_snapshots.append((*ref, *key))
        last = {ordinal: events[-1].fold_key for ordinal, events in pieces if events}
        for ordinal, standings in self.rings.items():
            if ordinal in last:
                slot = ordinal // SNAPSHOT_EVENTS % SNAPSHOTS_MAX
                row = (slot, *last[ordinal], ordinal, encode_standings(standings))
                changes.snapshots.append((*ref, *row))


def _split(
    pieces: Sequence[tuple[int, Sequence[Event]]], instant: int
) -> tuple[list[Event], list[tuple[int, Sequence[Event]]]]:
    """Return the events before *instant*, and the pieces of those that follow."""
    early = [event for _, events in pieces for event in events if event.effective_at < instant]
    rest = [
        (ordinal, [event for event in events if event.effective_at >= instant])
        for ordinal, events in pieces
    ]
    return early, [(ordinal, events) for ordinal, events in rest if events]


def _pieces(events: Sequence[Event], folded: int) -> Iterator[tuple[int, Sequence[Event]]]:
    """Yield *events* cut at the ring's last places, each piece with the count at its end."""
    total = folded + len(events)
    first = (total // SNAPSHOT_EVENTS - SNAPSHOTS_MAX + 1) * SNAPSHOT_EVENTS
    begun = 0
    for ordinal in range(max(first, SNAPSHOT_EVENTS), total + 1, SNAPSHOT_EVENTS):
        end = ordinal - folded
        if end > begun:
            yield ordinal, events[begun:end]
            begun = end
    if total % SNAPSHOT_EVENTS or not events:
        yield total, events[begun:]
