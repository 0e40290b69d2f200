"""Records judged by the door that every event passes: events, refusals and tombstones.

An event without an id gets that of its record, so reading a record again stores it once. One
without a time happened when its record says; what is refused is kept with all that its record was.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from projections.events.log import Receipt
from projections.registers.rejected import RejectedEvent
from service.consuming.reading import TRACEPARENT, said_by
from service.consuming.records import Place, Record
from service.door.events import Door, Origin, Refused
from service.door.readings import Reading
from service.intake.ingest import Outcome
from service.intake.rejections import Rejections
from service.ports import Clock, NewEvent

ROUTE = "kafka"
_MILLISECOND = 1_000
_BYTES_AT_ONCE = 256 << 10
_TRACEPARENT_MAX = 128
_KEPT_OF_HEADERS = 4_096
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one record at the door; a tombstone is no event and no refusal."""

    place: Place
    record: Record
    origin: Origin
    text: bytes
    found: NewEvent | Refused | None
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the records of a batch, in their order."""

    judged: Sequence[Judged]
    rejections: Rejections

    @property
    def events(self) -> list[NewEvent]:
        """Those that are offered to the log."""
        return [each.found for each in self.judged if isinstance(each.found, NewEvent)]

    @property
    def tombstones(self) -> int:
        """How many said nothing."""
        return sum(each.found is None for each in self.judged)

    def outcomes(self, receipts: Sequence[Receipt]) -> list[Outcome]:
        """Return what became of each that said something; *receipts* are those of the events."""
        return [outcome for _, outcome in self._told(receipts)]

    def refused(self, receipts: Sequence[Receipt]) -> list[RejectedEvent]:
        """Return what is kept of those that the door or the log refused."""
        return [
            self.rejections.rejected(
                judged.text, outcome, judged.origin, ROUTE, record=_told_of(judged)
            )
            for judged, outcome in self._told(receipts)
            if outcome.status == "rejected"
        ]

    def _told(self, receipts: Sequence[Receipt]) -> list[tuple[Judged, Outcome]]:
        of_events = iter(receipts)
        return [
            (each, Outcome(None, refused=each.found))
            if isinstance(each.found, Refused)
            else (each, Outcome(next(of_events), warning=each.warning))
            for each in self.judged
            if each.found is not None
        ]


@dataclass(frozen=True, slots=True)
class _Common:
    """The short way of records of one place that need nothing but their value to be told.

    Attributes:
        origin: What all of them have in common.
    """

    place: Place
    origin: Origin
    door: Door

    def judged(self, record: Record) -> Judged | None:
        """Return what *record* is if it has no headers and says what most say; else None."""
        value = record.value
        if record.headers or value is None:
            return None
        try:
            event = self.door.usual(value.decode())
        except UnicodeDecodeError:
            return None
        return None if event is None else Judged(self.place, record, self.origin, value, event)


class Judge:
    """Judges records of certain topics."""

    def __init__(
        self,
        rejections: Rejections,
        clock: Clock,
        *,
        tenants: Mapping[str, str],
        source: str,
        customer_pointer: str = "",
    ) -> None:
        """Judge records by the door that *rejections* sends what it keeps through again.

        Args:
            rejections: Says how what is refused is kept.
            clock: No event is later than its now.
            tenants: Whose the events of each topic are.
            source: Of events that name none.
            customer_pointer: Where a CloudEvent's data name the customer.
        """
        self.intake = rejections.intake
        self._rejections = rejections
        self._clock = clock
        self._tenants = tenants
        self._source = source
        self._customer_pointer = customer_pointer

    async def judge(self, place: Place, records: Sequence[Record]) -> list[Judged]:
        """Return what is found of *records*; others get their turn meanwhile."""
        now = self._clock.now()
        common = self._common(place, now)
        judged: list[Judged] = []
        since_pause = 0
        for record in records:
            since_pause += len(record.value or b"")
            if since_pause > _BYTES_AT_ONCE:
                since_pause = 0
                await asyncio.sleep(0)
            judged.append(common.judged(record) or self._judge(place, record, now))
        return await self._screened(judged)

    async def _screened(self, judged: list[Judged]) -> list[Judged]:
        """Return *judged* after what their tenant asks of events, in the words of each format."""
        by_format: dict[str, list[int]] = {}
        for number, each in enumerate(judged):
            if isinstance(each.found, NewEvent):
                by_format.setdefault(each.found.api_format, []).append(number)
        for numbers in by_format.values():
            events = [found for number in numbers if (found := judged[number].found)]
            after, warnings = await self.intake.screened(events, judged[numbers[0]].origin)
            for place, number in enumerate(numbers):
                if after[place] is not judged[number].found or place in warnings:
                    judged[number] = replace(
                        judged[number], found=after[place], warning=warnings.get(place)
                    )
        return judged

    def verdict(self, judged: Sequence[Judged]) -> Verdict:
        """Return what *judged* amount to."""
        return Verdict(judged, self._rejections)

    def _judge(self, place: Place, record: Record, now: int) -> Judged:
        origin = self._origin(place, record, now)
        if record.value is None:
            return Judged(place, record, origin, b"", None)
        bounds = self.intake.bounds
        said = said_by(record, bounds, self._customer_pointer)
        if isinstance(said, Refused):
            return Judged(place, record, origin, record.value, said)
        origin = self._origin(place, record, now, said.reading)
        found = Door(bounds, origin).check(said.text)
        text = record.value if said.reading is None else said.text.encode("utf-8", "surrogatepass")
        return Judged(place, record, origin, text, found)

    def _common(self, place: Place, now: int) -> _Common:
        origin = Origin(self._tenants[place.topic], self._source, now, new_id=str)
        return _Common(place, origin, Door(self.intake.bounds, origin))

    def _origin(
        self,
        place: Place,
        record: Record,
        now: int,
        reading: Reading | None = None,
    ) -> Origin:
        return Origin(
            tenant=self._tenants[place.topic],
            source=self._source,
            now=now,
            new_id=lambda: f"{place.topic}/{place.partition}@{record.offset}",
            traceparent=_traceparent(record),
            reading=reading,
            received_at=_written_at(record, now),
        )


def _written_at(record: Record, now: int) -> int | None:
    """Return when *record* says it was written; not later than *now*, for clocks differ."""
    return None if record.timestamp < 0 else min(record.timestamp * _MILLISECOND, now)


def _traceparent(record: Record) -> str | None:
    for name, value in record.headers:
        if name == TRACEPARENT and value:
            return value.decode("latin-1")[:_TRACEPARENT_MAX]
    return None


def _told_of(judged: Judged) -> str:
    """Return as JSON where the record was and what stood beside its value."""
    record = judged.record
    headers = {name: _shown(value or b"") for name, value in record.headers}
    members = {
        "topic": judged.place.topic,
        "partition": judged.place.partition,
        "offset": record.offset,
        "key": None if record.key is None else _shown(record.key),
        "headers": headers,
    }
    return _encode(members).decode()


def _shown(octets: bytes) -> str:
    """Return *octets* as text, or as base64 where they are none; not more than is of use."""
    kept = octets[:_KEPT_OF_HEADERS]
    try:
        text = kept.decode()
    except UnicodeDecodeError:
        return f"base64:{base64.b64encode(kept).decode()}"
    return text.replace("\0", "\N{SYMBOL FOR NULL}")  # PostgreSQL keeps no U+0000
