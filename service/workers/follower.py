"""The follower: folds what appends only wrote to the log, until the projections are level again.

Every page is one transaction under the store's own locks, so it may run anywhere, twice or not at
all without harm. Where it reaches the end of the log, appends fold at once again by themselves.

A page keeps appends waiting, so in a crowd there is one a second: producers are answered first, and
what they sent is folded when fewer come. That has a bound, beyond which pages follow at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from service.ports import Store
from service.progress import Progress

LOOK_AGAIN_SECONDS = 1.0
"""How long at most what another process left waits to be found."""

GIVE_WAY_SECONDS = 1.0
BEHIND_MAX = 500_000
"""Events that may wait while it gives way: less than a minute of folding."""


class Follower:
    """Folds a page at a time; whoever runs it decides when."""

    def __init__(
        self, store: Store, progress: Progress | None = None, *, behind_max: int = BEHIND_MAX
    ) -> None:
        """Follow the log of *store*; tell *progress* how the projections come on."""
        self._store = store
        self._progress = progress or Progress()
        self._wake = asyncio.Event()
        self._is_crowded: Callable[[], bool] = bool
        self._behind = 0
        self._behind_max = behind_max

    def give_way(self, is_crowded: Callable[[], bool]) -> None:
        """Let appends go first while *is_crowded*."""
        self._is_crowded = is_crowded

    @property
    def gives_way(self) -> bool:
        """Whether the next page waits a little, so that appends go first."""
        return self._behind <= self._behind_max and self._is_crowded()

    def wake(self) -> None:
        """Say that something waits; to be called inside the loop."""
        self._wake.set()

    async def page(self) -> bool:
        """Fold a page of what waits; return whether more does.

        Raises:
            StoreUnavailable: The database cannot write now; the next page tries again.
        """
        done = await self._store.project()
        if done.events:
            self._progress.note()
        self._behind = done.behind
        return done.behind > 0

    async def catch_up(self) -> None:
        """Fold what waits by now; what is stored meanwhile is not waited for.

        Raises:
            StoreUnavailable: As `page` says.
        """
        head = (await self._store.positions()).head
        while (await self._store.positions()).applied < head and await self.page():
            pass

    async def round(self) -> bool:
        """Fold a page, and where nothing more waits, wait for something; to be repeated at once.

        Raises:
            StoreUnavailable: As `page` says.
        """
        self._wake.clear()
        if self.gives_way:
            await asyncio.sleep(GIVE_WAY_SECONDS)
        if not await self.page():
            await self._woken()
        return True

    async def _woken(self) -> None:
        try:
            async with asyncio.timeout(LOOK_AGAIN_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return
