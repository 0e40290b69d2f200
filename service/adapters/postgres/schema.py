"""The schema of a PostgreSQL database, brought up to date when the service starts.

A migration waits a bounded time for each lock that it needs, so that it never stands in the way of
a running service for long; where it does not get them, the start fails and nothing has changed.
"""

from __future__ import annotations

from importlib.resources import files

from sqlalchemy import Connection, text

from service.adapters.postgres import views
from service.adapters.postgres.compiled import statement
from service.adapters.postgres.connections import Database
from service.adapters.postgres.troubles import translated
from service.ports.errors import SchemaMismatch
from service.schema import NEWEST

OTHERS_SECONDS = 60
"""How long to wait for another process that migrates."""

LOCK_SECONDS = 5
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('stagefold migrations'))"


async def upgrade(database: Database, *, to: str = NEWEST) -> None:
    """Bring *database*, new or old, up to date.

    Several processes may start at once: one upgrades, the others wait for it.

    Raises:
        SchemaMismatch: A newer release has written it; this one must not.
        StoreUnavailable: It cannot be reached, or somebody holds a lock on a table.
    """
    with translated(database.place):
        async with database.engine.connect() as connection:
            found = await connection.run_sync(revision)
            if found is not None and found > to:
                raise SchemaMismatch(
                    f"database {database.place}: expected migration {to} or older, found {found};"
                    " start the release that wrote it, or a newer one"
                )
            if found != to:
                await connection.run_sync(migrate, to)
                await connection.commit()


def revision(connection: Connection) -> str | None:
    """Return the migration that the database is at; None for a new one."""
    with connection.begin_nested() if connection.in_transaction() else connection.begin():
        exists = connection.scalar(text("SELECT to_regclass('alembic_version') IS NOT NULL"))
        return connection.scalar(text(statement(views.revision))) if exists else None


def migrate(connection: Connection, to: str) -> None:
    """Run the migrations up to *to*, or down to it, in one transaction that is left open."""
    from alembic import command  # noqa: PLC0415 -- loaded only when there is something to migrate
    from alembic.config import Config  # noqa: PLC0415 -- same

    config = Config()
    config.set_main_option("script_location", str(files("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{OTHERS_SECONDS}s'")
    connection.exec_driver_sql(_ONE_AT_A_TIME)
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
    if to == "base" or (revision(connection) or "") > to:
        command.downgrade(config, to)
    else:
        command.upgrade(config, to)
