"""The tail: one look at the end of the feed for everybody in this process who waits for it.

What this process writes wakes it; what others write it finds at the next of its looks, a fifth of
a second later at most. Nobody waits, nobody looks.
"""

from __future__ import annotations

import asyncio

from service.ports import Store, StoreUnavailable
from service.progress import Progress

LOOK_AGAIN_SECONDS = 0.2
GATHER_SECONDS = 0.01
"""So long at least between two tellings: what is written meanwhile is read at once."""

AWAY_SECONDS = 1.0
"""How long a database that cannot be reached is left alone."""


class Tail:
    """Tells that the feed has grown; what is new, the store says.

    Attributes:
        turn: How often it has told. Whoever wants to miss nothing takes note of it, reads, then
            waits for the next one.
        is_leaving: Whether the process ends, and with it everything that waits.
    """

    def __init__(self, store: Store, progress: Progress) -> None:
        """Look at *store*, at the latest when *progress* tells of news."""
        self._store = store
        self._progress = progress
        self._head = -1
        self._waiting = 0
        self._news = asyncio.Event()
        self._wanted = asyncio.Event()
        self.turn = 0
        self.is_leaving = False

    async def changed(self, seen: int, *, timeout_seconds: float) -> None:
        """Return once there may be more than there was at the turn *seen*, or when time is up."""
        if self.turn != seen or self.is_leaving:
            return
        self._waiting += 1
        self._wanted.set()
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._news.wait()
        except TimeoutError:
            return
        finally:
            self._waiting -= 1

    async def round(self) -> bool:
        """Look once, and tell if the feed has grown; to be repeated at once."""
        if not self._waiting:
            self._wanted.clear()
            await self._wanted.wait()
        news = asyncio.ensure_future(self._progress.changed(timeout_seconds=LOOK_AGAIN_SECONDS))
        await asyncio.sleep(0)  # it listens from now on
        try:
            head = (await self._store.positions()).feed
            if head == self._head:
                await news
            else:
                self._head = head
                self._tell()
                await asyncio.sleep(GATHER_SECONDS)
        except StoreUnavailable:
            await asyncio.sleep(AWAY_SECONDS)
        finally:
            news.cancel()
        return True

    def leave(self) -> None:
        """Let nobody wait any more."""
        self.is_leaving = True
        self._tell()

    def _tell(self) -> None:
        self.turn += 1
        news, self._news = self._news, asyncio.Event()
        news.set()
