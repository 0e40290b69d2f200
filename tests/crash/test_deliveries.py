"""Webhooks through bad receivers and killed servers: none is missing, all come in order.

`STAGEFOLD_WEBHOOK_DELIVERIES=20000 STAGEFOLD_WEBHOOK_KILLS=30` makes the long proof, in which some
messages are refused twice; `-s` shows what it met with.
"""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
import pytest

from service.adapters.postgres import postgres_store
from service.adapters.runners import DirectRunner
from service.adapters.sqlite import sqlite_store
from service.ports import FeedRecord, Store
from tests.contract.saying import SHOP, TENANT
from tests.crash.fleet import LOOK_SECONDS, Fleet
from tests.crash.inbox import Inbox, receiving_badly
from tests.servers.postgres import PATIENT, Databases

pytestmark = pytest.mark.anyio

DELIVERIES = int(os.environ.get("STAGEFOLD_WEBHOOK_DELIVERIES", "120"))
KILLS = int(os.environ.get("STAGEFOLD_WEBHOOK_KILLS", "2"))
IS_LONG = KILLS > 2
PATHS = ("/a", "/b", "/c", "/d")
STEPS = ("ordered", "ordered", "cancelled", "ordered")
CUSTOMERS = -(-DELIVERIES // (len(PATHS) * (len(STEPS) + 1)))
CUSTOMERS_AT_ONCE = 50
PATIENCE_SECONDS = 1_200
PAUSE_SECONDS = 0.2
SETTINGS = {
    "STAGEFOLD_WEBHOOK_ALLOW_CIDRS": "127.0.0.0/8",
    "STAGEFOLD_WEBHOOK_LEASE_SECONDS": "5",
}


async def asked(fleet: Fleet, method: str, path: str, body: object) -> httpx.Response:
    """Return the answer of whichever process gives one."""
    with anyio.fail_after(PATIENCE_SECONDS):
        while True:
            for process in fleet.processes:
                try:
                    answer = await fleet.client.request(method, process.url + path, json=body)
                except httpx.TransportError:
                    continue
                if answer.status_code not in {502, 503, 504}:
                    assert answer.status_code < 300, answer.text
                    return answer
            await anyio.sleep(PAUSE_SECONDS)


async def begin(fleet: Fleet, inbox: Inbox) -> None:
    """Publish the model and make the endpoints."""
    await asked(fleet, "PUT", f"/v1/models/{SHOP['model']}", SHOP)
    await asked(fleet, "POST", f"/v1/models/{SHOP['model']}/versions/1/activate", {})
    for path in PATHS:
        terms = {"url": inbox.url(path), "types": ["customer.stage.changed"], "timeout_s": 2}
        made = await asked(fleet, "POST", "/v1/webhook-endpoints", terms)
        inbox.secrets[path] = made.json()["secret"]


async def live(fleet: Fleet) -> None:
    """Let every customer go through all steps, each event acknowledged before its next one."""
    names = [f"c{number}" for number in range(CUSTOMERS)]
    for number, kind in enumerate(STEPS):
        for at in range(0, len(names), CUSTOMERS_AT_ONCE):
            some = names[at : at + CUSTOMERS_AT_ONCE]
            events = [
                {"id": f"{name}-{number}", "type": kind, "customer_id": name} for name in some
            ]
            await asked(fleet, "POST", "/v1/events", events)


async def be_killed(fleet: Fleet, inbox: Inbox) -> None:
    """Kill one process after another, each when some more deliveries have been made."""
    chance = random.Random(20_261_122)  # noqa: S311 -- the same luck every time
    for number in range(KILLS):
        wanted = DELIVERIES * (number + 1) * 0.9 / (KILLS + 1) * chance.uniform(0.9, 1)
        with anyio.fail_after(PATIENCE_SECONDS):
            while inbox.taken < wanted:  # noqa: ASYNC110 -- receivers write, one looks
                await anyio.sleep(LOOK_SECONDS)
        await fleet.replace(chance.choice(fleet.processes))


async def whole_feed(store: Store) -> Sequence[FeedRecord]:
    """Return the feed from its beginning."""
    found: list[FeedRecord] = []
    while True:
        page = await store.feed(TENANT, after=found[-1].position if found else 0, limit=1_000)
        found += page.rows
        if page.next_after is None:
            return found


async def told_of(store: Store) -> set[str]:
    """Return the ids of all transitions, every one of which was live."""
    found = await whole_feed(store)
    assert all(one.kind == "asserted" and not one.quiet for one in found)
    return {one.transition.id for one in found if one.transition.kind == "transition"}


async def until_all_came(inbox: Inbox, wanted: set[str]) -> None:
    """Wait until every endpoint has what it is owed, as far as that can be waited for."""
    with anyio.move_on_after(PATIENCE_SECONDS):
        while any(inbox.ids(path) != wanted for path in PATHS):  # noqa: ASYNC110 -- as above
            await anyio.sleep(PAUSE_SECONDS)


async def prove(fleet: Fleet, inbox: Inbox, store: Store) -> None:
    """Assert that all came, in order, signed, through all that."""
    await fleet.until_all_ready()
    await begin(fleet, inbox)
    async with anyio.create_task_group() as group:
        group.start_soon(live, fleet)
        group.start_soon(be_killed, fleet, inbox)
    wanted = await told_of(store)
    await until_all_came(inbox, wanted)

    missing = {path: wanted - inbox.ids(path) for path in PATHS if wanted != inbox.ids(path)}
    assert not missing
    assert all(inbox.ids(path) == wanted for path in PATHS)
    assert inbox.out_of_order() == []
    assert inbox.forged == []
    print(  # noqa: T201 -- measured, for -s
        f"{len(wanted) * len(PATHS)} deliveries, {KILLS} kills, {inbox.misbehaved} times let down,"
        f" {inbox.repeats()} messages came more than once; {fleet.figures()}"
    )


@asynccontextmanager
async def fleet_of(count: int, settings: dict[str, str], folder: Path) -> AsyncIterator[Fleet]:
    """Lend a fleet, and stop it."""
    fleet = Fleet(count, {**SETTINGS, **settings}, folder)
    try:
        yield fleet
    finally:
        await fleet.close()


async def test_one_process_on_sqlite_delivers_all_in_order(tmp_path: Path) -> None:
    settings = {"STAGEFOLD_DATA_DIR": str(tmp_path)}
    async with (
        receiving_badly(is_stubborn=IS_LONG) as inbox,
        fleet_of(1, settings, tmp_path) as fleet,
    ):
        await fleet.until_all_ready()
        store = sqlite_store(tmp_path / "stagefold.db", DirectRunner())
        await prove(fleet, inbox, store)
        await store.close()


async def test_two_processes_on_postgresql_deliver_all_in_order(
    databases: Databases, tmp_path: Path
) -> None:
    async with databases.fresh() as url:
        settings = {"STAGEFOLD_DATA_DIR": str(tmp_path), "STAGEFOLD_DATABASE_URL": url}
        store = await postgres_store(url, limits=PATIENT)
        async with (
            receiving_badly(is_stubborn=IS_LONG) as inbox,
            fleet_of(2, settings, tmp_path) as fleet,
        ):
            await prove(fleet, inbox, store)
        await store.close()
