"""What waits to be folded, in SQLite: batches in the log, and what it alone tells of subjects."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from sqlalchemy import Select, Table, bindparam, delete, func, insert, literal_column, select
from sqlalchemy.dialects import sqlite

from projections.asking import Ref
from projections.events.history import LoggedEvent, logged
from projections.rows.changes import Changes, LogRows, Row
from projections.rows.questions import AskBacklog, AskEvents, AskNewest
from service.adapters.embedded.rows import NEWEST_LOOKED_AT
from service.adapters.sql.compiled import CrossJoin, for_sqlite, limited
from service.adapters.sql.tables import account_events, events, subjects
from service.adapters.sql.waiting import backlog, former_roots
from service.adapters.sqlite.lookups import as_rows, columns, history, item, keyed, listed
from service.adapters.sqlite.statements import statement

_ROOTS = tuple(former_roots.c.keys())


def batches(connection: sqlite3.Connection, asked: AskBacklog) -> list[Row]:
    """Return the oldest batches that wait."""
    found: list[Row] = []
    with closing(connection.execute(statement(_backlog_rows))) as rows:
        for row in rows:
            if found and row[1] - found[0][0] >= asked.limit:
                break
            found.append(row)
    return found


def events_of(connection: sqlite3.Connection, asked: AskEvents) -> list[LoggedEvent]:
    """Return a piece of the log."""
    rows = connection.execute(statement(_piece), (asked.first, asked.last))
    return [logged(row) for row in rows]


def newest(connection: sqlite3.Connection, asked: AskNewest) -> dict[Ref, int]:
    """Return the newest instant of each subject that has events."""
    write = _newest_of_accounts if asked.is_account else _newest_of_customers
    rows = connection.execute(statement(write), (as_rows(asked.refs),))
    return {(bucket, number): at for bucket, number, at in rows if at is not None}


def former_root(connection: sqlite3.Connection, ref: Ref) -> Ref | None:
    """Return whom a subject belongs to in the projections, where the log says otherwise."""
    row = connection.execute(statement(_former_root), ref).fetchone()
    return None if row is None else (row[0], row[1])


def waiting_since(connection: sqlite3.Connection) -> int | None:
    """Return when the oldest event that is not folded yet was stored."""
    row = connection.execute(statement(_oldest)).fetchone()
    return None if row is None else row[0]


def has_history(connection: sqlite3.Connection, newest: int, instant: int) -> bool:
    """Tell whether any of the newest events recorded since *instant* is of an import."""
    bound = (newest - NEWEST_LOOKED_AT, instant)
    return connection.execute(statement(_historical), bound).fetchone() is not None


def let_wait(connection: sqlite3.Connection, rows: LogRows) -> None:
    """Write the note of a batch, if it is to be folded later."""
    connection.executemany(statement(_add_note), rows.note_rows())
    connection.executemany(statement(_keep_root), rows.former_rows())


def note_progress(connection: sqlite3.Connection, changes: Changes) -> None:
    """Let what has been folded wait no longer."""
    if changes.projected is None:
        return
    connection.execute(statement(_lose_notes), (changes.projected,))
    connection.execute(statement(_lose_roots))
    connection.executemany(statement(_put_root), changes.roots)


# ---------------------------------------------------------------- statements


def joined() -> str:
    """Return the statement for the other members of clusters, by bucket and number of the root."""
    rows = listed()
    found = select(*columns(subjects, *_ROOTS)).select_from(CrossJoin(rows, subjects))
    found = found.where(*keyed(rows, subjects, "root_bucket", "root_id"))
    return for_sqlite(found.where(subjects.c.root_id != subjects.c.subject_id), "rows")


def _oldest() -> str:
    return for_sqlite(limited(select(backlog.c.recorded_at).order_by(backlog.c.first)))


def _historical() -> str:
    found = select(events.c.position).where(
        events.c.position > bindparam("after"),
        events.c.recorded_at >= bindparam("since"),
        events.c.historical == literal_column("1"),
    )
    return for_sqlite(limited(found), "after", "since")


def _backlog_rows() -> str:
    return for_sqlite(select(backlog).order_by(backlog.c.first))


def _piece() -> str:
    found = history().select_from(CrossJoin(events, subjects))
    found = found.where(
        events.c.position.between(bindparam("first"), bindparam("last")),
        events.c.bucket == subjects.c.bucket,
        events.c.subject_id == subjects.c.subject_id,
    )
    return for_sqlite(found.order_by(events.c.position), "first", "last")


def _newest_of_customers() -> str:
    return for_sqlite(_newest_in(events), "rows")


def _newest_of_accounts() -> str:
    return for_sqlite(_newest_in(account_events), "rows")


def _newest_in(table: Table) -> Select[Any]:
    rows = listed()
    found = select(func.max(table.c.effective_at)).correlate(rows)
    found = found.where(*keyed(rows, table, "bucket", "subject_id"))
    return select(item(rows, 0), item(rows, 1), found.scalar_subquery()).select_from(rows)


def _former_root() -> str:
    found = select(*columns(former_roots, "root_bucket", "root_id")).where(
        former_roots.c.bucket == bindparam("key_bucket"),
        former_roots.c.subject_id == bindparam("key_subject_id"),
    )
    return for_sqlite(found, "key_bucket", "key_subject_id")


def _add_note() -> str:
    names = tuple(backlog.c.keys())
    return for_sqlite(insert(backlog).values({name: bindparam(name) for name in names}), *names)


def _keep_root() -> str:
    adding = sqlite.insert(former_roots).values({name: bindparam(name) for name in _ROOTS})
    return for_sqlite(adding.on_conflict_do_nothing(), *_ROOTS)


def _put_root() -> str:
    adding = sqlite.insert(former_roots).values({name: bindparam(name) for name in _ROOTS})
    new = {name: adding.excluded[name] for name in _ROOTS[2:]}
    return for_sqlite(adding.on_conflict_do_update(index_elements=_ROOTS[:2], set_=new), *_ROOTS)


def _lose_notes() -> str:
    return for_sqlite(delete(backlog).where(backlog.c.first <= bindparam("last")), "last")


def _lose_roots() -> str:
    """Forget former roots where nothing waits any more."""
    return for_sqlite(delete(former_roots).where(~select(backlog.c.first).exists()))
