"""Trouble for a store: which call fails, and how; and runners that take their time over a call."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from domain.machine import Machine
from projections.asking import Question, Whose
from projections.events.log import Receipt, Submission
from projections.models.machines import compile_document
from service.adapters.embedded.rows import Readings
from service.adapters.embedded.store import EmbeddedStore
from service.adapters.memory.readings import MemoryReadings
from service.adapters.memory.rows import MemoryRows
from service.adapters.sqlite.connections import Readers, open_writer
from service.adapters.sqlite.glances import Glances
from service.adapters.sqlite.readings import SqliteReadings
from service.adapters.sqlite.rows import SqliteRows
from service.adapters.sqlite.store import SqliteStore
from service.ports import StoreUnavailable

Answer = TypeVar("Answer")
Lent = TypeVar("Lent", bound=Readings)

CALL_SECONDS_MAX = 0.004
BUSY_CHANGES = 0.2
"""How likely it is at each append that a busy time begins or ends."""


class Trouble:
    """Lets the n-th call fail, n being a matter of chance; calm until it is told otherwise.

    Attributes:
        strikes: Calls that have failed.
        calls_between: How many calls lie between two that fail, on average; 0 for calm.
    """

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.strikes = 0
        self.calls_between = 0
        self._left = 0
        self._is_busy = False

    def is_busy(self) -> bool:
        """Tell whether appends leave folding for later now: for a while, then not for a while."""
        if self.chance.random() < BUSY_CHANGES:
            self._is_busy = not self._is_busy
        return self._is_busy

    def set_in(self, calls_between: int) -> None:
        """Let one of so many calls fail from now on; 0 ends it."""
        self.calls_between = calls_between
        self._left = self.chance.randrange(2 * calls_between + 1)

    def may_strike(self, what: str, *, retry_after_seconds: int = 5) -> None:
        """Count a call, and fail it if its number has come up.

        Raises:
            StoreUnavailable: It has.
        """
        if not self.calls_between:
            return
        if self._left:
            self._left -= 1
            return
        self._left = self.chance.randrange(2 * self.calls_between + 1)
        self.strikes += 1
        message = f"trouble: {what}"
        raise StoreUnavailable(message, retry_after_seconds=retry_after_seconds)


class SlowRunner:
    """Runs calls one after the other on the loop; others get their turn before and after each."""

    def __init__(self, trouble: Trouble, *, spoils_writes: bool) -> None:
        """Fail writes as a whole where *spoils_writes*: for rows that cannot be rolled back."""
        self._trouble = trouble
        self._spoils_writes = spoils_writes
        self._writing = asyncio.Lock()

    async def write(self, call: Callable[[], Answer]) -> Answer:
        """Run *call* after the writes before it."""
        async with self._writing:
            await self._pause()
            if self._spoils_writes:
                self._trouble.may_strike("nothing was written")
            answer = call()
            await self._pause()
            if self._spoils_writes:
                self._trouble.may_strike("it was written, and nobody was told")
            return answer

    async def read(self, call: Callable[[], Answer], *, quick: bool = False) -> Answer:
        """Run *call* beside others."""
        if not quick:
            await self._pause()
        answer = call()
        if not quick:
            await self._pause()
        return answer

    async def close(self) -> None:
        """Hold nothing that could be given back."""

    async def _pause(self) -> None:
        await asyncio.sleep(self._trouble.chance.random() * CALL_SECONDS_MAX)


class TroubledRows(SqliteRows):
    """Rows in SQLite whose transactions fail at their beginning, inside, at or after their end."""

    def __init__(self, trouble: Trouble, path: Path, readers: Readers) -> None:
        """Open the file at *path*."""
        connection = open_writer(path)
        connection.execute("PRAGMA synchronous = OFF")  # processes die here, machines do not
        super().__init__(connection, path, on_close=readers.close)
        self._trouble = trouble

    def begin(self) -> None:
        """Begin, unless another holds the lock or the disk is gone."""
        self._trouble.may_strike("busy", retry_after_seconds=1)
        self._trouble.may_strike("it could not be begun")
        self.connection.execute("PRAGMA busy_timeout = 0").fetchone()  # real time stands still
        try:
            super().begin()
        except StoreUnavailable:  # another process writes, and will for as long as we wait
            self._trouble.strikes += 1
            raise

    def answer(self, question: Question[Any]) -> Any:  # noqa: ANN401 -- typed by the question
        """Answer, unless it fails in the middle of a transaction."""
        self._trouble.may_strike(f"{type(question).__name__} failed")
        return super().answer(question)

    def commit(self) -> None:
        """Commit; where that fails, it may have been done or not."""
        self._trouble.may_strike("it could not be committed")
        super().commit()
        self._trouble.may_strike("it was committed, and nobody was told")


class TroubledGlances(Glances):
    """Looks at SQLite that fail."""

    def __init__(self, trouble: Trouble, path: Path, readers: Readers) -> None:
        """Look at the file at *path*."""
        super().__init__(path, readers)
        self._trouble = trouble

    def look(self, see: Callable[[SqliteReadings, int], Answer]) -> Answer:
        """Look, unless it fails."""
        self._trouble.may_strike("it could not be read")
        return super().look(see)


class BusyMemoryStore(EmbeddedStore):
    """A store in memory that chance keeps too busy, at times, to fold what it stores."""

    trouble: Trouble

    async def append(
        self, submissions: Sequence[Submission], now: int, *, defer: bool = False
    ) -> list[list[Receipt]]:
        """Store *submissions*."""
        busy = self.trouble.is_busy()
        return await super().append(submissions, now, defer=defer or busy)


class BusySqliteStore(SqliteStore):
    """The same in a file."""

    trouble: Trouble

    async def append(
        self, submissions: Sequence[Submission], now: int, *, defer: bool = False
    ) -> list[list[Receipt]]:
        """Store *submissions*."""
        busy = self.trouble.is_busy()
        return await super().append(submissions, now, defer=defer or busy)


@cache
def compiled(document: str) -> Machine:
    """Return the machine of a model document, compiled once for all runs."""
    return compile_document(document)


def memory_store(trouble: Trouble, rows: MemoryRows) -> EmbeddedStore:
    """Return the store over *rows*, which may fail before and after each write, and at reads."""

    def readings(_: Whose) -> AbstractContextManager[Readings]:
        return _troubled(trouble, lambda: _plain(MemoryReadings(rows)))

    runner = SlowRunner(trouble, spoils_writes=True)
    store = BusyMemoryStore(rows, readings, runner, compile_one=compiled)
    store.trouble = trouble
    return store


def sqlite_store(trouble: Trouble, path: Path) -> tuple[SqliteStore, Callable[[], None]]:
    """Return the store in the file at *path*, and what drops its connections as a death would."""
    readers = Readers(path)
    rows = TroubledRows(trouble, path, readers)

    @contextmanager
    def plain() -> Iterator[SqliteReadings]:
        with readers.lent() as connection:
            yield SqliteReadings(connection, path)

    def readings() -> AbstractContextManager[SqliteReadings]:
        return _troubled(trouble, plain)

    runner = SlowRunner(trouble, spoils_writes=False)

    glances = TroubledGlances(trouble, path, readers)
    store = BusySqliteStore(rows, readings, runner, glances=glances, compile_one=compiled)
    store.trouble = trouble
    return store, rows.close


@contextmanager
def _plain(readings: Readings) -> Iterator[Readings]:
    yield readings


@contextmanager
def _troubled(
    trouble: Trouble, open_readings: Callable[[], AbstractContextManager[Lent]]
) -> Iterator[Lent]:
    trouble.may_strike("it could not be read")
    with open_readings() as readings:
        yield readings
