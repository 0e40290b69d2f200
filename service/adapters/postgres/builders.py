"""Processes that build ranges side by side, each over a connection of its own.

`concurrent.futures`, because it says so when a process dies; the pool is then made anew and its
ranges are tried again. What was built stays: it is written in the ledger. A process that loses its
parent ends by itself.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from typing import NoReturn, TypeAlias

import structlog
from sqlalchemy.util.concurrency import greenlet_spawn

from projections.models.catalogue import Generation
from projections.models.ranges import BucketRange, Built
from service.adapters.postgres.connections import Database, Limits
from service.adapters.postgres.ranges import RangeBuilder
from service.adapters.postgres.store import PostgresStore
from service.ports import StoreUnavailable
from service.running import loop_factory, settle_garbage

RANGE_EVENTS = 20_000
"""What a process reads and folds in one transaction, about."""

RANGE_SUBJECTS = 500
"""What is updated under the lock at once; appends wait that long, some ten milliseconds."""

EVENTS_HERE = 1_000
"""What is folded under the lock at once where no processes build."""

NICENESS = 10
"""How much more than those who build others are entitled to the processors."""

STEP_SECONDS = 1.0
SMALL_EVENTS = 50_000
"""Up to so many events left, starting processes takes longer than doing without."""

_log = structlog.get_logger("stagefold.rebuilds")
Running: TypeAlias = asyncio.Future[Built | None]


class PostgresBuilders:
    """The processes of one service process; none until they are needed."""

    def __init__(
        self,
        url: str,
        store: PostgresStore,
        processes: int,
        *,
        small_events: int = SMALL_EVENTS,
        range_subjects: int = RANGE_SUBJECTS,
    ) -> None:
        """Build in so many *processes*; what has few events left is built here, by *store*."""
        self._url = url
        self._store = store
        self._processes = processes
        self._small_events = small_events
        self._range_subjects = range_subjects
        self._is_slow: Callable[[], bool] = bool
        self._pool: ProcessPoolExecutor | None = None
        self._generation = 0
        self._waiting: deque[BucketRange] = deque()
        self._running: dict[Running, BucketRange] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    def give_way(self, is_slow: Callable[[], bool]) -> None:
        """Build one range at a time while appends are slow; those begun come to their end."""
        self._is_slow = is_slow

    @property
    def _places(self) -> int:
        """How many ranges may be under way: one waits, so that no process is idle in between."""
        return 1 if self._is_slow() else self._processes + 1

    async def build(self, generation: Generation, now: int) -> None:
        """Build for about `STEP_SECONDS`.

        Raises:
            StoreUnavailable: The database or a process went away; what was built stays.
        """
        number = generation.generation
        if number != self._generation or not (self._waiting or self._running):
            await self._plan(number)
        if self._pool is None and generation.total - generation.done <= self._small_events:
            await self._store.build_generation(number, now, limit=EVENTS_HERE)
            self._waiting.clear()
            return
        loop = asyncio.get_running_loop()
        until = loop.time() + STEP_SECONDS
        while (self._waiting or self._running) and loop.time() < until:
            while self._waiting and len(self._running) < self._places:
                self._begin(self._waiting.popleft(), now)
            await asyncio.wait(
                self._running, timeout=until - loop.time(), return_when=asyncio.FIRST_COMPLETED
            )
            self._collect()

    async def _plan(self, generation: int) -> None:
        """Note what is left to build, by the ledger."""
        self._generation = generation
        self._waiting = deque(
            await self._store.ranges_left(
                generation, events=RANGE_EVENTS, subjects=self._range_subjects
            )
        )

    def _begin(self, found: BucketRange, now: int) -> None:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._processes,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=settle_in,
            )
        order = (self._url, self._generation, found, now)
        try:
            running = asyncio.get_running_loop().run_in_executor(self._pool, build_range, *order)
        except BrokenProcessPool as broken:
            self._waiting.append(found)
            self._abandon(broken)
        self._running[running] = found

    def _collect(self) -> None:
        """Take note of what has ended; what failed is to be built again."""
        failure: StoreUnavailable | BrokenProcessPool | None = None
        for running in [one for one in self._running if one.done()]:
            found = self._running.pop(running)
            try:
                running.result()
            except (StoreUnavailable, BrokenProcessPool) as error:
                self._waiting.append(found)
                failure = error
        if isinstance(failure, BrokenProcessPool):
            self._abandon(failure)
        if failure is not None:
            raise failure

    def _abandon(self, broken: BrokenProcessPool) -> NoReturn:
        """Let go of a pool in which a process has died; its ranges are built by a new one.

        Raises:
            StoreUnavailable: Always, so that the next try comes a little later.
        """
        self._waiting.extend(self._running.values())
        self._running.clear()
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)
        _log.warning("rebuild_process_died", generation=self._generation)
        raise StoreUnavailable(
            "a process that rebuilds has died; its ranges are tried again"
        ) from broken

    def rest(self) -> None:
        """Let the processes go, each after what it has begun: there is nothing more to build."""
        self._waiting.clear()
        self._running.clear()
        pool, self._pool = self._pool, None
        if pool is not None:
            leaving = asyncio.create_task(asyncio.to_thread(pool.shutdown, cancel_futures=True))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        """Let what has begun come to its end, and the processes with it."""
        self.rest()
        await asyncio.gather(*self._leaving)


# ---------------------------------------------------------------- in the processes


def build_range(url: str, generation: int, found: BucketRange, now: int) -> Built | None:
    """Return the range, now in the generation; None where that is no longer wanted."""
    return _here(url).build(generation, found, now)


class _Here:
    """What a process keeps between two ranges: its connection, and the loop that this lives on."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner(loop_factory=loop_factory())
        self._builder = RangeBuilder(Database(url, Limits(readers=1)))
        settle_garbage()

    def build(self, generation: int, found: BucketRange, now: int) -> Built | None:
        """Build one range."""
        return self._runner.run(greenlet_spawn(self._builder.build, generation, found, now))


_here = cache(_Here)


def settle_in() -> None:
    """Let requests go first; end with the parent, which may be killed; leave Ctrl-C to it."""
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
