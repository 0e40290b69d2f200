"""What `doctor` looks for in a SQLite file: broken pages, holes, rows that contradict."""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import ClauseElement, ColumnElement, Select, func, select

from projections.reading.health import Finding
from projections.rows.changes import Row
from service.adapters.sql.compiled import CrossJoin, for_sqlite
from service.adapters.sql.inspection import Lost, findings
from service.adapters.sql.tables import event_keys, events, feed, transitions

FINDINGS_MAX = 100


def inspect(connection: sqlite3.Connection, *, thorough: bool) -> list[Finding]:
    """Return what is wrong; *thorough* reads every page and every index."""

    def first_row(asked: ClauseElement) -> Row:
        row: Row = connection.execute(for_sqlite(asked)).fetchone()
        return row

    check = "integrity_check" if thorough else "quick_check"
    rows = connection.execute(f"PRAGMA {check}({FINDINGS_MAX})")
    found = [Finding("page_broken", row[0]) for row in rows if row[0] != "ok"]
    found += findings(first_row, Lost(_events_without_key(), _feed_without_record()))
    return found


def _events_without_key() -> Select[Any]:
    same: list[ColumnElement[bool]] = [
        event_keys.c[name] == events.c[name] for name in ("bucket", "event_id", "source")
    ]
    key = select(event_keys.c.position).where(*same, event_keys.c.subject_id == events.c.subject_id)
    lost = select(func.count()).select_from(events)
    return lost.where(events.c.position.not_in(key.correlate(events)))


def _feed_without_record() -> Select[Any]:
    key = ("bucket", "generation", "subject_id", "number")
    joined = CrossJoin(feed, transitions)
    kept = select(func.count()).select_from(joined)
    kept = kept.where(*(transitions.c[name] == feed.c[name] for name in key))
    every = select(func.count()).select_from(feed)
    return select(every.scalar_subquery() - kept.scalar_subquery())
