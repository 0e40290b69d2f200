"""Loops that run beside the requests: each does bounded rounds, and no error ends it.

The edge of the loops: what goes wrong in a round is logged with the loop's name, and the next round
tries again later and later, up to a minute.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from service.ports import StoreUnavailable

PAUSE_SECONDS_MAX = 60.0
_DOUBLINGS_MAX = 16
"""More would only make a number that is cut to the longest pause, and at last one too large."""

Round = Callable[[], Awaitable[bool]]
"""Does a bounded amount of work and tells whether more is waiting already."""

_log = structlog.get_logger("stagefold.workers")


class Loops:
    """The loops of one process."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, work: Round, *, pause_seconds: float) -> None:
        """Run *work* again and again, with a pause whenever nothing more is waiting."""
        self._tasks.append(asyncio.create_task(_repeat(name, work, pause_seconds), name=name))

    async def stop(self) -> None:
        """End the loops, each where it waits next."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()


async def _repeat(name: str, work: Round, pause_seconds: float) -> None:
    failures = 0
    while True:
        try:
            more = await work()
            failures = 0
        except Exception as error:  # noqa: BLE001 -- an edge: the loop outlives every round
            failures += 1
            more = False
            _tell(name, failures, error)
        grown = pause_seconds * 2 ** min(failures, _DOUBLINGS_MAX)
        await asyncio.sleep(0.0 if more else min(grown, PAUSE_SECONDS_MAX))


def _tell(name: str, failures: int, error: Exception) -> None:
    """Log *error*; where nobody reads the log any more, the loop goes on all the same.

    That the database is away is said in a line: every loop says it, and where each of them was does
    not matter.
    """
    note = _log.bind(loop=name, failures=failures)
    with suppress(OSError, ValueError):  # a closed pipe, a closed file
        if isinstance(error, StoreUnavailable):
            note.error("round_failed", error=str(error))
        else:
            note.exception("round_failed", exc_info=error)
