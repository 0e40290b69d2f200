"""What the service needs of the world: a store, a clock, chance, and somewhere to block.

`Store` is one log with one position and the projections that are written with it in the same
transaction. Its values live in `projections`; they are named again here so that a use case
imports one module. Adapters fit by shape and are chosen in `service/bootstrap.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from domain.events import Event
from projections.erasing.erase import Erased
from projections.events.history import HistoryPage
from projections.events.log import (
    Expectation,
    NewEvent,
    Receipt,
    StageChange,
    StoredEvent,
    SubjectKey,
    Submission,
)
from projections.following.projecting import PAGE_EVENTS, Projected
from projections.models.catalogue import ANEW, ApiKey, Generation, ModelVersion, Terms
from projections.reading.answers import (
    Board,
    BoardQuery,
    BoardStage,
    CustomerQuery,
    CustomerRow,
    EventTypeCount,
    FeedRecord,
    Page,
    ParkedSubject,
    Positions,
    StageRow,
    Subject,
    SubjectSnapshot,
    TransitionRecord,
)
from projections.reading.health import Finding, StoreHealth, Swept
from projections.registers.erasure import Order
from service.ports.errors import (
    Draining,
    OutdatedFold,
    Overloaded,
    SchemaMismatch,
    StoreDamaged,
    StoreError,
    StoreUnavailable,
    UnknownModel,
    VersionMismatch,
)
from service.ports.keeping import KeepsKeys, KeepsRegisters, KeepsSeals
from service.ports.models import KeepsModels

__all__ = [
    "ANEW",
    "ApiKey",
    "Board",
    "BoardQuery",
    "BoardStage",
    "Clock",
    "CustomerQuery",
    "CustomerRow",
    "Draining",
    "EventTypeCount",
    "Expectation",
    "FeedRecord",
    "Finding",
    "Generation",
    "HistoryPage",
    "KeepsKeys",
    "KeepsRegisters",
    "ModelVersion",
    "NewEvent",
    "OutdatedFold",
    "Overloaded",
    "Page",
    "ParkedSubject",
    "Positions",
    "Projected",
    "Randomness",
    "Receipt",
    "Runner",
    "SchemaMismatch",
    "StageChange",
    "StageRow",
    "Store",
    "StoreDamaged",
    "StoreError",
    "StoreHealth",
    "StoreUnavailable",
    "StoredEvent",
    "Subject",
    "SubjectKey",
    "SubjectSnapshot",
    "Submission",
    "Swept",
    "Terms",
    "TransitionRecord",
    "UnknownModel",
    "VersionMismatch",
]

Answer = TypeVar("Answer")


class Clock(Protocol):
    """Tells the hour; nothing in the service reads a clock by itself."""

    def now(self) -> int:
        """Return the present instant in microseconds since the epoch."""
        ...


class Randomness(Protocol):
    """Chance; a simulation replaces it by a seed."""

    def token(self, octets: int) -> bytes:
        """Return that many unpredictable bytes."""
        ...


class Runner(Protocol):
    """Runs calls that block: on threads in production, at once in a simulation."""

    def write(self, call: Callable[[], Answer]) -> Awaitable[Answer]:
        """Run *call* where the one writer runs, after the writes before it."""
        ...

    def read(self, call: Callable[[], Answer], *, quick: bool = False) -> Awaitable[Answer]:
        """Run *call* beside other reads; a *quick* one may run where it is called."""
        ...

    async def close(self) -> None:
        """Let what has begun come to its end; take nothing new."""
        ...


class AppendsEvents(Protocol):
    """The writing half that carries the load."""

    async def append(
        self, submissions: Sequence[Submission], now: int, *, defer: bool = False
    ) -> list[list[Receipt]]:
        """Store *submissions* in one transaction and return a receipt for each event.

        They are folded in it as well, unless the caller wants to *defer* that or earlier events
        wait to be folded; then `project` does it later. Positions are dense and in the order
        given. When it returns, accepted events are durable. Call it through
        `service.intake.appender.Appender`, which gathers callers into batches.

        Raises:
            StoreUnavailable: Nothing was stored.
        """
        ...

    async def project(self, limit: int = PAGE_EVENTS) -> Projected:
        """Fold at most *limit* of the events that wait for it, the oldest, in one transaction.

        Whole batches, as they were appended, and one at least.

        What is then stored is what appends would have stored that had folded at once.
        """
        ...

    async def sweep(self, now: int, limit: int = 1_000) -> Swept:
        """Advance at most *limit* rows whose deadline is at or before *now*, in one transaction.

        None while events wait to be folded.
        """
        ...

    async def erase(self, order: Order, now: int) -> Erased:
        """Erase whom *order* names, in one transaction, and return what was done.

        What stands in other stores than this one, and what webhooks have written, is the affair of
        `service.safekeeping.erasing.Erasing`, through which to call it.

        Raises:
            ErasureRefused: Nobody is there, is erased already, or cannot be anonymised; nothing
                was changed.
        """
        ...

    async def wipe(self) -> None:
        """Overwrite what was removed, as far as the database keeps it readable in its files."""
        ...

    async def retry_parked(self, now: int, limit: int = 100) -> int:
        """Refold at most *limit* parked subjects due for it; return how many are folded again."""
        ...


class ReadsSubjects(Protocol):
    """Questions about one subject. Names are resolved: an alias answers for its customer."""

    async def snapshot(
        self, tenant: str, key: SubjectKey, *, model: str | None = None
    ) -> SubjectSnapshot | None:
        """Return the subject with its row per active model and each row's newest transition.

        None where no event has named it. *model* narrows to one model.
        """
        ...

    async def transitions(
        self,
        tenant: str,
        key: SubjectKey,
        *,
        model: str | None = None,
        after: tuple[int | str, ...] | None = None,
        limit: int = 100,
        include_retracted: bool = False,
        newest_first: bool = False,
    ) -> Page[TransitionRecord]:
        """Return records of the subject in active generations, by (model, sequence, number).

        With *newest_first* they come by effective_at, latest first, over all models.
        """
        ...

    async def events(
        self,
        tenant: str,
        key: SubjectKey,
        *,
        after: tuple[int | str, ...] | None = None,
        limit: int = 100,
        newest_first: bool = False,
        known_at: int | None = None,
    ) -> Page[StoredEvent]:
        """Return the events of the subject and its aliases, in fold order or the reverse."""
        ...

    async def history(
        self,
        tenant: str,
        key: SubjectKey,
        *,
        aliases: Sequence[SubjectKey] | None = None,
        known_at: int | None = None,
    ) -> list[Event]:
        """Return what `Machine.fold` takes: the events that count, each once, in fold order.

        Args:
            tenant: Whose data it is.
            key: A name of the subject.
            aliases: Its other names, as a snapshot told them; None for those that it has now. With
                them the answer is of the same subject, whoever was joined or parted since.
            known_at: Leaves out what stands behind that position, as if it were not known yet.
        """
        ...


class ReadsLog(Protocol):
    """Questions about the log, the feed and everybody at once."""

    async def positions(self) -> Positions:
        """Return how far the log, the projections and the feed have come."""
        ...

    async def position_at(self, instant: int) -> int:
        """Return the position of the newest event recorded at or before *instant*; 0 for none."""
        ...

    async def log(
        self, tenant: str, *, after: int = 0, limit: int = 100, event_type: str | None = None
    ) -> Page[StoredEvent]:
        """Return events behind position *after* in order of position."""
        ...

    async def event(self, tenant: str, position: int) -> StoredEvent | None:
        """Return the event at *position*, if it is the tenant's."""
        ...

    async def events_with_id(self, tenant: str, event_id: str) -> list[StoredEvent]:
        """Return the events with that id, by position; different subjects may have used it."""
        ...

    async def feed(self, tenant: str, *, after: int = 0, limit: int = 100) -> Page[FeedRecord]:
        """Return records of the feed behind *after*, in order; none is ever skipped."""
        ...

    async def customers(self, query: CustomerQuery) -> Page[CustomerRow]:
        """Return canonical customers (and unknown visitors), or accounts, that meet *query*.

        Raises:
            UnknownModel: The query names a model that has no active version.
        """
        ...

    async def board(self, query: BoardQuery) -> Board:
        """Return counts and median times by stage.

        Raises:
            UnknownModel: The model has no active version.
        """
        ...

    async def event_types(self, tenant: str) -> list[EventTypeCount]:
        """Return the event types seen, by name."""
        ...


