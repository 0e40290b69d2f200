"""What tests of imports work with: a file, a store in memory, a clock that is told the hour."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from domain.instants import SECOND, parse_instant
from service.adapters.memory import memory_store
from service.door.bounds import Bounds
from service.imports.files import InFiles
from service.imports.lines import Place, Record
from service.imports.opening import opened
from service.imports.plan import Plan, read_plan
from service.imports.rejected import SUFFIX
from service.imports.running import FileImport, Progress, Task
from service.intake.event_schemas import EventSchemas
from service.intake.ingest import Intake
from service.ports import Receipt, Store, StoredEvent, StoreUnavailable, Submission

NOW = parse_instant("2026-03-02T00:00:00Z")
TENANT = "default"
ORDERS: dict[str, object] = {
    "source": "shop",
    "type": "order_completed",
    "customer_id": "buyer",
    "occurred_at": {"column": "day", "format": "%Y-%m-%d"},
    "id": ["no"],
    "properties": {"amount": {"column": "total", "type": "number"}},
}


@dataclass(slots=True)
class Clock:
    """A clock that goes on a second at each look."""

    instant: int = NOW

    def now(self) -> int:
        """Return the hour."""
        self.instant += SECOND
        return self.instant


@dataclass(slots=True)
class Appender:
    """Appends at once; breaks down after *batches* batches."""

    store: Store
    clock: Clock
    batches: int = 1_000_000
    sizes: list[int] = field(default_factory=list)

    async def append(self, submission: Submission) -> list[Receipt]:
        """Return the receipts of *submission*."""
        if len(self.sizes) >= self.batches:
            raise StoreUnavailable("the disk is full")
        self.sizes.append(len(submission.events))
        return (await self.store.append([submission], self.clock.now()))[0]


class Workshop:
    """A folder with a file in it, and a log."""

    def __init__(self, folder: Path, content: str | bytes, *, name: str = "orders.csv") -> None:
        self.file = folder / name
        self.file.write_bytes(content.encode() if isinstance(content, str) else content)
        self.folder = folder
        self.store: Store = memory_store()
        self.clock = Clock()
        self.appender = Appender(self.store, self.clock)

    @property
    def rejected(self) -> Path:
        """The file of rejected records."""
        return self.file.with_name(self.file.name + SUFFIX)

    async def run(
        self,
        plan: Plan,
        *,
        batches: int = 1_000_000,
        restart: bool = False,
        event_types: tuple[str, ...] = (),
    ) -> Progress:
        """Import the file; the appender breaks down after *batches* batches."""
        self.appender = replace(self.appender, store=self.store, batches=batches, sizes=[])
        task = Task(path=self.file, plan=plan, tenant=TENANT, event_types=event_types)
        keeps = InFiles(task, self.rejected, self.folder / "imports", restart=restart)
        intake = Intake(self.appender, Bounds(), catalogue=EventSchemas(self.store, self.clock))
        return await FileImport(task, intake, self.store, self.clock, keeps).run(lambda _: None)

    async def log(self) -> Sequence[StoredEvent]:
        """Return the whole log."""
        return (await self.store.log(TENANT, limit=100_000)).rows


def plan_of(file_name: str = "orders.csv", /, **changes: object) -> Plan:
    """Return the plan of a file of orders, with *changes* to its mapping; None removes a key."""
    document = {**ORDERS, **changes}
    return read_plan(
        {key: each for key, each in document.items() if each is not None}, name=file_name
    )


def read(
    path: Path, plan: Plan, place: Place | None = None, *, parquet_bytes_max: int = 1 << 30
) -> list[Record]:
    """Return the records of *path* from *place* on."""
    with closing(opened(path, plan, parquet_bytes_max=parquet_bytes_max)) as source:
        return list(source.records(place or Place()))
