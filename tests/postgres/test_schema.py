"""The schema on PostgreSQL: migrations make what the tables declare, and wait for nobody long."""

from __future__ import annotations

import re

import anyio
import asyncpg
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from service.adapters.postgres import postgres_store, schema, upgrade_database
from service.adapters.postgres.connections import Database, Limits
from service.adapters.postgres.tables import metadata as shared
from service.adapters.sql.declared import metadata
from service.ports import SchemaMismatch, StoreUnavailable
from service.schema import NEWEST
from tests.builders import at
from tests.contract.judging import assert_true
from tests.contract.saying import SHOP, TEAM, post, publish, sent
from tests.postgres.telling import Operator
from tests.servers.postgres import Databases

pytestmark = pytest.mark.anyio

COLUMNS = """
SELECT c.relname, a.attname, a.attnum, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       l.collname, pg_get_expr(d.adbin, d.adrelid)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
LEFT JOIN pg_collation l ON l.oid = a.attcollation
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'S') AND a.attnum > 0
"""
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace
"""


async def described(url: str) -> list[tuple[object, ...]]:
    """Return every column, index and constraint of a database."""
    connection = await asyncpg.connect(url)
    found = [
        tuple(row)
        for query in (COLUMNS, INDEXES, CONSTRAINTS)
        for row in await connection.fetch(query)
    ]
    await connection.close()
    return sorted((row for row in found if "alembic" not in str(row)), key=str)


async def test_migrations_make_what_the_tables_declare(databases: Databases, url: str) -> None:
    async with databases.bare() as plain:
        engine = create_async_engine(plain.replace("postgresql:", "postgresql+asyncpg:"))
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
            await connection.run_sync(shared.create_all)
        await engine.dispose()

        assert await described(plain) == await described(url)


async def test_texts_sort_by_code_point(operator: Operator) -> None:
    """So that lists have the same order in every store, whatever the database's language is."""
    others = await operator.fetchval(
        "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'public'"
        " AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'"
    )

    assert others == 0


async def test_down_and_up_again_keeps_what_is_stored(url: str) -> None:
    store = await postgres_store(url)
    await publish(store, SHOP)
    await publish(store, TEAM)
    await post(store, sent("e1", "ordered", 0), sent("e2", "ordered", 40))
    await store.close()
    database = Database(url, Limits())

    await schema.upgrade(database, to=NEWEST)
    async with database.engine.connect() as connection:
        await connection.run_sync(schema.migrate, "0001")
        await connection.commit()
    await schema.upgrade(database)

    await database.engine.dispose()
    store = await postgres_store(url)
    await post(store, sent("e3", "ordered", 41))
    await assert_true(store, at(60))
    await store.close()


async def test_a_migration_that_meets_a_lock_gives_up_and_changes_nothing(
    url: str, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(url, Limits())
    async with database.engine.connect() as connection:
        await connection.run_sync(schema.migrate, "0001")
        await connection.commit()
    before = await described(url)
    monkeypatch.setattr(schema, "LOCK_SECONDS", 1)

    async with operator.transaction():
        await operator.execute("LOCK TABLE feed IN ROW EXCLUSIVE MODE")
        with pytest.raises(StoreUnavailable, match="held its lock for too long"):
            await schema.upgrade(database)

    assert await described(url) == before
    await database.engine.dispose()


async def test_of_processes_that_start_together_one_migrates(databases: Databases) -> None:
    async with databases.bare() as bare:
        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(upgrade_database, bare)
        store = await postgres_store(bare)

        assert (await store.health(0)).revision == NEWEST
        await store.close()


async def test_what_a_newer_release_wrote_is_not_touched(url: str, operator: Operator) -> None:
    await operator.execute("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(SchemaMismatch, match=f"expected migration {NEWEST} or older, found 9999"):
        await postgres_store(url)


async def test_keys_of_what_grows_with_customers_begin_with_the_bucket(url: str) -> None:
    """So that the tables can be spread over nodes."""
    indexes = [row for row in await described(url) if str(row[1]).startswith("CREATE")]
    unique = {str(row[0]): str(row[1]) for row in indexes if "UNIQUE" in str(row[1])}
    growing = [name for name, table in metadata.tables.items() if "bucket" in table.c]

    for table in set(growing) - {"events", "feed"}:
        keys = [text for text in unique.values() if f".{table} " in text]
        assert keys
        assert all(re.search(r"\(bucket\b", text) for text in keys), keys
