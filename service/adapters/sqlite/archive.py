"""Copies of a SQLite database: portable ones, table by table, and whole files."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from sqlalchemy import bindparam, insert, select

from projections.rows.changes import Row
from service.adapters.sql.archived import KEPT, Section, rows_of, sections, table_of
from service.adapters.sql.compiled import for_sqlite, limited
from service.adapters.sqlite.connections import open_reader, translated
from service.adapters.sqlite.rebuilds import note_change
from service.adapters.sqlite.rows import SqliteRows
from service.adapters.sqlite.store import SqliteStore
from service.safekeeping.archive import ROWS_AT_ONCE, NotEmpty, Restored, Take, new_file


class SqliteArchive:
    """Writes the content of the file at *path* out, and reads it in."""

    def __init__(self, path: Path, store: SqliteStore, rows: SqliteRows) -> None:
        """Write through *store* to *rows*, read beside it."""
        self._path = path
        self._store = store
        self._rows = rows

    def tables(self, *, secrets: bool) -> list[Section]:
        return sections(secrets=secrets)

    async def copy(self, take: Take, *, secrets: bool) -> None:
        with translated(self._path), closing(open_reader(self._path)) as connection:
            connection.execute("BEGIN")
            for section in self.tables(secrets=secrets):
                found = connection.execute(for_sqlite(rows_of(section.name)))
                while rows := found.fetchmany(ROWS_AT_ONCE):
                    take(section.name, rows)

    async def restore(self, pages: Iterable[tuple[str, Sequence[Row]]]) -> Restored:
        connection = self._rows.connection
        return await self._store.restore(
            pages, partial(_begin, connection), partial(_load, connection)
        )


def _begin(connection: sqlite3.Connection) -> None:
    """Make sure that there is nothing yet; models and generations will be others from now on."""
    for table in KEPT:
        if connection.execute(for_sqlite(limited(select(table)))).fetchone() is not None:
            raise NotEmpty(f"expected an empty database, found rows in {table.name}")
    note_change(connection)


def _load(connection: sqlite3.Connection, name: str, rows: Sequence[Row]) -> None:
    table = table_of(name)
    names = tuple(table.c.keys())
    adding = insert(table).values({column: bindparam(column) for column in names})
    connection.executemany(for_sqlite(adding, *names), [row[: len(names)] for row in rows])


def back_up(path: Path, target: Path, watch: Callable[[Path], None]) -> None:
    """Write a copy of the database at *path*, as it is now, to *target*; others may go on writing.

    *watch* is given the name of the unfinished file before the work begins.

    Raises:
        StoreUnavailable: The disk is full, or the database cannot be read.
    """
    with new_file(target) as unfinished:
        watch(unfinished)
        with translated(path), closing(open_reader(path)) as connection:
            connection.execute("PRAGMA query_only = OFF").fetchone()
            connection.execute("VACUUM INTO ?", (str(unfinished),))
        with translated(target), closing(sqlite3.connect(unfinished)) as copy:
            (found,) = copy.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise OSError(5, f"the copy is damaged ({found})", str(target))
