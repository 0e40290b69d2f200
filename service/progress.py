"""News: readers who wait for the next event or transition learn that there may be one."""

from __future__ import annotations

import asyncio


class Progress:
    """Wakes everybody who waits whenever something was written in this process.

    It only says *look again*; what there is, the store says.
    """

    def __init__(self) -> None:
        """Nothing is known yet; nothing waits."""
        self._news = asyncio.Event()

    def note(self) -> None:
        """Wake all who wait; to be called inside the loop."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def changed(self, *, timeout_seconds: float) -> bool:
        """Return True at the next news, or False when none came in time.

        To miss nothing, look at the store after asking for the coroutine or between two waits.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._news.wait()
        except TimeoutError:
            return False
        return True
