"""An import runs: records are judged by the door, appended in batches, and every one is counted.

While one batch is being written the next is read and judged. After each batch the rejected records
are on disk, then the bookmark, in this order: whenever the process dies, the next run offers again
what may be missing, and the log knows what it has.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from domain.instants import SECOND
from service.door.bounds import Bounds
from service.door.events import Door, Origin, Refused
from service.door.faults import Fault
from service.imports.bookmarks import Bookmark
from service.imports.lines import Place, Record, UnreadableFile
from service.imports.opening import OpenFile, opened
from service.imports.plan import Plan
from service.imports.rejected import Rejected
from service.intake.ingest import Outcome
from service.ports import Clock, NewEvent, Receipt, StoredEvent

BATCH_EVENTS_MAX = 2_000
BATCH_CHARACTERS_MAX = 4 << 20
_DIGEST_LENGTH = 12


Count = Callable[[Sequence[Outcome]], None]
"""Takes note of what became of a batch."""


def _uncounted(outcomes: Sequence[Outcome]) -> None:
    """Count nothing: where no metrics are told."""


class Appends(Protocol):
    """Takes events that passed the door; `service.intake.ingest.Intake` fits."""

    bounds: Bounds

    async def screened(
        self, judged: Sequence[NewEvent | Refused], origin: Origin
    ) -> tuple[list[NewEvent | Refused], dict[int, str]]:
        """Return *judged* after the screen, and warnings by place."""
        ...

    async def append(self, events: Sequence[NewEvent]) -> list[Receipt]:
        """Return the receipts of *events* once they are durable."""
        ...


class Looks(Protocol):
    """Tells what the log holds; every `Store` fits."""

    async def event(self, tenant: str, position: int) -> StoredEvent | None:
        """Return the event at *position*."""
        ...


class Keeps(Protocol):
    """Keeps where an import stands and what did not get in, so that a killed one goes on."""

    async def read(self) -> Bookmark | None:
        """Return where a former run stopped; None to begin at the first record."""
        ...

    def begin(self, bookmark: Bookmark) -> None:
        """Forget what was refused behind *bookmark*: it comes again."""
        ...

    async def refuse(self, rejected: Sequence[Rejected], origin: Origin) -> int:
        """Write *rejected* down and return how long that list is now, for the bookmark."""
        ...

    async def write(self, bookmark: Bookmark, share: float) -> None:
        """Keep *bookmark*, behind that share of the file, in place of the former one."""
        ...

    async def forget(self) -> None:
        """Let go of the bookmark: the import is finished."""
        ...

    def close(self) -> None:
        """Give back what is open."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """What to import, and as whom.

    Attributes:
        key_id: The API key that sent the file.
        is_forced: The key speaks for the plan's source only.
        event_types: Patterns of the types that the key may send; none for all.
    """

    path: Path
    plan: Plan
    tenant: str
    key_id: str | None = None
    is_forced: bool = False
    event_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import has come.

    Attributes:
        bookmark: Where it stands and what it counted.
        share: Share of the file that has been read, 0 to 1.
        events: Records dealt with by this run.
        seconds: How long this run has taken.
        resumed_at: Line behind which this run began; 0 for the beginning.
    """

    bookmark: Bookmark
    share: float
    events: int
    seconds: float
    resumed_at: int

    @property
    def events_per_second(self) -> float:
        """The rate of this run so far."""
        return self.events / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class _Batch:
    """Judged records up to a border: events for the log, and what was refused."""

    place: Place
    share: float
    origin: Origin
    events: list[NewEvent]
    sources: list[Record]
    refused: list[Rejected]


