"""Seals in SQLite: what is read of them and of the log below, and what is written."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from sqlalchemy import ColumnElement, Integer, bindparam

from projections.rows.changes import Row
from projections.safekeeping.seals import Seal
from service.adapters.sql import sealed
from service.adapters.sql.compiled import for_sqlite, limited
from service.adapters.sqlite.statements import statement


def seals(
    connection: sqlite3.Connection, write: Callable[[], str], position: int, limit: int
) -> list[Seal]:
    """Return the seals that the statement of *write* finds from *position* on."""
    rows = connection.execute(statement(write), (position, limit))
    return [sealed.seal_of(row) for row in rows]


def sealable(connection: sqlite3.Connection, after: int, end: int, limit: int) -> list[Row]:
    """Return events to be sealed; bytes that are no text are kept apart from any text."""
    connection.text_factory = _text_or_bytes
    try:
        return connection.execute(statement(_sealable), (after, end, limit)).fetchall()
    finally:
        connection.text_factory = str


def _text_or_bytes(found: bytes) -> str:
    return found.decode("utf-8", "surrogateescape")


def seals_behind() -> str:
    """Return the statement for seals behind a position, in order."""
    return for_sqlite(limited(sealed.seals_behind(_number("after")), _limit()), "after", "limit")


def seals_before() -> str:
    """Return the statement for seals before a position, the newest first."""
    return for_sqlite(limited(sealed.seals_before(_number("before")), _limit()), "before", "limit")


def _sealable() -> str:
    found = sealed.sealable(_number("after"), _number("end"))
    return for_sqlite(limited(found, _limit()), "after", "end", "limit")


def _number(name: str) -> ColumnElement[int]:
    return bindparam(name, type_=Integer)


def _limit() -> ColumnElement[int]:
    return _number("limit")
