"""The sweeper: writes down deadlines that have passed, tries parked subjects again, clears up.

Nothing is decided by when it runs: readers advance what they read. It makes lists and boards cheap
and lets those hear of a deadline who wait for the feed.
"""

from __future__ import annotations

from service.ports import Clock, Store
from service.progress import Progress

PAGE = 1_000
PAGES_PER_ROUND = 20
REMOVED_AT_ONCE = 500
"""Rows of a retired generation; appends wait that long, some ten milliseconds."""


class Sweeper:
    """Does one round of housekeeping at a time; whoever runs it decides when."""

    def __init__(self, store: Store, clock: Clock, progress: Progress | None = None) -> None:
        """Sweep *store*; tell *progress* when something was written."""
        self._store = store
        self._clock = clock
        self._progress = progress or Progress()

    async def round(self) -> bool:
        """Do a bounded amount of what is due; return whether more waits already.

        After a downtime the pages are full: each is one transaction, so appends get their turn
        between two.

        Raises:
            StoreUnavailable: The database cannot write now; the next round tries again.
        """
        more = await self._sweep()
        retried = await self._store.retry_parked(self._clock.now())
        if retried:
            self._progress.note()
        health = await self._store.health(self._clock.now())
        if health.standby_over:
            await self._store.retire_standbys(self._clock.now())
            return True
        removed = await self._store.remove_retired(REMOVED_AT_ONCE) if health.retired_rows else 0
        return more or removed > 0

    async def _sweep(self) -> bool:
        for _ in range(PAGES_PER_ROUND):
            swept = await self._store.sweep(self._clock.now(), PAGE)
            if swept.transitions:
                self._progress.note()
            if not swept.more:
                return False
        return True
