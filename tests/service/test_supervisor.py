"""The loops beside the requests: no error ends one, however long it lasts."""

from __future__ import annotations

import asyncio
import random
from typing import NoReturn

import structlog
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


def test_a_loop_outlives_whoever_read_its_log() -> None:
    """The other end of a pipe is closed; what is done in rounds is done all the same."""
    loop = simulated_loop(random.Random(1))  # noqa: S311 -- it repeats
    rounds: list[float] = []

    async def fail_once() -> bool:
        rounds.append(loop.time())
        if len(rounds) == 1:
            raise OSError("the database is away")
        return False

    def is_gone(*_: object) -> NoReturn:
        raise BrokenPipeError

    async def watch() -> None:
        loops = Loops()
        loops.start("sweeper", fail_once, pause_seconds=1.0)
        await asyncio.sleep(PAUSE_SECONDS_MAX)
        await loops.stop()

    former = structlog.get_config()
    structlog.configure(processors=[is_gone], cache_logger_on_first_use=False)
    try:
        loop.run_until_complete(watch())
    finally:
        structlog.configure(**former)

    assert len(rounds) > 1
