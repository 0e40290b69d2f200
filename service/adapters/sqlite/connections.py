"""Connections to a SQLite file: one that writes, others that only read.

The writer commits with `synchronous=FULL`: what is acknowledged survives a power cut (ADR 0005).
Only it checkpoints. Readers see the state of their transaction's begin and never wait for it.
"""

from __future__ import annotations

import json
import sqlite3
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from projections.reading.lists import trait_matches
from service.ports import StoreDamaged, StoreUnavailable

BUSY_SECONDS = 5
CACHE_KIBIBYTES = 65_536
READER_CACHE_KIBIBYTES = 8_192
CHECKPOINT_PAGES = 10_000
"""40 MB: pages that are written again and again go into the database once per so many."""

_WAITING = frozenset({"SQLITE_BUSY", "SQLITE_LOCKED"})
_UNABLE = frozenset(
    {
        "SQLITE_CANTOPEN",
        "SQLITE_FULL",
        "SQLITE_IOERR",
        "SQLITE_NOMEM",
        "SQLITE_PROTOCOL",
        "SQLITE_READONLY",
    }
)
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


def open_writer(path: Path) -> sqlite3.Connection:
    """Return the connection that writes; transactions are begun and ended in so many words."""
    connection = _open(path, "rwc")
    connection.execute("PRAGMA journal_mode = WAL").fetchone()
    for setting in (
        "synchronous = FULL",
        "secure_delete = ON",  # what is erased is overwritten, not only forgotten
        "recursive_triggers = ON",  # else INSERT OR REPLACE goes round the triggers on DELETE
        f"cache_size = -{CACHE_KIBIBYTES}",
        f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
        f"journal_size_limit = {CHECKPOINT_PAGES * 4096}",
        "temp_store = MEMORY",
    ):
        connection.execute(f"PRAGMA {setting}").fetchone()
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Return a connection that cannot write."""
    connection = _open(path, "rw")  # a reader that comes first after a crash recovers the log
    for setting in (
        "query_only = ON",
        "wal_autocheckpoint = 0",
        f"cache_size = -{READER_CACHE_KIBIBYTES}",
    ):
        connection.execute(f"PRAGMA {setting}").fetchone()
    connection.create_function("trait_is", 3, _trait_is, deterministic=True)
    return connection


def _trait_is(traits: str, name: str, text: str) -> bool:
    return trait_matches(json.loads(traits), ((name, text),))


def _open(path: Path, mode: str) -> sqlite3.Connection:
    with translated(path):
        return sqlite3.connect(
            f"file:{quote(str(path))}?mode={mode}",
            uri=True,
            isolation_level=None,
            timeout=BUSY_SECONDS,
            check_same_thread=False,  # a connection changes threads, but never serves two at once
            cached_statements=512,
        )


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn a database that cannot work at present into `StoreUnavailable`; other errors pass."""
    try:
        yield
    except sqlite3.OperationalError as error:
        name = "_".join(error.sqlite_errorname.split("_")[:2])
        if name in _WAITING:
            message = f"database {path.name}: another process has held its lock for too long"
            raise StoreUnavailable(message, retry_after_seconds=1) from error
        if name in _UNABLE:
            message = f"database {path.name}: {error} ({error.sqlite_errorname})"
            raise StoreUnavailable(message, retry_after_seconds=5) from error
        raise
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorname.startswith(_DAMAGED):
            message = f"database {path.name}: {error}; stagefold verify looks at it"
            raise StoreDamaged(message, retry_after_seconds=60) from error
        raise


class Readers:
    """Connections for reading, as many as are used at once, each kept for the next reader."""

    def __init__(self, path: Path) -> None:
        """Open none yet."""
        self._path = path
        self._idle: deque[sqlite3.Connection] = deque()
        self._given: sqlite3.Connection | None = None

    def looking(self) -> sqlite3.Connection:
        """Return the one connection that is never lent: for looks at the thread of the loop."""
        if self._given is None:
            self._given = open_reader(self._path)
        return self._given

    def looked(self, connection: sqlite3.Connection) -> None:
        """End the transaction that a look was made in; a connection that cannot end it goes."""
        try:
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.close()
                self._given = None

    @contextmanager
    def lent(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection inside a transaction: everything read through it is of one moment."""
        with self.borrowed() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("COMMIT")

    @contextmanager
    def borrowed(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection as it is: every statement sees a moment of its own."""
        with translated(self._path):
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = open_reader(self._path)
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.close()
                else:
                    self._idle.append(connection)

    def close(self) -> None:
        """Close those that are not lent."""
        if self._given is not None:
            self._given.close()
            self._given = None
        while self._idle:
            self._idle.pop().close()
