"""The schema of a database, brought up to date when the service starts.

Every start asks one question: which migration is the database at? Only when the answer is not the
newest one is the migration tool loaded, which takes longer than all the rest of a start.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib.resources import files
from pathlib import Path

from service.ports.errors import SchemaMismatch

NEWEST = "0020"
"""The migration that this release was written for; a test holds it and `migrations/` together."""

LOCK_SECONDS = 30
SQLITE_PREFIX = "sqlite:///"


def sqlite_path(url: str) -> Path:
    """Return the file that a `sqlite:///…` address names.

    Raises:
        ValueError: It is another kind of address, or names no file.
    """
    name = url.removeprefix(SQLITE_PREFIX)
    if name == url or not name:
        raise ValueError(f"database {url!r}: expected sqlite:/// and the path of a file")
    return Path(name)


def upgrade(path: Path) -> str:
    """Bring the SQLite file at *path*, new or old, up to date and return its migration.

    Several processes may start at once: one upgrades, the others wait for it.

    Raises:
        SchemaMismatch: A newer release has written it; this one must not.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    found = revision(path)
    if found == NEWEST:
        return found
    if found is not None and found > NEWEST:
        raise SchemaMismatch(
            f"database {path.name}: expected migration {NEWEST} or older, found {found}; "
            "start the release that wrote it, or a newer one"
        )
    _migrate(path)
    return NEWEST


def revision(path: Path) -> str | None:
    """Return the migration that the file at *path* is at; None for a new one."""
    if not path.exists():
        return None
    with closing(sqlite3.connect(path, timeout=LOCK_SECONDS)) as connection:
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return None
            raise
    return str(row[0]) if row else None


def _migrate(path: Path) -> None:
    from alembic import command  # noqa: PLC0415 -- loaded only when there is something to migrate
    from alembic.config import Config  # noqa: PLC0415 -- same
    from sqlalchemy import create_engine  # noqa: PLC0415 -- same
    from sqlalchemy.pool import NullPool  # noqa: PLC0415 -- same

    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=NullPool,
        connect_args={"timeout": LOCK_SECONDS, "isolation_level": None},
    )
    config = Config()
    config.set_main_option("script_location", str(files("migrations")).replace("%", "%%"))
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.exec_driver_sql("COMMIT")
