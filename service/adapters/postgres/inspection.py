"""What `doctor` looks for in PostgreSQL: holes, and rows that contradict."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ClauseElement, Select, and_, func, select

from projections.reading.health import Finding
from projections.rows.changes import Row
from service.adapters.postgres.compiled import for_postgres
from service.adapters.postgres.connections import Link
from service.adapters.sql.inspection import Lost, findings
from service.adapters.sql.tables import event_keys, events, feed, transitions


def inspect(link: Link) -> list[Finding]:
    """Return what is wrong; everything is read, for as long as it takes."""

    def first_row(asked: ClauseElement) -> Row:
        row: Row = link.rows(for_postgres(asked))[0]
        return row

    link.be_patient()
    return list(findings(first_row, Lost(_events_without_key(), _feed_without_record())))


def _events_without_key() -> Select[Any]:
    names = ("bucket", "event_id", "source", "subject_id")
    meets = and_(*(event_keys.c[name] == events.c[name] for name in names))
    joined = events.outerjoin(event_keys, and_(meets, event_keys.c.position == events.c.position))
    lost = select(func.count()).select_from(joined)
    return lost.where(event_keys.c.position.is_(None))


def _feed_without_record() -> Select[Any]:
    names = ("bucket", "generation", "subject_id", "number")
    meets = and_(*(transitions.c[name] == feed.c[name] for name in names))
    lost = select(func.count()).select_from(feed.outerjoin(transitions, meets))
    return lost.where(transitions.c.number.is_(None))
