"""A database that cannot work now is a trouble that passes: told as such, and got over."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import anyio
import asyncpg
import pytest
from sqlalchemy.util.concurrency import greenlet_spawn

from service.adapters.postgres import postgres_store
from service.adapters.postgres.connections import Database, Limits, without_password
from service.adapters.postgres.rows import PostgresRows
from service.adapters.postgres.store import PostgresStore
from service.ports import StoreUnavailable
from tests.builders import at
from tests.contract.judging import assert_true, whole_log
from tests.contract.saying import SHOP, TEAM, TENANT, post, publish, sent
from tests.postgres.conftest import IMPATIENT
from tests.postgres.telling import OpenStore, Operator
from tests.servers.postgres import ANOTHER_SERVER, FAST, PATIENT, serving

pytestmark = pytest.mark.anyio

OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name LIKE $1"
)


@pytest.fixture
async def shop(store: PostgresStore) -> PostgresStore:
    """Return a store with two models and an event."""
    await publish(store, SHOP)
    await publish(store, TEAM)
    await post(store, sent("e1", "ordered", 1))
    return store


async def test_a_lost_connection_is_replaced(shop: PostgresStore, operator: Operator) -> None:
    """The loop hears of the loss before the next call, so nobody else does."""
    await operator.execute(OTHERS.replace("$1", "'stagefold%'"))
    await asyncio.wait_for(_all_lost(operator), 120)

    await post(shop, sent("e2", "ordered", 2))

    await assert_true(shop, at(10))


async def _all_lost(operator: Operator) -> None:
    while await operator.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name LIKE 'stagefold%'"
    ):
        await anyio.lowlevel.checkpoint()
    await anyio.wait_all_tasks_blocked()


async def test_an_append_that_is_cut_off_leaves_nothing(
    shop: PostgresStore, operator: Operator
) -> None:
    async with operator.transaction():
        await operator.execute("LOCK TABLE event_types IN EXCLUSIVE MODE")
        async with anyio.create_task_group() as group:
            group.start_soon(_refused, shop)
            await _until_waiting(operator)
            await operator.fetch(OTHERS, "stagefold writer")

    receipts = await post(shop, sent("e2", "ordered", 2))

    assert [receipt.position for receipt in receipts] == [2]
    await assert_true(shop, at(10))


async def _refused(store: PostgresStore) -> None:
    with pytest.raises(StoreUnavailable) as found:
        await post(store, sent("e9", "ordered", 2))
    assert found.value.retry_after_seconds == 1


async def _until_waiting(operator: Operator) -> None:
    while not await operator.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'stagefold writer' AND wait_event_type = 'Lock'"
    ):
        await anyio.lowlevel.checkpoint()


async def test_a_writer_waits_for_another_only_so_long(
    shop: PostgresStore, url: str, operator: Operator
) -> None:
    impatient = await postgres_store(url, limits=replace(PATIENT, lock=0.2))
    async with operator.transaction():
        await operator.execute("SELECT pg_advisory_xact_lock('events'::regclass::oid::bigint)")

        with pytest.raises(StoreUnavailable, match="held its lock for too long"):
            await post(impatient, sent("e2", "ordered", 2))
        assert len(await whole_log(shop)) == 1

    assert (await post(impatient, sent("e2", "ordered", 2)))[0].status == "accepted"
    await impatient.close()


async def test_a_read_only_database_refuses_writes_and_answers(
    open_store: OpenStore, operator: Operator
) -> None:
    """As a standby does, or a disk that is nearly full under some hosts."""
    store = await open_store()
    await publish(store, SHOP)
    await publish(store, TEAM)
    name = await operator.fetchval("SELECT current_database()")
    await operator.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    standby = await open_store()

    with pytest.raises(StoreUnavailable, match="it only reads"):
        await post(standby, sent("e1"))

    assert (await standby.positions()).head == 0
    assert [model.model for model in await standby.models(TENANT)] == ["shop", "team"]


async def test_a_lost_answer_to_commit_says_that_nobody_knows(
    shop: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event may be there; sent again, it is recognised."""
    commit = PostgresRows.commit

    def lose_the_answer(rows: PostgresRows, link: object) -> None:
        commit(rows, link)  # type: ignore[arg-type] # handed on as it came
        raise ConnectionResetError("the answer was lost")

    monkeypatch.setattr(PostgresRows, "commit", lose_the_answer)
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await post(shop, sent("e2", "ordered", 2))
    monkeypatch.undo()

    receipts = await post(shop, sent("e2", "ordered", 2), sent("e3", "ordered", 3))

    assert [(receipt.status, receipt.position) for receipt in receipts] == [
        ("duplicate", 2),
        ("accepted", 3),
    ]
    await assert_true(shop, at(10))