class FileImport:
    """One run over one file."""

    def __init__(
        self,
        task: Task,
        intake: Appends,
        log: Looks,
        clock: Clock,
        keeps: Keeps,
        *,
        count: Count = _uncounted,
    ) -> None:
        self._task = task
        self._intake = intake
        self._log = log
        self._clock = clock
        self._keeps = keeps
        self._count = count
        self._bookmark = Bookmark()

    async def run(self, notice: Callable[[Progress], None]) -> Progress:
        """Import what is not yet in the log and return what became of every record.

        *notice* is told after each batch.

        Raises:
            PlanError: The file lacks columns that the plan names.
            UnreadableFile: It breaks off; what stands before the break is in the log.
            StoreUnavailable: The rest was not stored; running again goes on from there.
        """
        self._bookmark = await self._believed() or Bookmark()
        resumed_at, begun = self._bookmark.place.line, self._clock.now()
        dealt_with = self._dealt_with()
        self._keeps.begin(self._bookmark)
        progress = Progress(self._bookmark, 0.0, 0, 0.0, resumed_at)
        with closing(self._keeps), closing(self._opened()) as source:
            batches = self._batches(source)
            batch = await asyncio.to_thread(next, batches, None)
            while batch is not None:
                writing = asyncio.ensure_future(self._write(batch))
                try:
                    following = await asyncio.to_thread(next, batches, None)
                finally:  # Where reading ends badly, what was read is written all the same.
                    await _finished(writing)
                progress = Progress(
                    self._bookmark,
                    batch.share,
                    self._dealt_with() - dealt_with,
                    (self._clock.now() - begun) / SECOND,
                    resumed_at,
                )
                notice(progress)
                batch = following
        await self._keeps.forget()
        return replace(progress, share=1.0)

    def _opened(self) -> OpenFile:
        bytes_max = self._intake.bounds.parquet_bytes_max
        return opened(self._task.path, self._task.plan, parquet_bytes_max=bytes_max)

    async def _believed(self) -> Bookmark | None:
        """Return the bookmark of a former run, if the log bears it out."""
        found = await self._keeps.read()
        if found is None or not found.position:
            return None
        stored = await self._log.event(self._task.tenant, found.position)
        return found if stored is not None and stored.event_id == found.event_id else None

    def _dealt_with(self) -> int:
        found = self._bookmark
        return found.accepted + found.duplicate + found.rejected

    def _batches(self, source: OpenFile) -> Iterator[_Batch]:
        """Yield judged batches from the bookmark on, each bounded in events and in text."""
        judge = _Judge(self._task, self._intake.bounds, self._clock)
        waiting: list[Record] = []
        size = 0
        broken: UnreadableFile | None = None
        try:
            for record in source.records(self._bookmark.place):
                waiting.append(record)
                size += len(record.raw)
                if len(waiting) >= BATCH_EVENTS_MAX or size >= BATCH_CHARACTERS_MAX:
                    yield judge.batch(waiting, source.share)
                    waiting, size = [], 0
        except UnreadableFile as error:
            broken = error
        if waiting:
            yield judge.batch(waiting, source.share)
        if broken is not None:
            raise broken

    async def _write(self, batch: _Batch) -> None:
        """Append *batch* and write down what became of it: first what was refused."""
        judged, warned = await self._intake.screened(batch.events, batch.origin)
        warnings = [warned.get(at) for at, each in enumerate(judged) if isinstance(each, NewEvent)]
        batch = _without_refused(batch, judged)
        receipts = await self._intake.append(batch.events)
        outcomes = list(map(_outcome, receipts, warnings))
        kept_out = [_kept_out(each) for each in batch.refused]
        refused = [*batch.refused, *_refused_by_log(batch, receipts)]
        refused.sort(key=lambda each: each.record.line)
        size = await self._keeps.refuse(refused, batch.origin)
        after = _behind(self._bookmark, batch.place, receipts, refused)
        unfit = sum(each.violates == "warn" and each.status == "accepted" for each in outcomes)
        self._bookmark = replace(after, rejected_bytes=size, warned=after.warned + unfit)
        await self._keeps.write(self._bookmark, batch.share)
        self._count([*outcomes, *kept_out])


def _outcome(receipt: Receipt, warning: str | None) -> Outcome:
    return Outcome(receipt, warning=warning)


