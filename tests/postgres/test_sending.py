"""Writes that nobody waits for are done before anything else, and their failures are not lost."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy.util.concurrency import greenlet_spawn

from projections.rows.changes import Row
from service.adapters.postgres.connections import Database, Link
from service.adapters.postgres.store import PostgresStore
from tests.contract.saying import SHOP, post, publish, sent
from tests.servers.postgres import PATIENT

pytestmark = pytest.mark.anyio

ADD = "INSERT INTO event_types SELECT 'shop', name, 1, 0, 0 FROM unnest($1::text::text[]) name"
NAMES = "SELECT type FROM event_types ORDER BY type"
NO_NUMBER = "SELECT 1 / 0"


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """Lend an empty database."""
    found = Database(url, PATIENT)
    yield found
    await greenlet_spawn(found.close)


def names(database: Database) -> list[Row]:
    """Return what is there."""
    with database.reading() as link:
        return [tuple(row) for row in link.rows(NAMES)]


async def test_a_question_sees_what_was_sent_before_it(database: Database) -> None:
    def work() -> list[Row]:
        with database.writing("BEGIN") as link:
            link.send(ADD, ["a", "b"])
            link.send(ADD, ["c"])
            found = [tuple(row) for row in link.rows(NAMES)]
            link.send(ADD, ["d"])
            link.execute("COMMIT")
        return found

    found = await greenlet_spawn(work)

    assert found == [("a",), ("b",), ("c",)]
    assert await greenlet_spawn(names, database) == [("a",), ("b",), ("c",), ("d",)]


async def test_what_could_not_be_written_keeps_the_transaction_from_lasting(
    database: Database,
) -> None:
    def work() -> None:
        with database.writing("BEGIN") as link:
            link.send(ADD, ["a"])
            link.send(NO_NUMBER)
            link.send(ADD, ["b"])
            link.execute("COMMIT")

    with pytest.raises(asyncpg.DivisionByZeroError):
        await greenlet_spawn(work)

    assert await greenlet_spawn(names, database) == []


async def test_a_connection_is_of_use_after_its_user_gave_up(database: Database) -> None:
    def give_up() -> None:
        with database.writing("BEGIN") as link:
            link.send(ADD, ["a"])
            link.send(NO_NUMBER)
            raise LookupError

    def work() -> None:
        with database.writing("BEGIN") as link:
            link.send(ADD, ["b"])
            link.execute("COMMIT")

    with pytest.raises(LookupError):
        await greenlet_spawn(give_up)
    await greenlet_spawn(work)

    assert await greenlet_spawn(names, database) == [("b",)]


async def test_a_small_batch_is_written_by_one_statement_and_always_the_same(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it brings; so it is planned once, and only one more answer is waited for."""
    written: list[str] = []

    class Told(Link):
        def send(self, sql: str, *bound: object) -> None:
            written.append(sql)
            super().send(sql, *bound)

    await publish(store, SHOP)
    monkeypatch.setattr("service.adapters.postgres.connections.Link", Told)

    await post(store, sent("e-1", "ordered", 1, "ann"), sent("e-2", "visited", 2, "bob"))
    await post(store, sent("e-3", "visited", 3, "ann"))
    await post(store, sent("e-4", "ordered", 4, "ann"), sent("e-5", "visited", 4, "ann"))

    assert len(written) == 3
    assert len(set(written)) == 1
    assert (await store.positions()).applied == 5
