"""Looks at one subject through a connection of its own, which knows whether anybody has written.

`PRAGMA data_version` is another number as soon as another connection has committed, of this process
or of any other (https://sqlite.org/pragma.html#pragma_data_version). This connection only looks, so
while the number stays, every row is what it was, and what was made of rows needs no other look.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from projections.reading.answers import SubjectSnapshot
from service.adapters.embedded.wholes import KEPT_MAX, Asked
from service.adapters.sqlite.connections import Readers, translated
from service.adapters.sqlite.readings import SqliteReadings
from service.ports import StoreError
from service.recent import Recent

Answer = TypeVar("Answer")


class Unchanged:
    """Whole subjects as they were told since somebody last committed."""

    def __init__(self) -> None:
        """Hold none yet."""
        self._version: int | None = None
        self._told = Recent[Asked, SubjectSnapshot](KEPT_MAX)

    def told(self, asked: Asked, version: int) -> SubjectSnapshot | None:
        """Return whom *asked* names, if he was told at that data *version*."""
        if version != self._version:
            self._told.clear()
            self._version = version
        return self._told.asked(asked)

    def keep(self, asked: Asked, version: int, found: SubjectSnapshot) -> None:
        """Keep *found*, which was read after *version* was."""
        if version == self._version:
            self._told.keep(asked, found)


class Glances:
    """Looks through a connection that is never lent, in the thread of the loop."""

    def __init__(self, path: Path, readers: Readers) -> None:
        """Look at the database at *path*, which *readers* read as well."""
        self._path = path
        self._readers = readers

    def data_version(self) -> int | None:
        """Return what changes with every commit; None where it cannot be told.

        To look at something finds out why.
        """
        try:
            return _data_version(self._readers.looking())
        except (sqlite3.Error, StoreError):
            return None

    def look(self, see: Callable[[SqliteReadings, int], Answer]) -> Answer:
        """Return what *see* makes of readings of one moment and the data version of that moment.

        Raises:
            StoreUnavailable: The database cannot be read now.
        """
        with translated(self._path):
            connection = self._readers.looking()
            connection.execute("BEGIN")
            try:
                version = _data_version(connection)
                return see(SqliteReadings(connection, self._path), version)
            finally:
                self._readers.looked(connection)


def _data_version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA data_version").fetchone()[0]
    return version
