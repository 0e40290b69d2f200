"""One range of a rebuild: read in the order of the index, folded and written in a transaction.

The writer's own transaction holds everybody else back, so nothing changes in between. What counts
is how short it is: of an event only what versions look at is read, and no object is made but the
one that is folded.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Text,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
)

from domain.machine.needs import Needs
from projections.models.ranges import BucketRange
from projections.rebuilding.stretches import (
    ORIGIN_COLUMNS,
    RANGE_COLUMNS,
    SEEN_COLUMNS,
    Stretch,
    seen_in,
)
from projections.rows.questions import HistoryOf
from service.adapters.sql.compiled import for_sqlite
from service.adapters.sql.tables import events, profiles
from service.adapters.sqlite import lookups, writes
from service.adapters.sqlite.connections import translated
from service.adapters.sqlite.lookups import columns
from service.adapters.sqlite.rows import SqliteRows, histories
from service.adapters.sqlite.statements import statement


def fold(rows: SqliteRows, stretch: Stretch, found: BucketRange, *, known_at: int) -> None:
    """Fold whoever lives in *found* by the log up to *known_at*, and write what it came to.

    Nothing is written of those who cannot be folded.
    """
    with translated(rows.path):
        _read(rows, stretch, found, known_at)
        _write(rows.connection, stretch)


def _read(rows: SqliteRows, stretch: Stretch, found: BucketRange, known_at: int) -> None:
    one = stretch.projection
    bound = (found.first, found.end, one.tenant, int(one.is_account))
    for row in rows.connection.execute(statement(_seen), bound):
        seen = seen_in(row, is_account=one.is_account)
        stretch.seen[seen.ref] = seen
    if any(each.is_plain for each in stretch.seen.values()):
        needs = one.lineage.needs
        stretch.take_in_order(_events(rows.connection, needs, found, known_at))
    others = stretch.others
    asked = [
        HistoryOf(each.ref, each.members, one.is_account, known_at=known_at) for each in others
    ]
    told = histories(rows.connection, asked)
    for each in others:
        stretch.take_history(each, told.get(each.ref, []))


def _write(connection: sqlite3.Connection, stretch: Stretch) -> None:
    for text, coming in (
        (writes.add_records, stretch.records),
        (writes.put_stages, stretch.stages),
        (writes.stand_profiles, list(stretch.standings.values())),
        (writes.count_stages, stretch.counts(())),
        (writes.count_stays, stretch.stay_counts(())),
    ):
        connection.executemany(statement(text), coming)


def _events(
    connection: sqlite3.Connection, needs: Needs, found: BucketRange, known_at: int
) -> sqlite3.Cursor:
    types = needs.properties_of
    text = statement(_events_with_origins if needs.origin else _events_in_order)
    read_of = json.dumps(sorted(types or ()))
    return connection.execute(text, (types is None, read_of, found.first, found.end, known_at))


# ---------------------------------------------------------------- statements


def _seen() -> str:
    found = select(*columns(profiles, *SEEN_COLUMNS)).where(*lookups.in_range())
    found = found.order_by(profiles.c.bucket, profiles.c.subject_id)
    return for_sqlite(found, "first", "end", "tenant", "is_account")


def _events_in_order() -> str:
    return _in_order(select(*columns(events, *RANGE_COLUMNS), _content()))


def _events_with_origins() -> str:
    told = (*columns(events, *RANGE_COLUMNS), _content(), *columns(events, *ORIGIN_COLUMNS))
    return _in_order(select(*told))


def _content() -> ColumnElement[Any]:
    """Return the format of an event and its payload, where versions read that of its type."""
    types = func.json_each(bindparam("types", type_=Text)).table_valued("value", name="types")
    every = bindparam("every", type_=Integer)
    needed = or_(every, events.c.type.in_(select(types.c.value)))
    return case((needed, events.c.api_format + literal_column("' '", Text) + events.c.payload))


def _in_order(found: Select[Any]) -> str:
    found = found.where(
        events.c.bucket >= bindparam("first", type_=Integer),
        events.c.bucket < bindparam("end", type_=Integer),
        events.c.position <= bindparam("known_at", type_=Integer),
    ).order_by(*columns(events, "bucket", "subject_id", "effective_at", "position"))
    return for_sqlite(found, "every", "types", "first", "end", "known_at")
