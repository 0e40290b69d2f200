"""After an erasure nothing in the database spells the person: every file and table is read."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from projections.registers.erasure import MODES, ErasureMode
from service.adapters.postgres import postgres_store
from service.adapters.runners import DirectRunner
from service.adapters.sqlite import sqlite_store
from service.bootstrap import assemble, close, prepare
from service.ports import Store
from service.schema import upgrade
from service.settings import Settings
from tests.contract.saying import TEAM, publish
from tests.http.conftest import ADMIN_KEY, SHOP, Api, SeededRandomness, TurnedClock, client_of
from tests.seals.world import verdict
from tests.servers.postgres import PATIENT, Databases
from tests.webhooks.hooking import Hooked
from tests.webhooks.receiving import Receiver

pytestmark = pytest.mark.anyio

NAME, VISITOR, EMAIL = "zebediah-7731", "visitor-zq-9", "zeb@zebra-mail.example"
STREET, ORDER, FULL_NAME = "Zebra Street 12", "order-of-zeb-1", "Zebediah Zane"
TRACES = (NAME, VISITOR, EMAIL, STREET, ORDER, FULL_NAME)
DAY = "2026-02-{:02}T00:00:00Z"


@pytest.fixture(params=["sqlite", "postgresql"])
def adapter(request: pytest.FixtureRequest) -> str:
    """Name the adapter under test."""
    name: str = request.param
    if name == "postgresql":
        request.getfixturevalue("databases")  # starts a server: not to be done inside a loop
    return name


@pytest.fixture
async def place(adapter: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """Lend an empty database: its file, or its address."""
    if adapter == "sqlite":
        path = tmp_path / "stagefold.db"
        upgrade(path)
        yield str(path)
        return
    databases: Databases = request.getfixturevalue("databases")
    async with databases.fresh() as address:
        yield address


@pytest.fixture
async def hooked(place: str, anyio_backend: str) -> AsyncIterator[Hooked]:
    """Return an application over it, with a model of customers and one of accounts."""
    del anyio_backend
    async with AsyncExitStack() as stack:
        store: Store
        if place.startswith("postgresql"):
            store = await postgres_store(place, limits=PATIENT)
        else:
            store = sqlite_store(Path(place), DirectRunner())
        environ = {
            "STAGEFOLD_API_KEY": ADMIN_KEY,
            "STAGEFOLD_MODELS": "none",
            "STAGEFOLD_WEBHOOK_ALLOW_CIDRS": "127.0.0.0/8",
        }
        clock = TurnedClock()
        settings = Settings.from_environment(environ)
        services = assemble(settings, store, clock, SeededRandomness())
        stack.push_async_callback(close, services)
        services.appender.start()
        await prepare(services)
        draft = services.catalogue.read(SHOP, "application/yaml")
        version = await services.catalogue.put(draft, tenant="default", author="test")
        await services.catalogue.activate_and_wait(version)
        await publish(store, TEAM)
        client = await stack.enter_async_context(client_of(services))
        yield Hooked(Api(client, services, clock))


async def live(hooked: Hooked, receiver: Receiver) -> None:
    """Let the person leave a trace wherever one can be left, and somebody else live beside."""
    await hooked.endpoint(receiver.url, types=["customer.*"])
    private = {"email": EMAIL, "address": {"street": STREET}, "amount": 12.5}
    context = {"customer_id": NAME, "account_id": "acme"}
    events: list[dict[str, object]] = [
        {"id": "v-1", "type": "seen", "anonymous_id": VISITOR, "occurred_at": DAY.format(1)},
        {"id": "b-1", "type": "ordered", "customer_id": "bob", "account_id": "acme"},
        {"id": ORDER, "type": "ordered", **context, "properties": private},
        {"id": "i-1", "type": "$identify", **context, "traits": {"name": FULL_NAME}},
        {"type": "ordered", **context, "occurred_at": DAY.format(3), "properties": private},
        {"id": "x-1", "type": "$void", **context, "properties": {"event_id": ORDER}},
    ]
    await hooked.api.send(*events)
    rejected: dict[str, object] = {
        "type": "ordered",
        "customer_id": NAME,
        "occurred_at": "x",
        "properties": private,
    }
    await hooked.api.send(rejected)
    repeat = {"Idempotency-Key": "an-alias"}
    body = {"anonymous_id": VISITOR}
    await hooked.post(f"/v1/customers/{NAME}/aliases", body, headers=repeat)
    moved = {"model": "shop", "stage": "loyal", "reason": f"asked by {EMAIL}"}
    await hooked.post(f"/v1/customers/{NAME}/transitions", moved)
    await hooked.deliver()


async def everything_in(place: str) -> str:
    """Return every octet of the database's files, or every row of its tables."""
    if not place.startswith("postgresql"):
        files = sorted(Path(place).parent.glob("stagefold.db*"))
        return "\n".join(file.read_bytes().decode("latin-1") for file in files)
    connection: asyncpg.Connection[Any] = await asyncpg.connect(place)
    names = await connection.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
    )
    found = []
    for (name,) in names:
        for row in await connection.fetch(f'SELECT * FROM "{name}"'):  # noqa: S608 -- names of ours
            found += [
                value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in row
            ]
    await connection.close()
    return "\n".join(found)


@pytest.mark.parametrize("mode", MODES)
async def test_nothing_in_the_database_spells_the_person(
    hooked: Hooked, receiver: Receiver, place: str, mode: ErasureMode
) -> None:
    await live(hooked, receiver)
    before = await everything_in(place)
    assert [trace for trace in TRACES if trace not in before] == []

    answer = await hooked.api.client.delete(
        f"/v1/customers/{NAME}", params={"mode": mode}, headers={"Idempotency-Key": "an-erasure"}
    )
    await hooked.deliver()
    hooked.api.clock.turn(seconds=61)
    assert await hooked.api.services.erasing.finish() == 0

    assert answer.status_code == 200, answer.text
    left = await everything_in(place)
    assert {trace: _around(left, trace) for trace in TRACES if trace in left} == {}
    assert "bob" in left
    assert await verdict(hooked.api.services.store) == []
    assert await hooked.api.services.store.inspect() == []


def _around(text: str, trace: str) -> str:
    at = text.index(trace)
    return json.dumps(text[max(0, at - 80) : at + 80])
