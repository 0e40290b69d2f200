"""Statements for boards, each in two forms: of a version in force, and of one taken over from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import FromClause, Table, func, select, true
from sqlalchemy.types import TypeEngine

from projections.reading.boards import Moment, Span
from projections.rows.changes import Row
from service.adapters.postgres.compiled import TEXT, WHOLE, listed, text_and_names
from service.adapters.postgres.connections import Link
from service.adapters.sql import boards
from service.adapters.sql.boards import Asked, Listed

_KINDS: dict[str, TypeEngine[Any]] = {"stage": TEXT, "first": WHOLE, "last": WHOLE}


def read_days(link: Link, moment: Moment) -> list[tuple[str, int, int]]:
    """Return how many stays were open, by stage and day of entry."""
    asked = _days(is_over=moment.is_over)
    values = {**boards.bound(moment), "stage": moment.stages}
    return [(stage, day, count) for stage, day, count in _rows(link, asked, values)]


def read_entered(
    link: Link, moment: Moment, spans: Sequence[Span]
) -> list[tuple[str, Sequence[int]]]:
    """Return by stage when the stays began that were open and began within *spans*."""
    if not spans:
        return []
    asked = _entered(is_over=moment.is_over)
    arrays = zip(Span._fields, zip(*spans, strict=True), strict=True)
    values = {**boards.bound(moment), **dict(arrays)}
    return [(stage, instants) for stage, instants in _rows(link, asked, values)]


def _rows(link: Link, asked: Asked, values: Mapping[str, object]) -> list[Row]:
    return link.rows(asked.text, *asked.values_of(values))


def open_days() -> str:
    """Return the statement for stays open at an instant, by stage and day of entry."""
    return _days(is_over=False).text


def open_days_of_old() -> str:
    """Return the same of a version that another has taken over from."""
    return _days(is_over=True).text


def entered() -> str:
    """Return the statement for when stays open at an instant began, one array per stage."""
    return _entered(is_over=False).text


def entered_of_old() -> str:
    """Return the same of a version that another has taken over from."""
    return _entered(is_over=True).text


@cache
def _days(*, is_over: bool) -> Asked:
    found = boards.open_days(_listed("stage"), is_over=is_over)
    return Asked(*text_and_names(found))


@cache
def _entered(*, is_over: bool) -> Asked:
    every = boards.entered(_listed(*_KINDS), is_over=is_over).subquery("every")
    found = select(every.c.stage, func.array_agg(every.c.entered_at)).group_by(every.c.stage)
    return Asked(*text_and_names(found))


def _listed(*names: str) -> Listed:
    rows = listed({name: _KINDS[name] for name in names})
    return Listed(rows, _joined, **{name: rows.c[name] for name in names})


def _joined(rows: FromClause, table: Table) -> FromClause:
    return rows.join(table, true())
