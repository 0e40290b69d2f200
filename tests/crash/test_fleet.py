"""Four servers and their database killed again and again under posting: every promise holds.

`STAGEFOLD_CRASH_CYCLES=200` makes as many cycles. Each kills a process or two, and every fifth one
the whole database server; `-s` shows how long it took until all were ready again.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from service.adapters.postgres import postgres_store
from service.adapters.system import SystemClock
from service.ports import Store
from tests.contract.judging import assert_true, whole_log
from tests.contract.saying import SHOP, TEAM, TENANT, publish
from tests.crash.fleet import LOOK_SECONDS, Fleet
from tests.crash.producers import Ledger, Producer
from tests.servers.postgres import (
    DURABLE,
    PATIENT,
    Server,
    serving_our_own,
)

pytestmark = pytest.mark.anyio

CYCLES = int(os.environ.get("STAGEFOLD_CRASH_CYCLES", "6"))
CYCLES_BETWEEN_CRASHES = 5
PROCESSES = 4
PRODUCERS = 8
ACKNOWLEDGED_MAX = 120
"""Events before a kill at most, so that kills fall into every moment of a batch."""
GOING_ON = 300
"""Events, from the same moment, that producers go on to post beside and after it."""

PATIENCE_SECONDS = 600


@pytest.fixture
def server() -> Iterator[Server]:
    """Lend a server that keeps what it commits, and that may be crashed."""
    with serving_our_own(DURABLE) as own:
        yield own


async def test_a_fleet_keeps_every_promise_through_kills(server: Server, tmp_path: Path) -> None:
    """Acknowledged once, exactly, densely; every stage as the fold says; nothing is doubled."""
    store = await postgres_store(server.url, limits=PATIENT)
    await publish(store, SHOP)
    await publish(store, TEAM)
    await store.close()
    settings = {"STAGEFOLD_DATABASE_URL": server.url, "STAGEFOLD_SEAL_EVENTS": "200"}
    fleet, ledger = Fleet(PROCESSES, settings, tmp_path), Ledger()
    try:
        await fleet.until_all_ready()
        await live_dangerously(server, fleet, ledger)
    finally:
        await fleet.close()

    store = await postgres_store(server.url, limits=PATIENT)
    await assert_kept(store, ledger)
    await assert_true(store, SystemClock().now())
    assert not await store.inspect(thorough=True)
    await store.close()
    print(f"{CYCLES} cycles, {len(ledger.positions)} events, {ledger.doubts} doubts")  # noqa: T201 -- measured, for -s
    print(fleet.figures())  # noqa: T201 -- same


async def live_dangerously(server: Server, fleet: Fleet, ledger: Ledger) -> None:
    """Post from all sides while processes and the database are killed, cycle by cycle."""
    chance = random.Random(20_260_304)  # noqa: S311 -- the same luck every time
    producers = [Producer(f"p{number}", fleet, ledger) for number in range(PRODUCERS)]
    async with anyio.create_task_group() as group:
        for producer in producers:
            group.start_soon(producer.live)
        for cycle in range(1, CYCLES + 1):
            await until_acknowledged(ledger, chance.randrange(1, ACKNOWLEDGED_MAX))
            if cycle % CYCLES_BETWEEN_CRASHES == 0:
                await anyio.to_thread.run_sync(server.crash)
                await anyio.to_thread.run_sync(server.start)
                await fleet.come_back()
            else:
                async with anyio.create_task_group() as killed:
                    for process in chance.sample(fleet.processes, chance.choice((1, 1, 2))):
                        killed.start_soon(fleet.replace, process)
        await until_acknowledged(ledger, 1)
        for producer in producers:
            producer.is_done = True


async def until_acknowledged(ledger: Ledger, more: int) -> None:
    """Wait until so many events more have been acknowledged."""
    enough = len(ledger.positions) + more
    ledger.wanted = enough + GOING_ON
    with anyio.fail_after(PATIENCE_SECONDS):
        while len(ledger.positions) < enough:  # noqa: ASYNC110 -- many producers, one who looks
            await anyio.sleep(LOOK_SECONDS)


async def assert_kept(store: Store, ledger: Ledger) -> None:
    """Assert that the log holds what was acknowledged, once, where it was said, as it was sent."""
    log = await whole_log(store)
    of = {event.event_id: event for event in log}
    assert len(of) == len(log)
    assert of.keys() == ledger.positions.keys() == ledger.sent.keys()
    for event_id, position in ledger.positions.items():
        assert (of[event_id].position, of[event_id].payload) == (position, ledger.sent[event_id])
    page = await store.log(TENANT, after=len(log), limit=1)
    assert not page.rows
