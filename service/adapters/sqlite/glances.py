"""Looks at SQLite that need no transaction: has anybody written since, and what of one subject.

`PRAGMA data_version` is another number as soon as another connection has committed, of this process
or of any other (https://sqlite.org/pragma.html#pragma_data_version). This connection only looks, so
while the number stays, every row is what it was, and what was made of rows needs no other look.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import NamedTuple

from domain.buckets import bucket_of
from projections.events.log import SubjectKey
from projections.reading.answers import SubjectSnapshot
from projections.rows.questions import Head
from projections.subjects.profiles import PROFILE_COLUMNS, ProfileRow
from service.adapters.embedded.wholes import KEPT_MAX, Asked
from service.adapters.sqlite import lookups
from service.adapters.sqlite.connections import Readers, translated
from service.adapters.sqlite.rebuilds import change_count
from service.adapters.sqlite.rows import head_of
from service.adapters.sqlite.statements import statement
from service.ports import StoreError

_ENDS = -len(PROFILE_COLUMNS)


class Glance(NamedTuple):
    """What two looks tell of a subject, outside of a transaction.

    The row comes first, with where everything ends. So if *changes* is a count that was known
    before, models and generations were those of that count at the moment of the row as well.
    """

    head: Head
    row: ProfileRow
    changes: int


class Unchanged:
    """Whole subjects as they were told since somebody last committed."""

    def __init__(self) -> None:
        """Hold none yet."""
        self._version: int | None = None
        self._told: dict[Asked, SubjectSnapshot] = {}

    def told(self, asked: Asked, version: int) -> SubjectSnapshot | None:
        """Return whom *asked* names, if he was told at that data *version*."""
        if version != self._version:
            self._told.clear()
            self._version = version
        return self._told.get(asked)

    def keep(self, asked: Asked, version: int, found: SubjectSnapshot) -> None:
        """Keep *found*, which was read after *version* was."""
        if version != self._version:
            return
        if len(self._told) >= KEPT_MAX:
            self._told.clear()
        self._told[asked] = found


class Glances:
    """Looks through a connection that is never lent."""

    def __init__(self, path: Path, readers: Readers) -> None:
        """Look at the database at *path*, which *readers* read as well."""
        self._path = path
        self._readers = readers

    def data_version(self) -> int | None:
        """Return what changes with every commit; None where it cannot be told.

        To ask in a transaction finds out why.
        """
        try:
            looked = self._readers.looking().execute("PRAGMA data_version")
            version: int = looked.fetchone()[0]
        except (sqlite3.Error, StoreError):
            return None
        return version

    def at(self, tenant: str, key: SubjectKey) -> Glance | None:
        """Return what is to be seen of whom *key* names; None for a stranger.

        Raises:
            StoreUnavailable: The database cannot be read now.
        """
        bound = (bucket_of(tenant, key.id), tenant, key.kind, key.id)
        with translated(self._path):
            connection = self._readers.looking()
            rows = connection.execute(statement(lookups.glance), bound).fetchall()
            if not rows:
                return None
            row = rows[0]
            return Glance(head_of(row[:_ENDS]), row[_ENDS:], change_count(connection))
