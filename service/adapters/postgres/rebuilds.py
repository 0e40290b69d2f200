"""Generations and their rebuilds in PostgreSQL."""

from __future__ import annotations

from sqlalchemy import delete

from domain.buckets import BUCKETS
from projections.models.catalogue import Generation
from projections.models.ranges import BucketRange, Built, cut, gaps
from projections.rows.questions import AskProfilesIn
from projections.rows.records import Projection
from service.adapters.postgres.asking import every_load
from service.adapters.postgres.compiled import for_postgres, number, statement
from service.adapters.postgres.connections import Link
from service.adapters.postgres.writes import Write, insert_into, text_of, upsert_into
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

_put_generation: Write = upsert_into(generations)
_put_rebuild: Write = upsert_into(rebuilds)
_add_built: Write = insert_into(built_ranges)


def read_generations(link: Link) -> list[Generation]:
    """Return every generation, oldest first."""
    rows = link.rows(statement(_every_generation))
    return generations_of(rows, link.rows(statement(_every_range)))


def ranges_left(
    link: Link, projection: Projection, *, events: int, subjects: int
) -> list[BucketRange]:
    """Return what is not built of it yet, in ranges of about so many events or subjects."""
    found = {one.generation: one for one in read_generations(link)}[projection.generation]
    if found.status != "building":
        return []
    link.be_patient()
    asked = AskProfilesIn(projection.tenant, projection.is_account, 0, BUCKETS)
    loads = every_load(link, asked)
    return [
        one
        for gap in gaps(found.built)
        for one in cut(gap, loads, events=events, subjects=subjects)
    ]


def save_generation(link: Link, generation: Generation) -> None:
    """Insert or replace it, with what was ordered."""
    link.listed(text_of(_put_generation), [generation_row(generation)])
    link.listed(text_of(_put_rebuild), [rebuild_row(generation)])


def add_built(link: Link, generation: int, built: Built) -> None:
    """Note that a range is built; where it is already, this is refused as a duplicate."""
    row = (generation, built.range.first, built.range.end, built.events)
    link.listed(text_of(_add_built), [row])


def forget_ranges(link: Link, generation: int) -> None:
    """Remove the notes about ranges."""
    link.rows(statement(_forget_ranges), generation)


def _every_generation() -> str:
    return for_postgres(every_generation())


def _every_range() -> str:
    return for_postgres(every_range())


def _forget_ranges() -> str:
    wanted = built_ranges.c.generation == number("generation")
    return for_postgres(delete(built_ranges).where(wanted), "generation")