async def test_a_server_that_goes_and_comes_back_needs_no_restart_of_ours() -> None:
    with serving(FAST) as server:
        if server.folder is None:
            pytest.skip(f"cure: unset {ANOTHER_SERVER}; a server that is not ours is not stopped")
        store = await postgres_store(server.url, limits=PATIENT)
        await publish(store, SHOP)
        await publish(store, TEAM)
        await post(store, sent("e1", "ordered", 1))

        server.crash()
        for call in (post(store, sent("e2")), store.positions()):
            with pytest.raises(StoreUnavailable):
                await call
        server.start()

        await post(store, sent("e2", "ordered", 2))
        await assert_true(store, at(10))
        await store.close()


async def test_nobody_there_is_told_at_once() -> None:
    with pytest.raises(StoreUnavailable, match="cannot be reached") as found:
        await postgres_store("postgresql://stagefold:secret@127.0.0.1:1/none", limits=IMPATIENT)

    assert "secret" not in str(found.value)


async def test_a_database_that_does_not_exist_is_named(url: str) -> None:
    with pytest.raises(StoreUnavailable, match="there is no such database"):
        await postgres_store(f"{url}_not", limits=IMPATIENT)


async def test_a_mistake_is_no_trouble(url: str) -> None:
    """What will not pass by itself is not worth a second try."""
    database = Database(url, Limits())

    def misspell() -> None:
        with database.reading() as link:
            link.rows("SELEC 1")

    with pytest.raises(asyncpg.PostgresSyntaxError):
        await greenlet_spawn(misspell)
    await greenlet_spawn(database.close)


async def test_readers_wait_for_a_connection_only_so_long(url: str) -> None:
    limits = Limits(connect=0.1, readers=1)
    database = Database(url, limits)

    def read_inside_a_read() -> None:
        with database.reading(), database.reading():
            pass

    with pytest.raises(StoreUnavailable, match="all connections are in use"):
        await greenlet_spawn(read_inside_a_read)
    await greenlet_spawn(database.close)


async def test_a_cancelled_caller_does_not_cut_a_transaction_off(
    shop: PostgresStore, operator: Operator
) -> None:
    async with operator.transaction():
        await operator.execute("LOCK TABLE event_types IN EXCLUSIVE MODE")
        caller = asyncio.ensure_future(post(shop, sent("e2", "ordered", 2)))
        await _until_waiting(operator)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller

    await post(shop, sent("e3", "ordered", 3))

    assert [event.event_id for event in await whole_log(shop)] == ["e1", "e2", "e3"]


async def test_a_closed_store_says_so(store: PostgresStore) -> None:
    await store.close()

    with pytest.raises(StoreUnavailable, match="closed"):
        await store.positions()
    with pytest.raises(StoreUnavailable, match="closed"):
        await post(store, sent("e1"))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:secret@db:5433/shop", "postgresql://ann@db:5433/shop"),
        ("postgresql://ann:s@crt@db/shop?password=x", "postgresql://ann@db/shop"),
        ("postgresql://db/shop", "postgresql://db/shop"),
        ("postgresql://a:b@one:1,two:2/shop", "postgresql://a@one:1,two:2/shop"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, shown: str) -> None:
    assert without_password(url) == shown
