"""What waits to be folded, in PostgreSQL: batches of the log, and what it tells of subjects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, Table, delete, func, literal_column, select
from sqlalchemy.dialects.postgresql import insert

from projections.asking import Ref
from projections.events.history import LoggedEvent, logged
from projections.rows.changes import Row
from projections.rows.questions import AskBacklog, AskEvents, AskNewest
from service.adapters.embedded.rows import NEWEST_LOOKED_AT
from service.adapters.postgres.compiled import (
    WHOLE,
    columns,
    for_postgres,
    number,
    rows_of,
    same,
    statement,
)
from service.adapters.postgres.connections import Link
from service.adapters.postgres.lookups import REF, history
from service.adapters.postgres.writes import Write, Writing, insert_into, upsert_into
from service.adapters.sql.tables import account_events, events, subjects
from service.adapters.sql.waiting import backlog, former_roots

_ROOTS = tuple(former_roots.c.keys())
BATCHES_AT_ONCE = 64


def batches(link: Link, asked: AskBacklog) -> list[Row]:
    """Return the oldest batches that wait, read some at a time until they hold enough."""
    found: list[Row] = []
    while True:
        after = found[-1][0] if found else 0
        page = link.rows(statement(_backlog_rows), after, BATCHES_AT_ONCE)
        for row in page:
            if found and row[1] - found[0][0] >= asked.limit:
                return found
            found.append(row)
        if len(page) < BATCHES_AT_ONCE:
            return found


def events_of(link: Link, asked: AskEvents) -> list[LoggedEvent]:
    """Return a piece of the log."""
    return [logged(row) for row in link.rows(statement(_piece), asked.first, asked.last)]


def joined(link: Link, refs: Sequence[Ref]) -> list[Row]:
    """Return the other members of clusters."""
    return link.listed(statement(_joined), refs)


def newest(link: Link, asked: AskNewest) -> dict[Ref, int]:
    """Return the newest instant of each subject that has events."""
    write = _newest_of_accounts if asked.is_account else _newest_of_customers
    rows = link.listed(statement(write), asked.refs)
    return {(bucket, subject): at for bucket, subject, at in rows if at is not None}


def former_roots_of(link: Link, refs: Sequence[Ref]) -> dict[Ref, Ref]:
    """Return whom subjects belong to in the projections, where the log says otherwise."""
    rows = link.listed(statement(_former_roots), refs)
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


def waiting_since(link: Link) -> int | None:
    """Return when the oldest event that is not folded yet was stored."""
    row = link.row(statement(_oldest))
    return None if row is None else row[0]


def has_history(link: Link, newest: int, instant: int) -> bool:
    """Tell whether any of the newest events recorded since *instant* is of an import."""
    return link.row(statement(_historical), newest - NEWEST_LOOKED_AT, instant) is not None


def note_progress(link: Link, projected: int) -> None:
    """Let what has been folded wait no longer."""
    link.rows(statement(_lose_notes), projected)
    link.rows(statement(_lose_roots))


# ---------------------------------------------------------------- statements


def keep_roots(prefix: str) -> Writing:
    """Return the statement that notes whom subjects belong to, unless it is noted."""
    rows = select(rows_of(former_roots, *_ROOTS, prefix=prefix))
    return insert(former_roots).from_select(_ROOTS, rows).on_conflict_do_nothing(), _ROOTS


add_note: Write = insert_into(backlog)
put_roots: Write = upsert_into(former_roots)


def _oldest() -> str:
    found = select(backlog.c.recorded_at).order_by(backlog.c.first)
    return for_postgres(found.limit(literal_column("1", WHOLE)))


def _historical() -> str:
    found = select(events.c.position).where(
        events.c.position > number("after"),
        events.c.recorded_at >= number("since"),
        events.c.historical == literal_column("1", WHOLE),
    )
    return for_postgres(found.limit(literal_column("1", WHOLE)), "after", "since")


def _backlog_rows() -> str:
    found = select(backlog).where(backlog.c.first > number("after")).order_by(backlog.c.first)
    return for_postgres(found.limit(number("limit")), "after", "limit")


def _piece() -> str:
    found = history(events, subjects).where(
        events.c.position >= number("first"),
        events.c.position <= number("last"),
        events.c.bucket == subjects.c.bucket,
        events.c.subject_id == subjects.c.subject_id,
    )
    return for_postgres(found.order_by(events.c.position), "first", "last")


def _joined() -> str:
    rows = rows_of(subjects, "root_bucket", "root_id")
    found = select(*columns(subjects, *_ROOTS)).select_from(rows, subjects)
    found = found.where(
        *same(subjects, rows, "root_bucket", "root_id"),
        subjects.c.root_id != subjects.c.subject_id,
    )
    return for_postgres(found, "root_bucket", "root_id")


def _newest_of_customers() -> str:
    return for_postgres(_newest_in(events), *REF)


def _newest_of_accounts() -> str:
    return for_postgres(_newest_in(account_events), *REF)


def _newest_in(table: Table) -> Select[Any]:
    rows = rows_of(table, *REF)
    found = select(func.max(table.c.effective_at)).where(*same(table, rows, *REF)).correlate(rows)
    return select(rows.c.bucket, rows.c.subject_id, found.scalar_subquery()).select_from(rows)


def _former_roots() -> str:
    rows = rows_of(former_roots, *REF)
    found = select(*columns(former_roots, *_ROOTS)).select_from(rows, former_roots)
    return for_postgres(found.where(*same(former_roots, rows, *REF)), *REF)


def _lose_notes() -> str:
    return for_postgres(delete(backlog).where(backlog.c.first <= number("last")), "last")


def _lose_roots() -> str:
    """Forget former roots where nothing waits any more."""
    return for_postgres(delete(former_roots).where(~select(backlog.c.first).exists()))
