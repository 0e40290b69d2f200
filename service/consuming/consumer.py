"""The consumer: takes records of another log in, each once, whatever becomes of members and places.

Where to go on in a partition is kept in our own database, in the transaction that stores what its
records became, on condition that it is still what this member read. Who lost a partition and does
not know it stores nothing. So the group's protocol decides who works, and never what is true; what
the other side believes about our offsets is for people's tools.

A batch is taken only when the one before it is stored: where the store is slow, nothing piles up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from projections.asking import EVERYBODY
from projections.registers.consumed import Intake as Companion
from projections.registers.consumed import OffsetTaken, Stretch, consumed
from service.consuming.figures import ConsumerFigures
from service.consuming.judging import Judge, Judged
from service.consuming.records import OutOfRange, Place, Record, RecordLog, RecordsUnavailable
from service.consuming.tombstones import Tombstones, parts
from service.intake.ingest import Outcome
from service.ports import Clock, Store, StoreError

RECORDS_MAX = 2_000
TELL_SECONDS = 5.0
"""How often people's tools hear how far we have come."""

TROUBLE_SECONDS_MAX = 10.0
_TROUBLE_SECONDS = 0.25
_DOUBLINGS_MAX = 10

_log = structlog.get_logger("stagefold.consumer")


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a partition is begun of which nothing has been taken in yet.

    Attributes:
        at_end: Behind what is there already, not at its oldest record.
    """

    at_end: bool = False


class Consumer:
    """Does one round of taking records in at a time; whoever runs it decides when."""

    def __init__(
        self,
        records: RecordLog,
        store: Store,
        clock: Clock,
        judge: Judge,
        *,
        count: Callable[[Sequence[Outcome]], None] = lambda _: None,
        beginning: Beginning | None = None,
        tombstones: Tombstones | None = None,
        records_max: int = RECORDS_MAX,
    ) -> None:
        """Take in what *records* hold, as *judge* finds, into *store*; tell *count* what of it.

        Without *tombstones*, a record without a value says nothing.
        """
        self._records = records
        self._store = store
        self._clock = clock
        self._intake = judge.intake
        self._judge = judge
        self.figures = ConsumerFigures()
        self._count = count
        self._beginning = beginning or Beginning()
        self._tombstones = tombstones
        self._records_max = records_max
        self._term = -1
        self._next: dict[Place, int] = {}
        self._untold: dict[Place, int] = {}
        self._told_at = 0.0
        self._troubles = 0

    async def round(self) -> bool:
        """Take a batch in, or find out why not and wait a little; to be repeated at once."""
        try:
            await self._records.join()
            await self._find_places()
            await self._take_in(await self._records.take(self._records_max))
            await self._tell()
        except OffsetTaken as taken:
            self._next.clear()
            self.figures.fenced += 1
            _log.info("records_taken_by_another", found=str(taken))
        except OutOfRange as gone:
            await self._begin_anew(gone.places)
        except (RecordsUnavailable, StoreError) as error:
            await self._rest(error)
            return True
        self._troubles = 0
        self.figures.trouble = None
        return True

    async def close(self) -> None:
        """Say how far we have come, and leave."""
        await self._tell(at_once=True)
        await self._records.close()

    async def _rest(self, error: Exception) -> None:
        """Wait, longer each time; what was taken and not stored is sought again afterwards."""
        self._next.clear()
        self._troubles += 1
        self.figures.trouble = str(error)
        grown = _TROUBLE_SECONDS * 2 ** min(self._troubles - 1, _DOUBLINGS_MAX)
        seconds = min(grown, TROUBLE_SECONDS_MAX)
        _log.warning("records_wait", why=str(error), times=self._troubles, seconds=seconds)
        await asyncio.sleep(seconds)

    # ------------------------------------------------------------ where to go on

    async def _find_places(self) -> None:
        """Seek each partition that is new in this term to where the store says."""
        term = self._records.term
        if term != self._term:
            self._next.clear()
            self._untold.clear()
            self._term = term
        missing = [place for place in self._records.places() if place not in self._next]
        if not missing:
            return
        found = await self._stored(missing)
        fresh = [place for place in missing if place not in found]
        if fresh:
            found |= await self._begin(fresh)
        if self._records.term != term:
            return
        for place, offset in found.items():
            self._records.seek(place, offset)
            self._next[place] = offset
        self.figures.held = len(self._next)

    async def _stored(self, places: Sequence[Place]) -> dict[Place, int]:
        stored = {
            topic: await self._store.look(consumed(topic), of=EVERYBODY)
            for topic in sorted({place.topic for place in places})
        }
        return {
            place: stored[place.topic][place.partition]
            for place in places
            if place.partition in stored[place.topic]
        }

    async def _begin(self, places: Sequence[Place]) -> dict[Place, int]:
        """Write down where partitions begin that nobody has taken anything of.

        At once, and not with the first record: what arrives meanwhile must not be passed over.
        """
        ask = self._records.end_offsets if self._beginning.at_end else self._records.first_offsets
        offsets = await ask(places)
        stretches = [Stretch(*place, None, offset) for place, offset in offsets.items()]
        await self._intake.append_with([], Companion(stretches, lambda _: (), self._clock.now()))
        return dict(offsets)

    async def _begin_anew(self, places: Mapping[Place, int]) -> None:
        """Go on at the oldest record where what came next is gone; that is said aloud.

        Either retention removed records that nobody had taken in, or the topic was made anew. Then
        what comes twice is known by its id.
        """
        first = await self._records.first_offsets(list(places))
        for place, offset in first.items():
            expected = self._next.pop(place, None)
            if expected is None:
                continue
            lost = max(0, offset - expected)
            self.figures.lost += lost
            stretch = Stretch(*place, expected, offset)
            await self._intake.append_with(
                [], Companion([stretch], lambda _: (), self._clock.now())
            )
            _log.error(
                "records_gone", **place._asdict(), expected=expected, found=offset, lost=lost
            )

    # ------------------------------------------------------------ what comes next

    async def _take_in(self, batches: Mapping[Place, Sequence[Record]]) -> None:
        """Store what *batches* say, and where they end, together."""
        if self._records.term != self._term:
            return
        fresh, expected = self._fresh(batches)
        for part in [fresh] if self._tombstones is None else parts(fresh):
            if part:
                expected |= await self._store_part(part, expected)
        self._next |= expected
        self._note_lag()  # what another member has taken in is behind no more

    def _fresh(
        self, batches: Mapping[Place, Sequence[Record]]
    ) -> tuple[dict[Place, Sequence[Record]], dict[Place, int]]:
        """Return what is to be stored of *batches*, and from which offsets on.

        Until it is stored, it is to be sought again: whatever goes wrong passes nothing over.
        """
        fresh: dict[Place, Sequence[Record]] = {}
        expected: dict[Place, int] = {}
        for place, records in batches.items():
            at = self._next.get(place)
            if at is None or not records or records[-1].offset < at:
                continue
            expected[place] = self._next.pop(place)
            fresh[place] = [record for record in records if record.offset >= at]
        return fresh, expected

    async def _store_part(
        self, part: Mapping[Place, Sequence[Record]], expected: Mapping[Place, int]
    ) -> dict[Place, int]:
        """Store what *part* says, and where it ends, together; return where to go on."""
        judged: list[Judged] = []
        for place, records in part.items():
            judged += await self._judge.judge(place, records)
        reached = {place: records[-1].offset + 1 for place, records in part.items()}
        stretches = [Stretch(*place, expected[place], end) for place, end in reached.items()]
        outcomes, tombstones = await self._stored_as(judged, stretches)
        self._untold |= reached
        self.figures.count(outcomes, tombstones)
        self._count(outcomes)
        return reached

    async def _stored_as(
        self, judged: list[Judged], stretches: list[Stretch]
    ) -> tuple[list[Outcome], int]:
        """Return what became of *judged*, and how many of them were tombstones."""
        now = self._clock.now()
        if self._tombstones is not None and judged[0].found is None:
            return await self._tombstones.take(judged[0], stretches[0], now), 1
        verdict = self._judge.verdict(judged)
        companion = Companion(stretches, verdict.refused, now)
        receipts = await self._intake.append_with(verdict.events, companion)
        return verdict.outcomes(receipts), verdict.tombstones

    def _note_lag(self) -> None:
        ends = self._records.known_ends()
        self.figures.lag = {
            place: max(0, end - self._next[place])
            for place, end in ends.items()
            if place in self._next
        }

    async def _tell(self, *, at_once: bool = False) -> None:
        now = asyncio.get_running_loop().time()
        if not self._untold or (now < self._told_at + TELL_SECONDS and not at_once):
            return
        untold, self._untold = self._untold, {}
        self._told_at = now
        await self._records.tell(untold)
