"""Folding: admitted events carried into profiles, standings, records and the feed.

Events in order are stepped from where the subject stands. Late ones, voids and joins fold the
history again from the newest snapshot before them, or from the start; records that are then told
otherwise are retracted from the first difference on, and the new ones asserted. Nothing is deleted
that anybody may have seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

from domain.events import NOT_FOLDED, Event
from domain.transitions import Transition
from projections.asking import GiveTurn, Script, ask
from projections.events.log import StageChange
from projections.models.ranges import EVERY_BUCKET
from projections.rows.changes import Changes
from projections.rows.questions import WriteChanges
from projections.rows.records import (
    Content,
    Projection,
    RecordRow,
    begun_row,
    content_of,
)
from projections.subjects.profiles import NO_KEY, Profile, dated_row, profile_row, touched_row
from projections.subjects.standings import Place, Standing, encode_standings, place_of

if TYPE_CHECKING:
    from domain.machine import State

fold_key = attrgetter("effective_at", "position")
SNAPSHOT_EVENTS = 32
SNAPSHOTS_MAX = 8
MINUTE = 60_000_000
RETRY_MINUTES_MAX = 24 * 60

FOLD_FAILURES = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What a fold may raise for a subject that it cannot cope with; the subject is then parked."""


class Folder:
    """Folds subjects one by one and gathers the rows to write.

    Attributes:
        changes: The rows.
        now: The instant as of which is folded.
        kept: Generations that are being folded.
        told: Per log position, the stage changes that its receipt tells.
        unfolded: Subjects of which some generation is parked.
    """

    def __init__(self, changes: Changes, projections: Iterable[Projection], now: int) -> None:
        """Fold for *projections*; *now* is the instant at which the batch is recorded."""
        self.changes = changes
        self.now = now
        self.told: dict[int, list[StageChange]] = {}
        self.unfolded: set[tuple[int, int]] = set()
        self._finished: dict[tuple[int, int], Profile] = {}
        self._projections = list(projections)
        self._of: dict[tuple[str, bool], list[Projection]] = {}
        self.kept = {one.generation: one.machine for one in self._projections}
        for projection in self._projections:
            key = (projection.tenant, projection.is_account)
            self._of.setdefault(key, []).append(projection)
        self._is_complete = all(one.built == EVERY_BUCKET for one in self._projections)

    def of(self, profile: Profile) -> list[Projection]:
        """Return the projections that contain the subject and fold it at present."""
        found = self._of.get((profile.tenant, profile.kind == "account"), [])
        if self._is_complete and not profile.parked:
            return found
        return [
            projection
            for projection in found
            if projection.built >> profile.bucket & 1
            and projection.generation not in profile.parked
        ]

    # ------------------------------------------------------------ in order

    def step(self, profile: Profile, events: Sequence[Event], *, quiet: bool) -> None:
        """Fold *events*, none of them before what *profile* has settled."""
        counted = _counted(profile, events)
        if counted:
            before = profile.events
            for event in counted:
                profile.take_in(event)
            for projection in self.of(profile):
                self._step(profile, projection, counted, quiet=quiet)
            if before // SNAPSHOT_EVENTS != profile.events // SNAPSHOT_EVENTS:
                self._take_snapshot(profile)
        self.finish(profile)

    def _step(
        self, profile: Profile, projection: Projection, events: Sequence[Event], *, quiet: bool
    ) -> None:
        generation = projection.generation
        standing = profile.standings.get(generation)
        if standing is None:
            standing = profile.standings[generation] = Standing()
        try:
            before, after, recorded = standing.carry_on(projection.lineage, events)
        except FOLD_FAILURES as failure:
            self.park(profile, projection, failure)
            return
        profile.settled_at = max(profile.settled_at, after.at)
        if before != place_of(after):
            self._place(profile, projection, before, after)
        if recorded:
            contents = [content_of(transition) for transition in recorded]
            self.assert_records(profile, projection, contents, quiet=quiet)
            if projection.is_active:
                self._tell(projection, recorded)

    def _tell(self, projection: Projection, recorded: Sequence[Transition]) -> None:
        """Let the receipts of events say which stages they changed."""
        for transition in recorded:
            if transition.kind != "transition" or transition.cause.event_id is None:
                continue
            told = self.told.setdefault(transition.position, [])
            source = transition.from_stage
            if told and told[-1].model == projection.model:
                source = told.pop().from_stage
            told.append(
                StageChange(projection.model, source, transition.to_stage, transition.sequence)
            )

    # ------------------------------------------------------------ rows

    def replace_state(
        self, profile: Profile, projection: Projection, before: State, after: State
    ) -> None:
        """Let *profile* stand where *after* says, and the counts with it."""
        profile.standings[projection.generation].becomes(after)
        profile.settled_at = max(profile.settled_at, after.at)
        if place_of(before) != place_of(after):
            self._place(profile, projection, place_of(before), after)

    def _place(self, profile: Profile, projection: Projection, before: Place, after: State) -> None:
        changes, generation = self.changes, projection.generation
        key = (profile.bucket, generation, profile.subject_id)
        stage, entered_at, _ = before
        if stage >= 0:
            changes.count(generation, after.stage_ids[stage], entered_at, -1)
        if after.stage_id is None:
            changes.lost_stages.append(key)
            return
        changes.count(generation, after.stage_id, after.entered_at, 1)
        place = (after.stage_id, after.entered_at, after.sequence, after.cycle)
        changes.stages.append((*key, *place))

    def assert_records(
        self,
        profile: Profile,
        projection: Projection,
        contents: Sequence[Content],
        *,
        quiet: bool,
        known_from: int = 0,
    ) -> None:
        """Write records that hold from now on; their knowledge begins at *known_from* or later."""
        standing = profile.standings[projection.generation]
        announced = projection.is_active
        self.count_stays(projection, contents, 1)
        for content in contents:
            standing.number += 1
            standing.live += 1
            record = (
                profile.bucket,
                projection.generation,
                profile.subject_id,
                standing.number,
                *content,
                self.now,
                max(content[-1], known_from),
                int(announced),
            )
            self.changes.records.append(record)
            if announced:
                self.changes.announce(profile.tenant, record, kind="asserted", quiet=quiet)

    def begin_records(
        self,
        profile: Profile,
        projection: Projection,
        records: Sequence[tuple[Content, int, int]],
    ) -> None:
        """Write records of a new generation, quietly.

        Each comes with the position and the instant from which it could be known.
        """
        standing = profile.standings[projection.generation]
        self.count_stays(projection, [content for content, _, _ in records], 1)
        for content, position, recorded_at in records:
            standing.number += 1
            standing.live += 1
            key = (profile.bucket, projection.generation, profile.subject_id, standing.number)
            self.changes.records.append(begun_row(key, content, position, recorded_at))

    def retract_records(
        self,
        profile: Profile,
        projection: Projection,
        rows: Sequence[RecordRow],
        *,
        head: int,
        cause: str,
        quiet: bool = False,
    ) -> None:
        """Let *rows* hold no longer."""
        standing = profile.standings[projection.generation]
        self.count_stays(projection, [row.content for row in rows], -1)
        for row in rows:
            key = (profile.bucket, projection.generation, profile.subject_id, row.number)
            self.changes.retractions.append((head, self.now, cause, *key))
            standing.live -= 1
            if projection.is_active:
                self.changes.announce(profile.tenant, key, kind="retracted", quiet=quiet)

    def count_stays(self, projection: Projection, contents: Sequence[Content], change: int) -> None:
        """Count the stays that records of *contents* ended once more (1), or once less (-1)."""
        for content in contents:
            self.changes.count_stay(projection.generation, content, change)

    def lose(
        self,
        profile: Profile,
        records: Mapping[tuple[int, tuple[int, int]], Sequence[RecordRow]],
        head: int,
        *,
        cause: str = "merge",
        quiet: bool = False,
    ) -> None:
        """Take a subject that has become part of another, or nobody's, out of every projection."""
        for projection in self._projections:
            standing = profile.standings.get(projection.generation)
            if standing is None:
                continue
            rows = records.get((projection.generation, profile.ref), ())
            self.retract_records(profile, projection, rows, head=head, cause=cause, quiet=quiet)
            before = standing.state_by(projection.machine)
            self._place(profile, projection, place_of(before), projection.machine.initial())
        self.changes.lost_profiles.append(profile.ref)
        self.changes.lost_snapshots.append((*profile.ref, *NO_KEY))
        self.unpark(profile)

    def finish(self, profile: Profile) -> None:
        """Note that *profile* stands where it is to stand; its row is `write_profiles`' affair."""
        self._set_due(profile)
        if profile.standings.keys() != self.kept.keys():
            for generation in profile.standings.keys() - self.kept.keys():
                del profile.standings[generation]
        if profile.parked:
            self.unfolded.add(profile.ref)
        self._finished[profile.ref] = profile

    def hand_over(self) -> Script[None]:
        """Have written what is finished, and let others have a turn.

        Counts wait for the last rows: of each there is one, however many subjects it counts.
        """
        self.write_profiles()
        done = self.changes
        rest = self.changes = Changes(done.feed_position)
        rest.counts, done.counts = done.counts, {}
        rest.stays, done.stays = done.stays, {}
        yield from ask(WriteChanges(done))
        yield from ask(GiveTurn())

    def write_profiles(self) -> None:
        """Make rows of the profiles that are finished, one of each however often it was folded."""
        for profile in self._finished.values():
            self._write_profile(profile)
        self._finished.clear()

    def _write_profile(self, profile: Profile) -> None:
        """Make the row of *profile*: all of it, or the little that every event changes."""
        states = self._states(profile)
        if profile.is_thorough or not profile.is_stored:
            self.changes.profiles.append(profile_row(profile, states))
        elif profile.is_new_day:
            self.changes.dated.append(dated_row(profile, states))
        else:
            self.changes.touched.append(touched_row(profile, states))
        profile.is_stored = True
        profile.is_thorough = profile.is_new_day = False

    def _set_due(self, profile: Profile) -> None:
        """Keep `due_at` at or below the next deadline, changing it as seldom as that allows.

        A deadline that each event puts off would otherwise cost an index entry per event; the
        sweeper finds the row once when the old deadline comes, and learns the new one.
        """
        stored = profile.due_at
        if stored is not None and self.now < stored and not self._may_be_due(profile, stored):
            return
        exact = self.next_deadline(profile)
        if stored is None or stored <= self.now or (exact is not None and exact < stored):
            profile.is_thorough |= exact != stored
            profile.due_at = exact

    def _may_be_due(self, profile: Profile, instant: int) -> bool:
        """Tell whether a standing may have a deadline before *instant*, by the bounds they keep."""
        for standing in profile.standings.values():
            if standing.state is None or standing.state.due < instant:
                return True
        return False

    def next_deadline(self, profile: Profile) -> int | None:
        """Return the earliest instant at which time alone may change any of the standings."""
        earliest: int | None = None
        for projection in self.of(profile):
            standing = profile.standings.get(projection.generation)
            if standing is None:
                continue
            due = projection.machine.next_deadline(standing.state_by(projection.machine))
            if due is not None and (earliest is None or due < earliest):
                earliest = due
        return earliest

    def _states(self, profile: Profile) -> bytes:
        machines = self.kept
        return encode_standings(
            [
                (generation, one.number, one.live, one.bytes_by(machines[generation]))
                for generation, one in profile.standings.items()
                if generation in machines
            ]
        )

    def _take_snapshot(self, profile: Profile) -> None:
        """Keep where the subject stands after these events, in the ring."""
        slot = profile.events // SNAPSHOT_EVENTS % SNAPSHOTS_MAX
        row = (slot, profile.last_at, profile.last_position, profile.events, self._states(profile))
        self.changes.snapshots.append((*profile.ref, *row))

    # ------------------------------------------------------------ trouble

    def park(
        self, profile: Profile, projection: Projection, failure: Exception, *, attempts: int = 0
    ) -> None:
        """Leave the subject unfolded in one projection; others go on."""
        attempts += 1
        profile.parked[projection.generation] = attempts
        profile.is_thorough = True
        wait = min(2 ** min(attempts - 1, 16), RETRY_MINUTES_MAX) * MINUTE
        key = (profile.bucket, projection.generation, profile.subject_id)
        reason = f"{type(failure).__name__}: {failure}"[:500]
        self.changes.parked.append((*key, profile.last_position, reason, attempts, self.now + wait))

    def unpark(self, profile: Profile) -> None:
        """Fold the subject again in every projection."""
        for generation in profile.parked:
            self.changes.unparked.append((profile.bucket, generation, profile.subject_id))
        profile.is_thorough |= bool(profile.parked)
        profile.parked = {}


def _counted(profile: Profile, events: Sequence[Event]) -> Sequence[Event]:
    """Return those of *events* that are folded, in fold order."""
    voids = profile.voids
    if len(events) == 1 and not voids:
        return () if events[0].type in NOT_FOLDED else events
    ordered = sorted(events, key=fold_key)
    for event in ordered:
        if event.type in NOT_FOLDED or event.event_id in voids:
            break
    else:
        return ordered
    return [
        event for event in ordered if event.type not in NOT_FOLDED and event.event_id not in voids
    ]
