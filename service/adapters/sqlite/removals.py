"""Rows of generations that nobody reads any more, removed a few at a time."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Delete,
    Integer,
    Select,
    Table,
    bindparam,
    delete,
    literal_column,
    select,
    tuple_,
)

from projections.models.ranges import BucketRange
from service.adapters.sql.compiled import CrossJoin, for_sqlite, limited
from service.adapters.sql.stays import stay_counts
from service.adapters.sql.tables import parked, stage_counts, stages, transitions
from service.adapters.sqlite.lookups import listed
from service.adapters.sqlite.statements import statement


def remove_rows(
    connection: sqlite3.Connection, generation: int, limit: int, found: BucketRange
) -> int:
    """Remove at most *limit* rows of *generation* from each table; return how many.

    Records that the feed may have carried stay, if only as retracted: the feed never forgets.
    """
    removed = 0
    for write in (_counts, _stays):
        removed += connection.execute(statement(write), (generation, limit)).rowcount
    buckets = json.dumps(list(range(found.first, found.end)))
    for write in (_stages, _transitions, _parked):
        removed += connection.execute(statement(write), (buckets, generation, limit)).rowcount
    return removed


def _stages() -> str:
    return _in_buckets(stages)


def _counts() -> str:
    return _first_of(stage_counts)


def _stays() -> str:
    return _first_of(stay_counts)


def _transitions() -> str:
    table = transitions.c
    silent = (table.announced == literal_column("0"), table.retracted_position.is_(None))
    return _in_buckets(transitions, *silent)


def _parked() -> str:
    return _in_buckets(parked)


def _first_of(table: Table) -> str:
    """Return the statement for a table with an index that begins with the generation."""
    chosen = select(*table.primary_key.columns).where(table.c.generation == _GENERATION)
    return for_sqlite(_delete(table, chosen), "generation", "limit")


def _in_buckets(table: Table, *conditions: ColumnElement[bool]) -> str:
    """Return the statement for a table where each bucket is looked into by key."""
    rows = listed()
    chosen = select(*table.primary_key.columns).select_from(CrossJoin(rows, table))
    chosen = chosen.where(
        table.c.bucket == rows.c.value, table.c.generation == _GENERATION, *conditions
    )
    return for_sqlite(_delete(table, chosen), "rows", "generation", "limit")


def _delete(table: Table, chosen: Select[Any]) -> Delete:
    chosen = limited(chosen, bindparam("limit", type_=Integer))
    return delete(table).where(tuple_(*table.primary_key.columns).in_(chosen))


_GENERATION: ColumnElement[int] = bindparam("generation", type_=Integer)
