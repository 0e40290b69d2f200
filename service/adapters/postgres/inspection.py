"""What `doctor` looks for in PostgreSQL: holes, and rows that contradict."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, Table, and_, func, literal_column, select

from projections.reading.health import Finding
from service.adapters.postgres.compiled import TEXT, WHOLE, for_postgres, statement
from service.adapters.postgres.connections import Link
from service.adapters.sql.stays import stay_counts
from service.adapters.sql.tables import (
    event_keys,
    events,
    feed,
    generations,
    stage_counts,
    stages,
    transitions,
)


def inspect(link: Link) -> list[Finding]:
    """Return what is wrong; everything is read, for as long as it takes."""
    link.be_patient()
    found = []
    for name, write in (("events", _log_span), ("feed", _feed_span)):
        count, last = link.rows(statement(write))[0]
        if count != (last or 0):
            message = f"{name}: expected {last} rows up to position {last}, found {count}"
            found.append(Finding("positions_not_dense", message))
    for write, code, message in (
        (_events_without_key, "event_without_key", "events that no key leads to: {}"),
        (_feed_without_record, "feed_without_record", "feed rows without their record: {}"),
        (_miscounted, "board_miscounted", "subjects in stages, less those counted: {}"),
        (_stays_miscounted, "stays_miscounted", "stays that ended, less those counted: {}"),
    ):
        count = link.rows(statement(write))[0][0]
        if count:
            found.append(Finding(code, message.format(count)))
    return found


def _log_span() -> str:
    return _span(events)


def _feed_span() -> str:
    return _span(feed)


def _span(table: Table) -> str:
    return for_postgres(select(func.count(), func.max(table.c.position)).select_from(table))


def _events_without_key() -> str:
    names = ("bucket", "event_id", "source", "subject_id")
    meets = and_(*(event_keys.c[name] == events.c[name] for name in names))
    joined = events.outerjoin(event_keys, and_(meets, event_keys.c.position == events.c.position))
    lost = select(func.count()).select_from(joined)
    return for_postgres(lost.where(event_keys.c.position.is_(None)))


def _feed_without_record() -> str:
    names = ("bucket", "generation", "subject_id", "number")
    meets = and_(*(transitions.c[name] == feed.c[name] for name in names))
    lost = select(func.count()).select_from(feed.outerjoin(transitions, meets))
    return for_postgres(lost.where(transitions.c.number.is_(None)))


def _miscounted() -> str:
    """Return the statement for the difference between rows and counts of active generations."""
    return _difference(select(func.count()).select_from(stages), stages, stage_counts)


def _stays_miscounted() -> str:
    """Return the same of stays that have ended."""
    ended = select(func.count()).where(
        transitions.c.retracted_position.is_(None),
        transitions.c.kind == literal_column("'transition'", TEXT),
        transitions.c.time_in_previous.is_not(None),
    )
    return _difference(ended, transitions, stay_counts)


def _difference(rows: Select[Any], table: Table, counts: Table) -> str:
    active = select(generations.c.generation).where(
        generations.c.status == literal_column("'active'", TEXT)
    )
    rows = rows.where(table.c.generation.in_(active))
    counted = select(func.coalesce(func.sum(counts.c.count), literal_column("0", WHOLE)))
    counted = counted.where(counts.c.generation.in_(active))
    return for_postgres(select(rows.scalar_subquery() - counted.scalar_subquery()))
