"""What `doctor` looks for in both databases: holes, and rows that contradict."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ClauseElement, Integer, Select, Table, Text, func, literal_column, select

from projections.reading.health import Finding
from projections.rows.changes import Row
from service.adapters.sql.stays import stay_counts
from service.adapters.sql.tables import events, feed, generations, stage_counts, stages, transitions


@dataclass(frozen=True, slots=True)
class Lost:
    """Statements that each database asks in its own way, for the number of rows that lack another.

    Attributes:
        events_without_key: Events that no key leads to.
        feed_without_record: Rows of the feed whose record is not there.
    """

    events_without_key: Select[Any]
    feed_without_record: Select[Any]


def findings(first_row: Callable[[ClauseElement], Row], lost: Lost) -> Iterator[Finding]:
    """Yield what is wrong; *first_row* answers a statement."""
    for table in (events, feed):
        count, last = first_row(select(func.count(), func.max(table.c.position)).select_from(table))
        if count != (last or 0):
            message = f"{table.name}: expected {last} rows up to position {last}, found {count}"
            yield Finding("positions_not_dense", message)
    for asked, code, message in (
        (lost.events_without_key, "event_without_key", "events that no key leads to: {}"),
        (lost.feed_without_record, "feed_without_record", "feed rows without their record: {}"),
        (_miscounted(), "board_miscounted", "subjects in stages, less those counted: {}"),
        (_stays_miscounted(), "stays_miscounted", "stays that ended, less those counted: {}"),
    ):
        (count,) = first_row(asked)
        if count:
            yield Finding(code, message.format(count))


def _miscounted() -> Select[Any]:
    """Return the statement for the difference between rows and counts of active generations."""
    return _difference(select(func.count()).select_from(stages), stages, stage_counts)


def _stays_miscounted() -> Select[Any]:
    """Return the same of stays that have ended."""
    ended = select(func.count()).where(
        transitions.c.retracted_position.is_(None),
        transitions.c.kind == literal_column("'transition'", Text),
        transitions.c.time_in_previous.is_not(None),
    )
    return _difference(ended, transitions, stay_counts)


def _difference(rows: Select[Any], table: Table, counts: Table) -> Select[Any]:
    active = select(generations.c.generation).where(
        generations.c.status == literal_column("'active'", Text)
    )
    rows = rows.where(table.c.generation.in_(active))
    counted = select(func.coalesce(func.sum(counts.c.count), literal_column("0", Integer)))
    counted = counted.where(counts.c.generation.in_(active))
    return select(rows.scalar_subquery() - counted.scalar_subquery())
