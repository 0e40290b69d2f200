"""One run: a service, its clients, bad luck, and the verdict; all of it decided by a seed."""

from __future__ import annotations

import asyncio
import random
import traceback
from dataclasses import dataclass
from pathlib import Path

from structlog.testing import capture_logs
from structlog.typing import EventDict

from service.ports import StoreError
from tests.simulation.claims import Ledger
from tests.simulation.clients import Client
from tests.simulation.loop import SimulatedLoop, simulated_loop
from tests.simulation.process import ConnectionLost, Host
from tests.simulation.verdict import assert_kept

CLIENTS = 4
DEEDS = 18
REBUILDS_SECONDS = 60.0
"""Within which rebuilds that a dead process left come to their end, once there is no trouble."""

STARTS_MAX = 20
STARTS_IN_TROUBLE_MAX = 5


@dataclass(frozen=True, slots=True)
class Run:
    """What a run came to, for comparing one with its repetition.

    Attributes:
        steps: Callbacks that ran.
        days: Virtual days that passed.
        ids: Event ids by position.
        strikes: Calls that were made to fail.
        deaths: Times that the process was killed.
        answers: Answers that were held against the fold.
    """

    steps: int
    days: float
    ids: tuple[str, ...]
    strikes: int
    deaths: int
    answers: int


def simulate(seed: int, path: Path | None) -> Run:
    """Return what the run of *seed* came to, over the SQLite file at *path* or over memory.

    Raises:
        AssertionError: A promise was broken.
    """
    with capture_logs(processors=[_with_traceback]) as lines:
        try:
            return _run(random.Random(seed), path)  # noqa: S311 -- a run repeats
        except AssertionError as error:
            error.add_note("\n".join(line["traceback"] for line in lines if "traceback" in line))
            raise


def _run(chance: random.Random, path: Path | None) -> Run:
    loop = simulated_loop(chance)
    host = Host(loop, chance, path)
    try:
        run = loop.run_until_complete(_live(loop, host, chance))
    finally:
        host.bury()
    assert not loop.troubles, loop.troubles
    unheard = host.unheard()
    assert not unheard, unheard
    assert isinstance(run, Run)
    return run


def _with_traceback(logger: object, method: str, line: EventDict) -> EventDict:
    """Add to the line of a request that failed on our side where it failed."""
    del logger, method
    if line["event"] == "request_failed":
        line["traceback"] = traceback.format_exc()
    return line


async def _live(loop: SimulatedLoop, host: Host, chance: random.Random) -> Run:
    ledger = Ledger()
    await host.start()
    clients = [
        Client(name, host, ledger, random.Random(chance.random()))  # noqa: S311 -- a run repeats
        for name in "pqrs"[:CLIENTS]
    ]
    living = [asyncio.ensure_future(client.live(DEEDS)) for client in clients]
    luck = asyncio.ensure_future(_bad_luck(host, chance))
    try:
        await asyncio.gather(*living)
    finally:
        luck.cancel()
        await asyncio.gather(luck, return_exceptions=True)
    host.trouble.set_in(0)
    host.kill()
    await _start(host)
    await asyncio.sleep(REBUILDS_SECONDS)
    await host.stop()
    store = host.reopened()
    while (await store.project()).behind:
        pass
    log = await assert_kept(store, ledger, host.clock.now())
    await store.close()
    return Run(
        steps=loop.steps,
        days=loop.time() / 86_400,
        ids=tuple(event.event_id for event in log),
        strikes=host.trouble.strikes,
        deaths=host.deaths,
        answers=len(ledger.answers),
    )


async def _bad_luck(host: Host, chance: random.Random) -> None:
    """Let trouble come and go, kill the process, stop it, and have it started again."""
    while True:
        await asyncio.sleep(chance.choice((0.01, 100.0, 10_000.0, 400_000.0)) * chance.random())
        what = chance.choice(("trouble", "trouble", "calm", "calm", "kill", "stop"))
        if what == "trouble":
            host.trouble.set_in(chance.choice((2, 10, 40)))
        elif what == "calm":
            host.trouble.set_in(0)
        elif what == "kill":
            host.kill()
        else:
            await host.stop()
        if host.process is None:
            await asyncio.sleep(chance.choice((0.0, 1.0, 3_600.0)))
            await _start(host)


async def _start(host: Host) -> None:
    """Start a process until one stays, as whoever runs the service does."""
    for attempt in range(STARTS_MAX):
        if attempt == STARTS_IN_TROUBLE_MAX:
            host.trouble.set_in(0)
        try:
            await host.start()
        except (ConnectionLost, StoreError):
            host.kill()
            await asyncio.sleep(1.0)
        else:
            return
    raise AssertionError(f"no process stayed up in {STARTS_MAX} starts")
