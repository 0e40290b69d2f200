"""Statements for boards, each in two forms: of a version in force, and of one taken over from."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache

from projections.reading.boards import Moment, Span
from service.adapters.sql import boards
from service.adapters.sql.boards import Asked, Listed
from service.adapters.sql.compiled import CrossJoin, text_and_names
from service.adapters.sqlite.lookups import as_rows, item, listed


def read_days(connection: sqlite3.Connection, moment: Moment) -> list[tuple[str, int, int]]:
    """Return how many stays were open, by stage and day of entry."""
    values = {**boards.bound(moment), "rows": as_rows((stage,) for stage in moment.stages)}
    return _rows(connection, _days(is_over=moment.is_over), values).fetchall()


def read_entered(
    connection: sqlite3.Connection, moment: Moment, spans: Sequence[Span]
) -> list[tuple[str, Sequence[int]]]:
    """Return by stage when the stays began that were open and began within *spans*."""
    values = {**boards.bound(moment), "rows": as_rows(spans)}
    found: defaultdict[str, list[int]] = defaultdict(list)
    for stage, entered_at in _rows(connection, _entered(is_over=moment.is_over), values).fetchall():
        found[stage].append(entered_at)
    return list(found.items())


def _rows(
    connection: sqlite3.Connection, asked: Asked, values: Mapping[str, object]
) -> sqlite3.Cursor:
    return connection.execute(asked.text, asked.values_of(values))


def open_days() -> str:
    """Return the statement for stays open at an instant, by stage and day of entry."""
    return _days(is_over=False).text


def open_days_of_old() -> str:
    """Return the same of a version that another has taken over from."""
    return _days(is_over=True).text


def entered() -> str:
    """Return the statement for when stays open at an instant began."""
    return _entered(is_over=False).text


def entered_of_old() -> str:
    """Return the same of a version that another has taken over from."""
    return _entered(is_over=True).text


@cache
def _days(*, is_over: bool) -> Asked:
    return Asked(*text_and_names(boards.open_days(_listed(), is_over=is_over)))


@cache
def _entered(*, is_over: bool) -> Asked:
    return Asked(*text_and_names(boards.entered(_listed(), is_over=is_over)))


def _listed() -> Listed:
    rows = listed()
    stage, first, last = (item(rows, place) for place in range(3))
    return Listed(rows, CrossJoin, stage, first, last)