class ReadsHistories(Protocol):
    """Everybody's history, page by page, for whoever folds it without writing."""

    async def histories(
        self, tenant: str, *, accounts: bool, first: int, end: int, known_at: int, limit: int
    ) -> HistoryPage:
        """Return whole histories of about *limit* events, from bucket *first* to *end* - 1 at most.

        Whole buckets, at least one with somebody in it. Of accounts, or else of customers and
        unknown visitors. *known_at* leaves out what stands behind that position.
        """
        ...

    async def history_load(self, tenant: str, *, accounts: bool, end: int) -> int:
        """Return how many events count for the subjects in buckets before *end*."""
        ...


class Store(
    AppendsEvents,
    ReadsSubjects,
    ReadsLog,
    ReadsHistories,
    KeepsModels,
    KeepsKeys,
    KeepsRegisters,
    KeepsSeals,
    Protocol,
):
    """One log, one position, and the projections written with it."""

    async def parked(self, tenant: str, *, limit: int = 100) -> list[ParkedSubject]:
        """Return subjects that are not being folded, oldest trouble first."""
        ...

    async def health(self, now: int) -> StoreHealth:
        """Return figures for `doctor`, readiness and metrics; cheap enough for every scrape."""
        ...

    async def inspect(self, *, thorough: bool = False) -> list[Finding]:
        """Return what is wrong with the stored data: holes, broken pages, forgotten rows.

        *thorough* reads every page and every index; it takes as long as reading the whole file.
        """
        ...

    async def close(self) -> None:
        """Give back files and connections; further calls raise `StoreUnavailable`."""
        ...
