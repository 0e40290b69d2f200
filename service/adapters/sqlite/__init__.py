"""The store in one SQLite file: a writer connection, a few readers, nothing to install."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from projections.models.machines import Compile, compile_document
from service.adapters.runners import ThreadRunner
from service.adapters.sqlite.archive import SqliteArchive, back_up
from service.adapters.sqlite.connections import Readers, open_writer
from service.adapters.sqlite.glances import Glances
from service.adapters.sqlite.readings import SqliteReadings
from service.adapters.sqlite.rows import SqliteRows
from service.adapters.sqlite.store import SqliteStore
from service.ports import Runner

__all__ = ["back_up", "sqlite_archive", "sqlite_store"]


def sqlite_store(
    path: Path, runner: Runner | None = None, *, compile_one: Compile = compile_document
) -> SqliteStore:
    """Return the store in the file at *path*, whose schema is up to date (`service.schema`).

    Raises:
        StoreUnavailable: The file cannot be opened.
    """
    return _opened(path, runner or ThreadRunner(), compile_one)[0]


def sqlite_archive(path: Path) -> tuple[SqliteStore, SqliteArchive]:
    """Return the store in the file at *path* and what copies its content.

    Raises:
        StoreUnavailable: The file cannot be opened.
    """
    store, rows = _opened(path, ThreadRunner(), compile_document)
    return store, SqliteArchive(path, store, rows)


def _opened(path: Path, runner: Runner, compile_one: Compile) -> tuple[SqliteStore, SqliteRows]:
    readers = Readers(path)
    rows = SqliteRows(open_writer(path), path, on_close=readers.close)

    @contextmanager
    def readings() -> Iterator[SqliteReadings]:
        with readers.lent() as connection:
            yield SqliteReadings(connection, path)

    glances = Glances(path, readers)
    return SqliteStore(rows, readings, runner, glances=glances, compile_one=compile_one), rows
