"""Portable copies of a PostgreSQL database, table by table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import literal_column, select

from projections.rows.changes import Row
from service.adapters.embedded.restoring import SUBJECTS
from service.adapters.embedded.store import EmbeddedStore
from service.adapters.postgres.compiled import WHOLE, for_postgres
from service.adapters.postgres.connections import Database, Link
from service.adapters.postgres.rows import PostgresRows
from service.adapters.postgres.runner import GreenletRunner
from service.adapters.postgres.small import note_change
from service.adapters.sql.archived import KEPT, Section, rows_of, sections, table_of
from service.safekeeping.archive import ROWS_AT_ONCE, NotEmpty, Restored, Take


class PostgresArchive:
    """Writes the content of a database out, and reads it in."""

    def __init__(
        self, database: Database, runner: GreenletRunner, writing: EmbeddedStore, rows: PostgresRows
    ) -> None:
        """Read *database*, write through *writing* to *rows*."""
        self._database = database
        self._runner = runner
        self._writing = writing
        self._rows = rows

    def tables(self, *, secrets: bool) -> list[Section]:
        return sections(secrets=secrets)

    async def copy(self, take: Take, *, secrets: bool) -> None:
        def read() -> None:
            with self._database.reading() as link:
                link.be_patient()
                for section in self.tables(secrets=secrets):
                    _read(link, section.name, take)

        await self._runner.read(read)

    async def restore(self, pages: Iterable[tuple[str, Sequence[Row]]]) -> Restored:
        return await self._writing.restore(pages, self._refuse_filled, self._load)

    def _refuse_filled(self) -> None:
        one = literal_column("1", WHOLE)
        for table in KEPT:
            if self._rows.link.row(for_postgres(select(one).select_from(table).limit(one))):
                raise NotEmpty(f"expected an empty database, found rows in {table.name}")
        note_change(self._rows.link)

    def _load(self, name: str, rows: Sequence[Row]) -> None:
        names = table_of(name).c.keys()
        self._rows.link.copy(name, names, [row[: len(names)] for row in rows])
        if name == SUBJECTS:
            self._rows.look_again()


def _read(link: Link, name: str, take: Take) -> None:
    cursor = f"kept_{name}"  # a name of its own: the driver remembers what a statement answers with
    link.execute(f"DECLARE {cursor} NO SCROLL CURSOR FOR {for_postgres(rows_of(name))}")
    while rows := link.rows(f"FETCH {ROWS_AT_ONCE} FROM {cursor}"):
        take(name, rows)
    link.execute(f"CLOSE {cursor}")