def _kept_out(refused: Rejected) -> Outcome:
    return Outcome(None, refused=Refused(refused.event_id, tuple(refused.faults)))


def _behind(
    former: Bookmark, place: Place, receipts: Sequence[Receipt], refused: Sequence[Rejected]
) -> Bookmark:
    """Return the bookmark at *place*: *former* and what became of the records since."""
    counts = Counter(each.status for each in receipts)
    reasons = Counter(former.reasons)
    reasons.update(each.faults[0].code for each in refused)
    stored = [each for each in receipts if each.position is not None]
    newest = max(stored, key=lambda each: each.position or 0, default=None)
    return replace(
        former,
        place=place,
        position=newest.position or 0 if newest else former.position,
        event_id=newest.event_id if newest else former.event_id,
        accepted=former.accepted + counts["accepted"],
        duplicate=former.duplicate + counts["duplicate"],
        rejected=former.rejected + len(refused),
        reasons=dict(reasons),
    )


class _Judge:
    """Passes records through the door; one without an id gets one that a repeat gets again."""

    def __init__(self, task: Task, bounds: Bounds, clock: Clock) -> None:
        self._task = task
        self._bounds = bounds
        self._clock = clock
        self._record: Record | None = None

    def batch(self, waiting: list[Record], share: float) -> _Batch:
        """Return *waiting* judged."""
        origin = self._origin()
        door = Door(self._bounds, origin)
        events: list[NewEvent] = []
        sources: list[Record] = []
        refused: list[Rejected] = []
        for record in waiting:
            if record.text is None:
                refused.append(Rejected(record, None, [record.fault] if record.fault else []))
                continue
            self._record = record
            judged = door.check(record.text)
            if isinstance(judged, Refused):
                refused.append(Rejected(record, judged.event_id, judged.faults))
            else:
                events.append(judged)
                sources.append(record)
        last = waiting[-1]
        return _Batch(Place(last.end, last.last_line), share, origin, events, sources, refused)

    def _origin(self) -> Origin:
        return Origin(
            tenant=self._task.tenant,
            source=self._task.plan.source,
            now=self._clock.now(),
            new_id=self._id,
            forced_source=self._task.is_forced,
            key_id=self._task.key_id,
            event_types=self._task.event_types,
            historical=True,
        )

    def _id(self) -> str:
        """Return the id of the record under judgement: its line, and a digest of what it says."""
        record = self._record
        if record is None or record.text is None:
            raise AssertionError("the door asks for an id only while a record is judged")
        digest = hashlib.sha256(record.text.encode(errors="surrogatepass")).hexdigest()
        return f"line-{record.line}-{digest[:_DIGEST_LENGTH]}"


async def _finished(writing: asyncio.Future[None]) -> None:
    """Wait for *writing* to end; whoever is told to stop meanwhile stops when it has ended."""
    try:
        await asyncio.shield(writing)
    finally:
        await asyncio.wait([writing])


def _without_refused(batch: _Batch, judged: Sequence[NewEvent | Refused]) -> _Batch:
    """Return *batch* with those of its events among the refused that were *judged* to be."""
    verdicts = list(zip(batch.sources, judged, strict=True))
    return replace(
        batch,
        events=[each for _, each in verdicts if isinstance(each, NewEvent)],
        sources=[record for record, each in verdicts if isinstance(each, NewEvent)],
        refused=[
            *batch.refused,
            *(
                Rejected(record, each.event_id, each.faults)
                for record, each in verdicts
                if isinstance(each, Refused)
            ),
        ],
    )


def _refused_by_log(batch: _Batch, receipts: Sequence[Receipt]) -> Iterator[Rejected]:
    for record, receipt in zip(batch.sources, receipts, strict=True):
        if receipt.status in {"conflict", "rejected"}:
            code = receipt.code or receipt.status
            fault = Fault("", code, receipt.message or code)
            yield Rejected(record, receipt.event_id, (fault,))
