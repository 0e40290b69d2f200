"""The writing half over SQLite: short transactions on the loop, their commits beside it.

A thread that runs Python beside a busy loop waits for the interpreter at every row it writes; on
the loop itself a batch of a hundred events is a few milliseconds of work. What takes long and needs
no interpreter is the commit: it alone runs on the writer's thread, while the loop takes in the next
batch. Long work, such as a page of a rebuild, runs on that thread as a whole; where a short one
turns out to be long, a late event in a long history, it gives others a turn now and then.

What was committed goes from the write-ahead log into the database between transactions, when their
callers have been answered, and a little at a time: a commit that finds 40 MB there takes 10 to 30
ms. The connection that writes does it, never another beside it (ADR 0005).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import cache, partial
from typing import Any, NamedTuple, TypeVar

import structlog
from sqlalchemy.util.concurrency import greenlet_spawn

from projections.asking import Whose, run
from projections.events.log import SubjectKey
from projections.models.machines import Catalogue, Compile, compile_document
from projections.models.ranges import Built
from projections.reading.answers import SubjectSnapshot
from projections.rebuilding.building import build_some, next_range
from projections.rebuilding.stretches import Stretch
from projections.rows.questions import AskHead, AskProfiles, Head
from projections.rows.records import Projection
from service.adapters.embedded.rows import Readings
from service.adapters.embedded.store import EmbeddedStore
from service.adapters.embedded.wholes import Asked
from service.adapters.sqlite import ranges
from service.adapters.sqlite.connections import BUSY_SECONDS
from service.adapters.sqlite.glances import Glances, Unchanged
from service.adapters.sqlite.readings import SqliteReadings
from service.adapters.sqlite.rows import SqliteRows
from service.ports import Runner, StoreUnavailable

Answer = TypeVar("Answer")

OpenSqlite = Callable[[], AbstractContextManager[SqliteReadings]]

BUSY_PAUSE_SECONDS = 0.02
CHECKPOINT_ROWS = 1_500
"""Rows written: some 2,200 pages of log where events come one by one, which takes some 7 ms."""

CHECKPOINT_PAUSE_SECONDS = 0.25
"""In batches, a page that is written again and again goes into the database once per so long."""

_log = structlog.get_logger("stagefold.sqlite")


class _Level(NamedTuple):
    """Where everything ended at a data version, and models and generations as of it."""

    version: int
    head: Head
    catalogue: Catalogue


class SqliteStore(EmbeddedStore):
    """Keeps the promises of `service.ports.Store` over one file."""

    def __init__(
        self,
        rows: SqliteRows,
        readings: OpenSqlite,
        runner: Runner,
        *,
        glances: Glances,
        compile_one: Compile = compile_document,
    ) -> None:
        """Write to *rows*, read from *readings* or at *glances*, commit where *runner* says."""
        compile_once = cache(compile_one)
        self._open_readings = readings
        self._glances = glances
        self._unchanged = Unchanged()
        self._level = _Level(-1, Head(0, 0, 0, 0), Catalogue(compile_once))
        self._newest = (-1, Catalogue(compile_once))
        self._of_this_read: ContextVar[Catalogue | None] = ContextVar("catalogue", default=None)
        super().__init__(rows, self._level_readings, runner, compile_one=compile_once)
        self._file = rows
        self._turn = asyncio.Lock()
        self._rows_taken_over = 0
        self._checkpoint_due = 0.0
        self._begun: set[asyncio.Task[Any]] = set()

    @property
    def catalogue(self) -> Catalogue:
        """Models and generations: to a reader as they are at its moment, else as we write by."""
        return self._of_this_read.get() or self._written_by

    @catalogue.setter
    def catalogue(self, found: Catalogue) -> None:
        self._written_by = found

    @contextmanager
    def _level_readings(self, _: Whose) -> Iterator[Readings]:
        """Lend readings of one moment, with the catalogue of the same moment.

        Another process may have changed it: a command beside a server activates a model.
        """
        with self._open_readings() as readings:
            token = self._of_this_read.set(self._catalogue_of(readings))
            try:
                yield readings
            finally:
                self._of_this_read.reset(token)

    def _catalogue_of(self, readings: SqliteReadings) -> Catalogue:
        changes = readings.change_count()
        known, newest = self._newest
        if changes == known:
            return newest
        found = newest.renewed(readings.versions(), readings.generations())
        self._newest = (changes, found)
        return found

    async def snapshot(
        self, tenant: str, key: SubjectKey, *, model: str | None = None
    ) -> SubjectSnapshot | None:
        asked = Asked(tenant, key, model)
        version = self._glances.data_version()
        told = None if version is None else self._unchanged.told(asked, version)
        return told or self._glances.look(partial(self._told, asked))

    def _told(self, asked: Asked, readings: SqliteReadings, version: int) -> SubjectSnapshot | None:
        """Return whom *asked* names; kept for as long as nobody commits."""
        if self._level.version != version:
            self._level = _Level(version, readings.head(), self._catalogue_of(readings))
        _, head, catalogue = self._level
        found = self._whole(readings, asked, head, catalogue)
        if found is not None:
            self._unchanged.keep(asked, version, found)
        return found

    async def _write(self, work: Callable[[], Answer], *, is_long: bool = False) -> Answer:
        self._expect_open()
        return await self._finished(self._in_turn(self._noted(work), is_long=is_long))

    async def _in_turn(self, work: Callable[[], Answer], *, is_long: bool) -> Answer:
        async with self._turn:
            if is_long:
                answer = await self._runner.write(lambda: self._transact(work))
            else:
                answer = await self._transact_here(work)
            self._checkpoint_if_due()
            return answer

    async def _transact_here(self, work: Callable[[], Answer]) -> Answer:
        await self._enter()
        is_written = False
        try:
            self._renew_if_needed()
            answer = await greenlet_spawn(work)
            await self._runner.write(self._file.commit)
            is_written = True
            return answer
        finally:
            if not is_written:
                self._distrust()
                self._file.roll_back()

    def _checkpoint_if_due(self) -> None:
        rows, now = self._file.connection.total_changes, asyncio.get_running_loop().time()
        if rows - self._rows_taken_over >= CHECKPOINT_ROWS and now >= self._checkpoint_due:
            self._rows_taken_over = rows
            self._checkpoint_due = now + CHECKPOINT_PAUSE_SECONDS
            self._started(self._checkpoint())

    async def _checkpoint(self) -> None:
        async with self._turn:
            try:
                await self._runner.write(self._file.shorten_log)
            except StoreUnavailable as error:  # nothing is lost: a later one takes it over
                _log.warning("checkpoint_failed", error=str(error))

    async def _enter(self) -> None:
        """Begin a transaction; wait for another process without keeping the loop waiting."""
        for _ in range(max(1, round(BUSY_SECONDS / BUSY_PAUSE_SECONDS))):
            if self._file.begin_at_once():
                return
            await asyncio.sleep(BUSY_PAUSE_SECONDS)
        raise StoreUnavailable("database: another process has held its lock for too long")

    def _fold_range(self, projection: Projection, now: int, limit: int) -> Built:
        world, answer = self._world(now), self._file.answer
        found = run(next_range(projection, limit), answer)
        head = answer(AskHead())
        stretch = Stretch(projection, self.catalogue.kept, max(now, head.recorded_at))
        ranges.fold(self._file, stretch, found, known_at=head.projected)
        for ref in stretch.seen:  # whoever is in memory is not what the row says any more
            self._residents.profiles.pop(ref, None)
        if stretch.failed:  # and is parked
            failed = answer(AskProfiles(sorted(stretch.failed)))
            run(build_some(world, projection, found, failed), answer)
        return Built(found, stretch.events)

    async def wipe(self) -> None:
        async with self._turn:
            await self._runner.write(self._file.empty_log)

    async def _finished(self, transaction: Coroutine[Any, Any, Answer]) -> Answer:
        """Let a transaction come to its end, also when its caller is cancelled."""
        return await asyncio.shield(self._started(transaction))

    def _started(self, work: Coroutine[Any, Any, Answer]) -> asyncio.Task[Answer]:
        task = asyncio.ensure_future(work)
        self._begun.add(task)
        task.add_done_callback(self._begun.discard)
        return task

    async def close(self) -> None:
        while self._begun:
            await asyncio.wait(list(self._begun))
        await super().close()
