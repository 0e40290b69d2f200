"""A stretch: the histories of a range of buckets folded while everybody else goes on.

What is read is compared at the end with what is there by then, under the lock; who has changed
meanwhile is folded again. So nobody waits for the folding, and nothing is missed. Most subjects are
plain: their history is their own events as the index has them, with nothing to join or leave out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, NoReturn

from domain.events import NOT_FOLDED, Event
from projections.asking import Ref
from projections.events.history import counting
from projections.events.payloads import decoder
from projections.folding.folder import FOLD_FAILURES
from projections.rebuilding.building import learned, retold
from projections.rows.changes import Row
from projections.rows.records import Projection, StayKey, begun_row, content_of, stay_key
from projections.subjects.profiles import DAY, members_in
from projections.subjects.standings import with_standing

if TYPE_CHECKING:
    from domain.machine import State
    from domain.transitions import Transition
    from projections.events.history import LoggedEvent

SEEN_COLUMNS = (
    "bucket",
    "subject_id",
    "kind",
    "name",
    "members",
    "voids",
    "repeats",
    "due_at",
    "settled_at",
    "states",
)
"""What is read of everybody in a range; `seen_in` makes them of it."""

RANGE_COLUMNS = (
    "subject_id",
    "position",
    "effective_at",
    "type",
    "event_id",
    "recorded_at",
)
"""What is read of every event; then its content where versions read that of its type, else None."""

ORIGIN_COLUMNS = ("source", "occurred_at")
"""What is read beside it where versions look at the origin."""

_by_subject = itemgetter(RANGE_COLUMNS.index("subject_id"))
_TYPE = RANGE_COLUMNS.index("type")
_RECORDED_AT = RANGE_COLUMNS.index("recorded_at")
_UNREAD = "unread"


@dataclass(frozen=True, slots=True)
class Seen:
    """A canonical subject as it was when its range was read.

    Attributes:
        customer: What its events say of whom they were sent for.
        members: The subjects whose histories it unites.
        is_plain: Whether its history is its own events, in order, but for those never folded.
        version: Another one as soon as its row has changed.
    """

    ref: Ref
    customer: str
    members: Sequence[Ref]
    is_plain: bool
    due_at: int | None
    settled_at: int
    states: bytes
    version: int


def seen_in(row: Row, *, is_account: bool, version: int = 0) -> Seen:
    """Return the subject that a row of `SEEN_COLUMNS` holds."""
    bucket, subject, kind, name, members, voids, repeats, due_at, settled_at, states = row
    return Seen(
        ref=(bucket, subject),
        customer=f"anon:{name}" if kind == "anonymous" else name,
        members=members_in(members) or ((bucket, subject),),
        is_plain=members is None and voids is None and not repeats and not is_account,
        due_at=due_at,
        settled_at=settled_at,
        states=states,
        version=version,
    )


class Stretch:
    """What a range came to.

    Attributes:
        projection: What it is folded for.
        seen: Who was there when it was read.
        records: Rows of `transitions`, until they are taken away to be written.
        stages: Rows of `stages`, likewise.
        standings: due_at, settled_at, states, bucket, subject_id; what profiles become.
        failed: Those that cannot be folded.
        events: How many were folded.
    """

    def __init__(self, projection: Projection, kept: frozenset[int], now: int) -> None:
        """Fold for *projection* up to *now*; standings of other generations than *kept* go."""
        self.records: list[Row] = []
        self.stages: list[Row] = []
        self.standings: dict[Ref, Row] = {}
        self.failed: set[Ref] = set()
        self.seen: dict[Ref, Seen] = {}
        self.events = 0
        self._places: dict[Ref, tuple[str, int]] = {}
        self._stays: Counter[StayKey] = Counter()
        self._stays_of: dict[Ref, list[StayKey]] = {}
        self.projection = projection
        self._kept = kept
        self._now = now
        self._told = _events_and_origins if projection.lineage.needs.origin else _events

    def take(self, seen: Seen, events: Sequence[Event], recorded_at: Sequence[int]) -> None:
        """Fold a whole history: what counts of it, in fold order, and when each was recorded."""
        try:
            state, recorded = retold(self.projection, events, self._now)
        except FOLD_FAILURES:
            self.failed.add(seen.ref)
            return
        self.events += len(events)
        self._stand(seen, state, len(recorded))
        if recorded:
            self._record(seen.ref, recorded, [event.position for event in events], recorded_at)

    def take_in_order(
        self, rows: Iterable[Row], relieve: Callable[[], None] = lambda: None
    ) -> None:
        """Fold everybody who is plain: rows of `RANGE_COLUMNS` and more, in order of subject.

        A subject's rows are in fold order. *relieve* is called after each.
        """
        plain = {ref[1]: one for ref, one in self.seen.items() if one.is_plain}
        for subject, found in groupby(rows, key=_by_subject):
            one = plain.pop(subject, None)
            if one is not None:
                self._take_rows(one, found)
                relieve()
        for one in plain.values():
            self.take(one, (), ())

    def _take_rows(self, seen: Seen, rows: Iterable[Row]) -> None:
        found = [row for row in rows if row[_TYPE] not in NOT_FOLDED]
        events = self._told(found, seen.customer)
        self.take(seen, events, [row[_RECORDED_AT] for row in found])

    @property
    def others(self) -> list[Seen]:
        """Those whose history has to be put together, or has something taken out."""
        return [one for one in self.seen.values() if not one.is_plain]

    def take_history(self, seen: Seen, history: Sequence[LoggedEvent]) -> None:
        """Fold what is in the log of one of *others*."""
        recorded_at = {row.event.position: row.recorded_at for row in history}
        found = counting(history)
        self.take(seen, found, [recorded_at[each.position] for each in found])

    def counts(self, without: Iterable[Ref]) -> list[Row]:
        """Return what is to be added to `stage_counts`, all but *without*."""
        left = set(without)
        counted = Counter(place for ref, place in self._places.items() if ref not in left)
        return [(self.projection.generation, *place, count) for place, count in counted.items()]

    def stay_counts(self, without: Iterable[Ref]) -> list[Row]:
        """Return what is to be added to `stay_counts`, all but *without*."""
        counted = Counter(self._stays)
        for ref in without:
            counted.subtract(self._stays_of.get(ref, ()))
        return [(*key, count) for key, count in counted.items() if count]

    def _stand(self, seen: Seen, state: State, count: int) -> None:
        machine, generation = self.projection.machine, self.projection.generation
        due = machine.next_deadline(state)
        if due is None or (seen.due_at is not None and seen.due_at < due):
            due = seen.due_at
        states = with_standing(
            seen.states, self._kept, (generation, count, count, machine.encode(state))
        )
        bucket, subject_id = seen.ref
        settled_at = max(seen.settled_at, state.at)
        self.standings[seen.ref] = (due, settled_at, states, bucket, subject_id)
        stage = state.stage_id
        if stage is not None:
            place = (stage, state.entered_at, state.sequence, state.cycle)
            self.stages.append((bucket, generation, subject_id, *place))
            self._places[seen.ref] = (stage, state.entered_at // DAY)

    def _record(
        self,
        ref: Ref,
        recorded: Sequence[Transition],
        positions: Sequence[int],
        recorded_at: Sequence[int],
    ) -> None:
        known = learned(recorded, positions, recorded_at)
        generation = self.projection.generation
        contents = [content_of(one) for one in recorded]
        for number, (one, content) in enumerate(zip(recorded, contents, strict=True), start=1):
            key = (ref[0], generation, ref[1], number)
            self.records.append(begun_row(key, content, *known[one.position]))
        ended = [stay_key(generation, content) for content in contents]
        stays = self._stays_of[ref] = [key for key in ended if key is not None]
        self._stays.update(stays)


def _events(rows: Sequence[Row], customer: str) -> list[Event]:
    """Return the events of *rows*; every event of the log passes here, so columns go by number."""
    return [
        Event(position, at, name, event_id, "", 0, customer, _UNREAD, _unread)
        if content is None
        else _read(Event(position, at, name, event_id, "", 0, customer), content)
        for _, position, at, name, event_id, _, content in rows
    ]


def _events_and_origins(rows: Sequence[Row], customer: str) -> list[Event]:
    """Return the events of *rows* that end with `ORIGIN_COLUMNS`."""
    found: list[Event] = []
    for _, position, at, name, event_id, _, content, source, occurred_at in rows:
        event = Event(position, at, name, event_id, source, occurred_at, customer, _UNREAD, _unread)
        found.append(event if content is None else _read(event, content))
    return found


def _read(event: Event, content: str) -> Event:
    """Return *event* with its content: the format that it came in, a blank, its text."""
    form, _, event.text = content.partition(" ")
    event.decode = decoder(form)
    return event


def _unread(_payload: str | bytes) -> NoReturn:
    """Refuse to tell properties of an event of which `Needs` say that no version reads them.

    Raises:
        AssertionError: Always; it is our own mistake, and no stage may rest on it.
    """
    raise AssertionError("properties: expected them to be read of no event of this type")
