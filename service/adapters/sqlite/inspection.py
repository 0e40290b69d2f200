"""What `doctor` looks for in a SQLite file: broken pages, holes, rows that contradict."""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import ClauseElement, ColumnElement, Select, Table, func, literal_column, select

from projections.reading.health import Finding
from service.adapters.sql.compiled import CrossJoin, for_sqlite
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
from service.adapters.sqlite.statements import statement

FINDINGS_MAX = 100


def inspect(connection: sqlite3.Connection, *, thorough: bool) -> list[Finding]:
    """Return what is wrong; *thorough* reads every page and every index."""
    check = "integrity_check" if thorough else "quick_check"
    rows = connection.execute(f"PRAGMA {check}({FINDINGS_MAX})")
    found = [Finding("page_broken", row[0]) for row in rows if row[0] != "ok"]
    for table, write in (("events", _log_span), ("feed", _feed_span)):
        count, last = connection.execute(statement(write)).fetchone()
        if count != (last or 0):
            message = f"{table}: expected {last} rows up to position {last}, found {count}"
            found.append(Finding("positions_not_dense", message))
    for write, code, message in (
        (_events_without_key, "event_without_key", "events that no key leads to: {}"),
        (_feed_without_record, "feed_without_record", "feed rows without their record: {}"),
        (_miscounted, "board_miscounted", "subjects in stages, less those counted: {}"),
        (_stays_miscounted, "stays_miscounted", "stays that ended, less those counted: {}"),
    ):
        (count,) = connection.execute(statement(write)).fetchone()
        if count:
            found.append(Finding(code, message.format(count)))
    return found


def _log_span() -> str:
    return for_sqlite(_span(events))


def _feed_span() -> str:
    return for_sqlite(_span(feed))


def _span(table: Table) -> ClauseElement:
    return select(func.count(), func.max(table.c.position)).select_from(table)


def _events_without_key() -> str:
    same: list[ColumnElement[bool]] = [
        event_keys.c[name] == events.c[name] for name in ("bucket", "event_id", "source")
    ]
    key = select(event_keys.c.position).where(*same, event_keys.c.subject_id == events.c.subject_id)
    lost = select(func.count()).select_from(events)
    return for_sqlite(lost.where(events.c.position.not_in(key.correlate(events))))


def _feed_without_record() -> str:
    key = ("bucket", "generation", "subject_id", "number")
    joined = CrossJoin(feed, transitions)
    kept = select(func.count()).select_from(joined)
    kept = kept.where(*(transitions.c[name] == feed.c[name] for name in key))
    every = select(func.count()).select_from(feed)
    return for_sqlite(select(every.scalar_subquery() - kept.scalar_subquery()))


def _miscounted() -> str:
    """Return the statement for the difference between rows and counts of active generations."""
    return _difference(select(func.count()).select_from(stages), stages, stage_counts)


def _stays_miscounted() -> str:
    """Return the same of stays that have ended."""
    ended = select(func.count()).where(
        transitions.c.retracted_position.is_(None),
        transitions.c.kind == literal_column("'transition'"),
        transitions.c.time_in_previous.is_not(None),
    )
    return _difference(ended, transitions, stay_counts)


def _difference(rows: Select[Any], table: Table, counts: Table) -> str:
    active = select(generations.c.generation).where(
        generations.c.status == literal_column("'active'")
    )
    rows = rows.where(table.c.generation.in_(active))
    counted = select(func.coalesce(func.sum(counts.c.count), literal_column("0")))
    counted = counted.where(counts.c.generation.in_(active))
    return for_sqlite(select(rows.scalar_subquery() - counted.scalar_subquery()))
