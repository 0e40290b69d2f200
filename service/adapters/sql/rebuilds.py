"""The tables of rebuilds: what was ordered, and which ranges of buckets are built.

A row of `built_ranges` is written in the transaction that writes what it stands for; so whoever
goes on after a crash, builds a range twice or is slow to die does no harm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import PrimaryKeyConstraint, Select, Table, Text, literal_column, select

from projections.models.catalogue import Generation
from projections.models.ranges import BucketRange, joined
from projections.rows.changes import Row
from service.adapters.sql.columns import NARROW, WIDE, metadata, number, words
from service.adapters.sql.small import generation_of
from service.adapters.sql.tables import generations

rebuilds = Table(
    "rebuilds",
    metadata,
    number("generation"),
    number("activates"),
    number("replaces", null=True),
    words("report", null=True),
    PrimaryKeyConstraint("generation"),
    **WIDE,
)

built_ranges = Table(
    "built_ranges",
    metadata,
    number("generation"),
    number("first_bucket"),
    number("end_bucket"),
    number("events"),
    PrimaryKeyConstraint("generation", "first_bucket"),
    **NARROW,
)

_GENERATION = tuple(generations.c.keys())
_REBUILD = tuple(rebuilds.c.keys())


def every_generation() -> Select[Any]:
    """Return the selection of all generations with their orders, oldest first."""
    ordered = [rebuilds.c[name] for name in _REBUILD[1:]]
    found = select(generations, *ordered).outerjoin(
        rebuilds, rebuilds.c.generation == generations.c.generation
    )
    return found.order_by(generations.c.generation)


def every_range() -> Select[Any]:
    """Return the selection of the ranges of generations under way: number, first and end."""
    key = built_ranges.c.generation
    found = select(key, built_ranges.c.first_bucket, built_ranges.c.end_bucket)
    is_building = generations.c.status == literal_column("'building'", Text)
    return found.join(generations, generations.c.generation == key).where(is_building)


def rebuild_row(generation: Generation) -> Row:
    """Return the row of `rebuilds` of *generation*."""
    values = {name: getattr(generation, name) for name in _REBUILD}
    return tuple((values | {"activates": int(generation.activates)}).values())


def generations_of(
    rows: Iterable[Sequence[Any]], ranges: Iterable[Sequence[Any]]
) -> list[Generation]:
    """Return the generations that rows of both selections hold."""
    built: dict[int, list[BucketRange]] = {}
    for number_, first, end in ranges:
        built.setdefault(number_, []).append(BucketRange(first, end))
    return [_generation_of(row, built) for row in rows]


def _generation_of(row: Sequence[Any], built: Mapping[int, Sequence[BucketRange]]) -> Generation:
    width = len(_GENERATION)
    activates, replaces, report = row[width : width + 3]
    return replace(
        generation_of(row[:width]),
        activates=activates != 0,  # a row from before there were orders has none, and activates
        replaces=replaces,
        report=report,
        built=joined(built.get(row[0], ())),
    )
