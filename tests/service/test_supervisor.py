"""The loops beside the requests: no error ends one, however long it lasts."""

from __future__ import annotations

import asyncio
import random

from structlog.testing import capture_logs

from service.workers.supervisor import PAUSE_SECONDS_MAX, Loops
from tests.simulation.loop import simulated_loop

FAILURES = 1_100


def test_a_loop_outlives_an_outage_of_a_day() -> None:
    """The pause doubles up to a minute and stays there: its growth must not become an error."""
    loop = simulated_loop(random.Random(1))  # noqa: S311 -- it repeats
    begun: list[float] = []

    async def fail_for_long() -> bool:
        begun.append(loop.time())
        if len(begun) <= FAILURES:
            raise OSError("the database is away")
        return False

    async def watch() -> None:
        loops = Loops()
        loops.start("sweeper", fail_for_long, pause_seconds=1.0)
        await asyncio.sleep((FAILURES + 2) * PAUSE_SECONDS_MAX)
        await loops.stop()

    with capture_logs():
        loop.run_until_complete(watch())

    assert len(begun) > FAILURES
    assert begun[1] - begun[0] == 2.0
    assert begun[FAILURES] - begun[FAILURES - 1] == PAUSE_SECONDS_MAX
