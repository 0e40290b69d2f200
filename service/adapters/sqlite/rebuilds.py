"""Generations and their rebuilds in SQLite."""

from __future__ import annotations

import sqlite3

from sqlalchemy import Integer, bindparam, delete

from projections.models.catalogue import Generation
from projections.models.ranges import Built
from service.adapters.sql.compiled import for_sqlite
from service.adapters.sql.rebuilds import (
    built_ranges,
    every_generation,
    every_range,
    generations_of,
    rebuild_row,
    rebuilds,
)
from service.adapters.sql.small import generation_row
from service.adapters.sql.tables import generations
from service.adapters.sqlite.statements import statement
from service.adapters.sqlite.writes import upsert_into

_CHANGES_MAX = 1 << 31


def read_generations(connection: sqlite3.Connection) -> list[Generation]:
    """Return every generation, oldest first."""
    rows = connection.execute(statement(_every_generation))
    return generations_of(rows, connection.execute(statement(_every_range)))


def save_generation(connection: sqlite3.Connection, generation: Generation) -> None:
    """Insert or replace it, with what was ordered."""
    connection.execute(statement(_put_generation), generation_row(generation))
    connection.execute(statement(_put_rebuild), rebuild_row(generation))


def note_change(connection: sqlite3.Connection) -> None:
    """Let every process see, at its next read, that models or generations are others now.

    The number is in the file's header: part of the transaction, and read at hardly any cost.
    """
    number = (change_count(connection) + 1) % _CHANGES_MAX
    connection.execute(f"PRAGMA user_version = {number}")


def change_count(connection: sqlite3.Connection) -> int:
    """Return how often models and generations have changed."""
    number: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return number


def add_built(connection: sqlite3.Connection, generation: int, built: Built) -> None:
    """Note that a range is built."""
    row = (generation, built.range.first, built.range.end, built.events)
    connection.execute(statement(_add_built), row)


def forget_ranges(connection: sqlite3.Connection, generation: int) -> None:
    """Remove the notes about ranges."""
    connection.execute(statement(_forget_ranges), (generation,))


def _every_generation() -> str:
    return for_sqlite(every_generation())


def _every_range() -> str:
    return for_sqlite(every_range())


def _put_generation() -> str:
    return upsert_into(generations)


def _put_rebuild() -> str:
    return upsert_into(rebuilds)


def _add_built() -> str:
    return upsert_into(built_ranges)


def _forget_ranges() -> str:
    wanted = built_ranges.c.generation == bindparam("generation", type_=Integer)
    return for_sqlite(delete(built_ranges).where(wanted), "generation")
