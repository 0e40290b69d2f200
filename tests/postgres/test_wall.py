"""Row security: a statement that forgets to name the tenant sees nothing of another one.

Every table that there is gets a row of each of two tenants, then is read from end to end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from sqlalchemy import LargeBinary, Table, Text, insert, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.util.concurrency import await_

from projections.asking import EVERYBODY
from projections.events.log import SubjectKey
from projections.registers.register import Register, entries
from projections.rows.changes import Row
from projections.webhooks.rows import DELIVERIES, ENDPOINTS
from service.adapters.embedded.rows import Readings
from service.adapters.postgres import postgres_store, tables, wall
from service.adapters.postgres.compiled import for_postgres
from service.adapters.postgres.readings import PostgresReadings
from service.adapters.postgres.store import PostgresStore
from service.adapters.sql.declared import metadata
from service.ports import StoreUnavailable
from tests.contract.saying import SHOP, post, publish, sent
from tests.postgres.telling import Operator
from tests.servers.postgres import PATIENT, reader_role_of

pytestmark = pytest.mark.anyio

OURS, THEIRS = "ours", "theirs"
PLACES = {OURS: 1, THEIRS: 2}
"""Of each tenant, the number that stands in every column of its rows."""

BEHIND = sorted(wall.policies())


@pytest.fixture
async def walled(url: str) -> AsyncIterator[PostgresStore]:
    """Return a store whose readers are behind the wall."""
    store = await postgres_store(url, limits=PATIENT, reader_role=reader_role_of(url))
    yield store
    await store.close()


@pytest.fixture
async def filled(walled: PostgresStore, operator: Operator) -> PostgresStore:
    """Return one with a row of each tenant in every table behind the wall."""
    for name in BEHIND:
        for tenant in PLACES:
            await operator.execute(row_of(metadata.tables[name], tenant))
    return walled


def row_of(table: Table, tenant: str) -> str:
    """Return the statement that adds a row: the tenant in every text, its place in the rest."""
    values: dict[str, object] = {}
    for column in table.c:
        is_text, is_octets = (isinstance(column.type, kind) for kind in (Text, LargeBinary))
        values[column.name] = tenant if is_text else b"" if is_octets else PLACES[tenant]
    adding = insert(table).values(values)
    options = {"literal_binds": True}
    return str(adding.compile(dialect=postgresql.dialect(), compile_kwargs=options))  # type: ignore[no-untyped-call] # not typed there


async def asked(store: PostgresStore, sql: str, *, of: Any) -> list[Row]:  # noqa: ANN401 -- a tenant or everybody
    """Return the rows of a statement that a reader for *of* runs."""

    def look(readings: Readings) -> list[Row]:
        assert isinstance(readings, PostgresReadings)
        return readings.link.rows(sql)

    return await store._read(look, of=of)  # noqa: SLF001 -- the way that every read goes


def test_each_table_is_behind_the_wall_or_known_to_be_nobodys() -> None:
    """Whoever adds a table says whose its rows are, or why nobody reads it for a tenant."""
    declared = {*metadata.tables, *tables.metadata.tables, "alembic_version"}

    assert declared == {*BEHIND, *wall.CLOSED}
    assert not set(BEHIND) & set(wall.CLOSED)


@pytest.mark.parametrize("name", BEHIND)
async def test_who_forgets_the_tenant_sees_rows_of_nobody_else(
    name: str, filled: PostgresStore
) -> None:
    table = metadata.tables[name]
    forgetful = for_postgres(select(table))

    seen = {tenant: await asked(filled, forgetful, of=tenant) for tenant in (*PLACES, "", "other")}

    place = next(n for n, column in enumerate(table.c) if not isinstance(column.type, LargeBinary))
    named = {tenant: [row[place] for row in rows] for tenant, rows in seen.items()}
    is_text = isinstance(list(table.c)[place].type, Text)
    theirs = {tenant: [tenant if is_text else n] for tenant, n in PLACES.items()}
    assert named == {**theirs, "": [], "other": []}
    assert len(await asked(filled, forgetful, of=EVERYBODY)) == 2


@pytest.mark.parametrize("name", sorted(wall.CLOSED))
async def test_what_is_nobodys_cannot_be_asked_for_a_tenant(
    name: str, walled: PostgresStore
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match=name):
        await asked(walled, f"SELECT 1 FROM {name}", of=OURS)  # noqa: S608 -- one of our tables


async def test_who_names_no_tenant_sees_nothing(filled: PostgresStore, operator: Operator) -> None:
    del filled
    await operator.execute(f"SET ROLE {await operator.fetchval('SELECT current_database()')}")

    for name in BEHIND:
        assert await operator.fetchval(f"SELECT count(*) FROM {name}") == 0, name  # noqa: S608 -- one of our tables


@pytest.mark.parametrize("register", [DELIVERIES, ENDPOINTS], ids=lambda one: one.name)
async def test_a_script_that_forgets_the_tenant_sees_rows_of_nobody_else(
    register: Register[Any], filled: PostgresStore
) -> None:
    found = await filled.look(entries(register), of=OURS)

    assert [one.tenant for one in found] == [OURS]
    assert len(await filled.look(entries(register), of=EVERYBODY)) == 2


async def test_tenants_who_ask_at_once_are_each_told_their_own(walled: PostgresStore) -> None:
    for tenant, events in PLACES.items():
        await publish(walled, SHOP, tenant=tenant)
        for n in range(events):
            await post(walled, sent(f"e{n}", tenant=tenant))
    ann = SubjectKey("customer", "ann")

    for _ in range(2):  # the second time they are known
        askers = [tenant for _ in range(300) for tenant in (OURS, THEIRS, "other")]
        found = await asyncio.gather(*(walled.snapshot(one, ann) for one in askers))

        told = {(who, one and one.subject.events) for who, one in zip(askers, found, strict=True)}
        assert told == {(OURS, 1), (THEIRS, 2), ("other", None)}


async def lent(store: PostgresStore) -> set[tuple[str, str]]:
    """Return role and tenant that each connection of the pool is lent with, all lent at once."""
    all_are_lent = asyncio.Barrier(PATIENT.readers)

    def look() -> tuple[str, str]:
        with store._database.reading() as link:  # noqa: SLF001 -- as a reader for everybody does
            await_(all_are_lent.wait())
            found: tuple[str, str] = tuple(link.rows(WHO)[0])
            return found

    users = (store._runner.read(look) for _ in range(PATIENT.readers))  # noqa: SLF001 -- same
    return set(await asyncio.gather(*users))


WHO = f"SELECT current_user::text, coalesce(current_setting('{wall.NAMED}', true), '')"


async def test_nobody_is_lent_the_role_of_whoever_read_before(walled: PostgresStore) -> None:
    async def well() -> None:
        assert (await asked(walled, WHO, of=OURS))[0][1] == OURS

    async def badly() -> None:
        with pytest.raises(asyncpg.DivisionByZeroError):
            await asked(walled, "SELECT 1 / 0", of=OURS)

    async def never() -> None:
        task = asyncio.create_task(asked(walled, WHO, of=OURS))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    for way in (well, badly, never):
        await asyncio.gather(*(way() for _ in range(2 * PATIENT.readers)))

        assert await lent(walled) == {("stagefold", "")}, way.__name__


async def test_a_connection_that_is_cut_off_leaves_no_role(walled: PostgresStore) -> None:
    def cut(readings: Readings) -> list[Row]:
        assert isinstance(readings, PostgresReadings)
        readings.link.driver.terminate()
        return readings.link.rows(WHO)

    with pytest.raises(StoreUnavailable):
        await walled._read(cut, of=OURS)  # noqa: SLF001 -- the way that every read goes

    assert await lent(walled) == {("stagefold", "")}


async def test_another_processs_model_is_seen_from_behind_the_wall(
    walled: PostgresStore, url: str
) -> None:
    """The catalogue is everybody's: it is looked up before the role is taken."""
    other = await postgres_store(url, limits=PATIENT)
    await publish(other, SHOP, tenant=THEIRS)
    await post(other, sent("e", "ordered", tenant=THEIRS))
    await other.close()

    found = await walled.snapshot(THEIRS, SubjectKey("customer", "ann"))

    assert found is not None
    assert [row.model for row in found.stages] == ["shop"]
    assert (await asked(walled, WHO, of=OURS))[0][1] == OURS
