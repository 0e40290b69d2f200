"""Rows of generations that nobody reads any more, removed a few at a time."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Delete,
    Select,
    Table,
    delete,
    func,
    literal_column,
    select,
    true,
)

from projections.models.ranges import BucketRange
from service.adapters.postgres.compiled import WHOLE, for_postgres, number, rows_of, same, statement
from service.adapters.postgres.connections import Link
from service.adapters.sql.stays import stay_counts
from service.adapters.sql.tables import parked, stage_counts, stages, transitions


def remove_rows(link: Link, generation: int, limit: int, found: BucketRange) -> int:
    """Remove at most *limit* rows of *generation* from each table; return how many.

    Records that the feed may have carried stay, if only as retracted: the feed never forgets.
    """
    removed, buckets = 0, list(range(found.first, found.end))
    for write in (stages_of, transitions_of, _parked):
        removed += _count(link.row(statement(write), buckets, generation, limit))
    for write in (_counts, _stays):
        removed += _count(link.row(statement(write), generation, limit))
    return removed


def _count(row: tuple[Any, ...] | None) -> int:
    return row[0] if row else 0


def stages_of() -> str:
    """Return the statement that removes rows of `stages`."""
    return _in_buckets(stages)


def transitions_of() -> str:
    """Return the statement that removes records which the feed cannot have carried."""
    table = transitions.c
    silent = (table.announced == literal_column("0", WHOLE), table.retracted_position.is_(None))
    return _in_buckets(transitions, *silent)


def _parked() -> str:
    return _in_buckets(parked)


def _counts() -> str:
    return _of_generation(stage_counts)


def _stays() -> str:
    return _of_generation(stay_counts)


def _of_generation(table: Table) -> str:
    """Return the statement for a table whose key begins with the generation."""
    chosen = select(*table.primary_key.columns)
    chosen = chosen.where(table.c.generation == number("generation"))
    return for_postgres(_counted(_delete(table, chosen)), "generation", "limit")


def _in_buckets(table: Table, *conditions: ColumnElement[bool]) -> str:
    """Return the statement for a table where each bucket is looked into by key.

    A plain join lets the planner read the generation as a whole and compare it with every bucket:
    a limit in the inner half leaves it no choice.
    """
    rows, key = rows_of(table, "bucket"), table.primary_key.columns
    here = select(*key).where(
        *same(table, rows, "bucket"), table.c.generation == number("generation"), *conditions
    )
    found = here.limit(number("limit")).lateral("found")
    chosen = select(*(found.c[column.name] for column in key)).select_from(rows.join(found, true()))
    return for_postgres(_counted(_delete(table, chosen)), "bucket", "generation", "limit")


def _delete(table: Table, chosen: Select[Any]) -> Delete:
    first = chosen.limit(number("limit")).subquery("chosen")
    key = table.primary_key.columns
    return delete(table).where(*(column == first.c[column.name] for column in key))


def _counted(removing: Delete) -> Select[Any]:
    gone = removing.returning(literal_column("1", WHOLE)).cte("gone")
    return select(func.count()).select_from(gone)
