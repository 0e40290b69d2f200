"""Seals in PostgreSQL: what is read of them and of the log below, and what is written."""

from __future__ import annotations

from collections.abc import Callable

from projections.rows.changes import Row
from projections.safekeeping.seals import Seal
from service.adapters.postgres.compiled import for_postgres, number, statement
from service.adapters.postgres.connections import Link
from service.adapters.sql import sealed

BY_KEY = """
SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;
SET LOCAL enable_seqscan = off;
SET LOCAL enable_sort = off
"""
"""A page is read in order of position and its rows are looked up by key, whatever statistics say.

Sorted, each page of a range would look up all of what is left of it.
"""


def seals(link: Link, write: Callable[[], str], position: int, limit: int) -> list[Seal]:
    """Return the seals that the statement of *write* finds from *position* on."""
    return [sealed.seal_of(row) for row in link.rows(statement(write), position, limit)]


def sealable(link: Link, after: int, end: int, limit: int) -> list[Row]:
    """Return events to be sealed."""
    link.execute(BY_KEY)
    return [tuple(row) for row in link.rows(statement(sealable_page), after, end, limit)]


def add(link: Link, seal: Seal) -> None:
    """Write *seal*."""
    link.copy(sealed.seals.name, sealed.seals.c.keys(), [sealed.seal_row(seal)])


def seals_behind() -> str:
    """Return the statement for seals behind a position, in order."""
    found = sealed.seals_behind(number("after")).limit(number("limit"))
    return for_postgres(found, "after", "limit")


def seals_before() -> str:
    """Return the statement for seals before a position, the newest first."""
    found = sealed.seals_before(number("before")).limit(number("limit"))
    return for_postgres(found, "before", "limit")


def sealable_page() -> str:
    """Return the statement for one page of events to be sealed, run under `BY_KEY`."""
    found = sealed.sealable(number("after"), number("end")).limit(number("limit"))
    return for_postgres(found, "after", "end", "limit")
