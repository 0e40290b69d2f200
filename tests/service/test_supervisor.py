"""The loops beside the requests: no error ends one, however long it lasts."""

from __future__ import annotations

import asyncio
import random
from typing import NoReturn

import pytest
import structlog
from structlog.testing import capture_logs

from service.ports import StoreUnavailable
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


AWAY = StoreUnavailable("database: it is starting")
DEFECT = KeyError("nobody foresaw this")


@pytest.mark.parametrize(
    ("error", "told"),
    [(AWAY, {"error": "database: it is starting"}), (DEFECT, {"exc_info": DEFECT})],
    ids=["away", "defect"],
)
def test_an_absent_database_takes_a_line_and_a_defect_its_traceback(
    error: Exception, told: dict[str, object]
) -> None:
    loop = simulated_loop(random.Random(1))  # noqa: S311 -- it repeats

    async def fail() -> bool:
        raise error

    async def watch() -> None:
        loops = Loops()
        loops.start("sweeper", fail, pause_seconds=1.0)
        await asyncio.sleep(0.5)
        await loops.stop()

    with capture_logs() as logs:
        loop.run_until_complete(watch())

    heading = {"event": "round_failed", "log_level": "error", "loop": "sweeper", "failures": 1}
    assert logs == [{**heading, **told}]


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
