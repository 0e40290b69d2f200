"""What was committed goes from the write-ahead log into the database while others go on writing.

A commit that finds `CHECKPOINT_PAGES` pages in the log takes them all over before it returns, and
whoever waits for it waits 10 to 30 ms. So a connection that reads does it ahead of that, beside the
commits (https://sqlite.org/wal.html#ckpt). A log all of which was taken over is written anew from
its beginning, but while others write there is always something more. So where it has grown long,
writers wait once for what has come in meanwhile, which is little.
"""

from __future__ import annotations

import asyncio

import structlog

from service.adapters.sqlite.connections import CHECKPOINT_PAGES, Readers
from service.ports import Runner, StoreError

ROWS_MIN = 3_000
"""Rows written: some 4,500 pages where events come one by one, and fewer in batches."""

PAUSE_SECONDS = 0.25
"""A page that is written again and again goes into the database once per so long."""

LONG_LOG_PAGES = CHECKPOINT_PAGES // 2

_log = structlog.get_logger("stagefold.sqlite")


class Checkpoints:
    """Takes pages over on a thread of the readers, one checkpoint at a time."""

    def __init__(
        self,
        readers: Readers,
        runner: Runner,
        *,
        rows_min: int = ROWS_MIN,
        pages_long: int = LONG_LOG_PAGES,
    ) -> None:
        """Use a connection of *readers*, where *runner* runs what reads.

        From *rows_min* new rows on, and once a log has *pages_long* with the writers waiting.
        """
        self._readers = readers
        self._runner = runner
        self._rows_min = rows_min
        self._pages_long = pages_long
        self._rows_before = 0
        self._due = 0.0
        self._task: asyncio.Task[None] | None = None
        self.none_at_work = asyncio.Lock()
        """Held while one is at work; to be held by who needs that none is."""

    def note(self, rows: int, turn: asyncio.Lock) -> None:
        """Begin one if it is time; *rows* were written and committed since the file was opened.

        Whoever holds *turn* is the only one that writes.
        """
        if rows - self._rows_before < self._rows_min or (self._task and not self._task.done()):
            return
        now = asyncio.get_running_loop().time()
        if now >= self._due:
            self._rows_before, self._due = rows, now + PAUSE_SECONDS
            self._task = asyncio.create_task(self._take_over(turn), name="checkpoint")

    async def ended(self) -> None:
        """Return when none is under way."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _take_over(self, turn: asyncio.Lock) -> None:
        try:
            if await self._pass() >= self._pages_long:
                async with turn:
                    await self._pass()
        except StoreError as error:  # nothing is lost: a commit will take those pages over
            _log.warning("checkpoint_failed", error=str(error))

    async def _pass(self) -> int:
        """Take over what was committed so far; return how many pages the log has."""
        async with self.none_at_work:
            return await self._runner.read(self._checkpoint)

    def _checkpoint(self) -> int:
        with self._readers.borrowed() as connection:
            _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            return int(pages)
