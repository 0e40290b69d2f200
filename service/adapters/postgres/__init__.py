"""The store in PostgreSQL: one writer at a time, whichever process it is in, and many readers."""

from __future__ import annotations

import os
import secrets
import socket
from contextlib import AsyncExitStack

from sqlalchemy.util.concurrency import greenlet_spawn

from projections.models.machines import Compile, compile_document
from service.adapters.postgres.builders import PostgresBuilders
from service.adapters.postgres.connections import Database, Limits
from service.adapters.postgres.leases import PostgresLeases
from service.adapters.postgres.runner import GreenletRunner
from service.adapters.postgres.schema import upgrade
from service.adapters.postgres.store import PostgresStore
from service.adapters.postgres.walling import stand

__all__ = ["PostgresBuilders", "postgres_store", "upgrade_database"]


async def postgres_store(
    url: str,
    *,
    limits: Limits | None = None,
    compile_one: Compile = compile_document,
    reader_role: str = "",
) -> PostgresStore:
    """Return the store in the database at *url* (`postgresql://…`), its schema brought up to date.

    With a *reader_role* there is a wall between tenants for whoever reads, built where it is not.

    Raises:
        WallBroken: There is to be a wall, and it does not stand.
        StoreUnavailable: The database cannot be reached.
        SchemaMismatch: A newer release has written it.
    """
    database = Database(url, limits or Limits())
    runner = GreenletRunner()
    leases = PostgresLeases(database, runner, _this_process())
    async with AsyncExitStack() as undoing:
        undoing.push_async_callback(greenlet_spawn, database.close)
        await upgrade(database)
        if reader_role:
            await greenlet_spawn(stand, database, reader_role)
        store = await greenlet_spawn(
            PostgresStore, database, runner, leases, compile_one, reader_role
        )
        undoing.pop_all()
    return store


async def upgrade_database(url: str, *, reader_role: str = "") -> None:
    """Bring the schema of the database at *url* up to date, with the wall if a role is named.

    Raises:
        WallBroken: There is to be a wall, and it does not stand.
        StoreUnavailable: The database cannot be reached.
        SchemaMismatch: A newer release has written it.
    """
    database = Database(url, Limits())
    try:
        await upgrade(database)
        if reader_role:
            await greenlet_spawn(stand, database, reader_role)
    finally:
        await greenlet_spawn(database.close)


def _this_process() -> str:
    """Return a name that no other process has, and that an operator can make sense of."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
