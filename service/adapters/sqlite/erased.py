"""Erasing in SQLite: what is read of whom, and what is left of the rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from sqlalchemy import Integer, bindparam, select

from projections.asking import Ref
from projections.rows.changes import ErasedRows, Row
from projections.rows.questions import AskTexts
from service.adapters.sql import sealed
from service.adapters.sql.compiled import CrossJoin, for_sqlite
from service.adapters.sql.tables import (
    account_events,
    event_keys,
    events,
    profiles,
    subjects,
    transitions,
)
from service.adapters.sqlite import rebuilds, writes
from service.adapters.sqlite.lookups import as_rows, columns, keyed, listed
from service.adapters.sqlite.statements import statement

_REF = ("bucket", "subject_id")
_RECORD = ("bucket", "generation", "subject_id", "number")
_TEXTS = (*_RECORD, "position", "event_id", "evidence", "retracted_position")


def sealable_of(connection: sqlite3.Connection, refs: Sequence[Ref]) -> list[Row]:
    """Return the events sent for some subjects."""
    return [
        row for ref in refs for row in connection.execute(statement(_sealable_of), ref).fetchall()
    ]


def texts(connection: sqlite3.Connection, asked: AskTexts) -> list[Row]:
    """Return what records say of events."""
    standings = [(ref[0], number, ref[1]) for ref in asked.refs for number in asked.generations]
    return connection.execute(statement(_texts), (as_rows(standings),)).fetchall()


def write(connection: sqlite3.Connection, rows: ErasedRows) -> None:
    """Write what an erasure leaves, and let every reader look anew."""
    for write_one, found in (
        (_reduce_events, rows.events),
        (_rename_keys, rows.keys),
        (_lose_links, rows.links),
        (_rename_subjects, rows.names),
        (_rename_profiles, rows.names),
        (_lose_salts, [row[1:] for row in rows.names]),
        (_rewrite_records, rows.texts),
    ):
        _run(connection, write_one, found)
    rebuilds.note_change(connection)


def _run(connection: sqlite3.Connection, write_one: Callable[[], str], rows: Sequence[Row]) -> None:
    if rows:
        connection.executemany(statement(write_one), rows)


def _sealable_of() -> str:
    found = sealed.with_secrets()
    found = found.where(*(events.c[name] == bindparam(name, type_=Integer) for name in _REF))
    return for_sqlite(found, *_REF)


def _texts() -> str:
    rows = listed()
    found = select(*columns(transitions, *_TEXTS)).select_from(CrossJoin(rows, transitions))
    return for_sqlite(found.where(*keyed(rows, transitions, *_RECORD[:3])), "rows")


def _reduce_events() -> str:
    names = ("event_id", "account_id", "traceparent", "payload")
    return writes.update_of(events, names, ("position",))


def _rename_keys() -> str:
    key = ("bucket", "event_id", "subject_id", "source")
    return writes.update_of(event_keys, ("event_id", "content"), key)


def _lose_links() -> str:
    return writes.delete_from(account_events, (*_REF, "effective_at", "position"))


def _rename_subjects() -> str:
    return writes.update_of(subjects, ("name",), _REF)


def _rename_profiles() -> str:
    return writes.update_of(profiles, ("name",), _REF)


def _lose_salts() -> str:
    return writes.delete_from(sealed.salts, _REF)


def _rewrite_records() -> str:
    return writes.update_of(transitions, ("event_id", "evidence"), _RECORD)
