"""The store in PostgreSQL: one writer at a time, whichever process it is in, and many readers."""

from __future__ import annotations

from sqlalchemy.util.concurrency import greenlet_spawn

from projections.machines import Compile, compile_document
from service.adapters.postgres.connections import Database, Limits
from service.adapters.postgres.runner import GreenletRunner
from service.adapters.postgres.schema import upgrade
from service.adapters.postgres.store import PostgresStore


async def postgres_store(
    url: str, *, limits: Limits | None = None, compile_one: Compile = compile_document
) -> PostgresStore:
    """Return the store in the database at *url* (`postgresql://…`), its schema brought up to date.

    Raises:
        StoreUnavailable: The database cannot be reached.
        SchemaMismatch: A newer release has written it.
    """
    database = Database(url, limits or Limits())
    try:
        await upgrade(database)
        return await greenlet_spawn(PostgresStore, database, GreenletRunner(), compile_one)
    except BaseException:
        await greenlet_spawn(database.close)
        raise
