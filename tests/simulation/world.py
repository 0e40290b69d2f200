"""One run: a service, its clients, bad luck, and the verdict; all of it decided by a seed."""

from __future__ import annotations

import asyncio
import random
import traceback
from dataclasses import dataclass
from pathlib import Path

from structlog.testing import capture_logs
from structlog.typing import EventDict

from domain.instants import SECOND
from tests.simulation.claims import Ledger
from tests.simulation.clients import Client
from tests.simulation.hosts import Hosts
from tests.simulation.listeners import Listener, assert_heard
from tests.simulation.loop import SimulatedLoop, simulated_loop
from tests.simulation.topic import assert_published
from tests.simulation.verdict import assert_kept

CLIENTS = 4
DEEDS = 18
REBUILDS_SECONDS = 100 * 3_600.0
"""Within which rebuilds that a dead process left come to their end, once there is no trouble.

Who carries them on looks every few hours, and is told at every fifth look that another does.
"""

CLOCK_ERRORS = (0, 0, -1, 1, -3_600, 86_400, -86_400)
"""Seconds by which a clock may be wrong for a while."""


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
        heard: Messages that a live stream told.
        forgotten: Persons who were erased.
    """

    steps: int
    days: float
    ids: tuple[str, ...]
    strikes: int
    deaths: int
    answers: int
    heard: int
    forgotten: int


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
    hosts = Hosts(loop, chance, path)
    try:
        run = loop.run_until_complete(_live(loop, hosts, chance))
    finally:
        hosts.bury()
    assert not loop.troubles, loop.troubles
    unheard = hosts.unheard()
    assert not unheard, unheard
    assert isinstance(run, Run)
    return run


def _with_traceback(logger: object, method: str, line: EventDict) -> EventDict:
    """Add to the line of a request that failed on our side where it failed."""
    del logger, method
    if line["event"] == "request_failed":
        line["traceback"] = traceback.format_exc()
    return line


async def _live(loop: SimulatedLoop, hosts: Hosts, chance: random.Random) -> Run:
    ledger = Ledger()
    await hosts.start()
    clients = [
        Client(name, hosts, ledger, random.Random(chance.random()))  # noqa: S311 -- a run repeats
        for name in "pqrs"[:CLIENTS]
    ]
    living = [asyncio.ensure_future(client.live(DEEDS)) for client in clients]
    listener = Listener(hosts, random.Random(chance.random()))  # noqa: S311 -- a run repeats
    luck = asyncio.ensure_future(_bad_luck(hosts, chance))
    listening = asyncio.ensure_future(listener.live())
    try:
        await asyncio.gather(*living)
    finally:
        luck.cancel()
        listening.cancel()
        await asyncio.gather(luck, listening, return_exceptions=True)
    if not listening.cancelled():
        listening.result()
    await _settle(hosts)
    store = hosts.reopened()
    while (await store.project()).behind:
        pass
    log = await assert_kept(store, ledger, hosts.clock.latest, hosts.path)
    await assert_heard(store, listener)
    await assert_published(store, hosts.topic)
    await store.close()
    return Run(
        steps=loop.steps,
        days=loop.time() / 86_400,
        ids=tuple(event.event_id for event in log),
        strikes=hosts.trouble.strikes,
        deaths=hosts.deaths,
        answers=len(ledger.answers),
        heard=len(listener.heard),
        forgotten=len(ledger.forgotten),
    )


async def _settle(hosts: Hosts) -> None:
    """Let all trouble end and what is under way come to its end."""
    hosts.trouble.set_in(0)
    for host in hosts.every:
        host.kill()
    for host in hosts.every:
        await hosts.start_anyhow(host)
    await asyncio.sleep(REBUILDS_SECONDS)
    for host in hosts.every:
        await host.stop()


async def _bad_luck(hosts: Hosts, chance: random.Random) -> None:
    """Let trouble come and go, clocks go wrong, processes be killed, stopped and started again."""
    kinds = ("trouble", "trouble", "calm", "calm", "kill", "stop", "clock")
    while True:
        await asyncio.sleep(chance.choice((0.01, 100.0, 10_000.0, 400_000.0)) * chance.random())
        host = chance.choice(hosts.every)
        match chance.choice(kinds):
            case "trouble":
                hosts.trouble.set_in(chance.choice((2, 10, 40)))
            case "calm":
                hosts.trouble.set_in(0)
            case "clock":
                hosts.clock.set_wrong(chance.choice(CLOCK_ERRORS) * SECOND)
            case "kill":
                host.kill()
            case _:
                await host.stop()
        if host.process is None:
            await asyncio.sleep(chance.choice((0.0, 1.0, 3_600.0)))
            await hosts.start_anyhow(host)
