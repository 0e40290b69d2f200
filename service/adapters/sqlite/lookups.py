"""What scripts ask of SQLite: one statement per question, however long the list in it.

A list comes as one JSON array and drives the join; each of its rows is then found by key.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Table,
    TableValuedAlias,
    Text,
    bindparam,
    case,
    func,
    literal_column,
    select,
    tuple_,
)

from projections.events.history import HISTORY_COLUMNS
from projections.rows.records import RECORD_COLUMNS
from projections.subjects.profiles import NAME_COLUMNS, PROFILE_COLUMNS
from service.adapters.sql.compiled import CrossJoin, for_sqlite, limited
from service.adapters.sql.erased import erasures
from service.adapters.sql.tables import (
    account_events,
    event_keys,
    events,
    feed,
    parked,
    profiles,
    snapshots,
    stages,
    subjects,
    transitions,
)
from service.adapters.sql.waiting import backlog

_CONTENT = RECORD_COLUMNS[RECORD_COLUMNS.index("kind") : RECORD_COLUMNS.index("recorded_at")]
_KNOWN_AT, _AFTER_AT, _AFTER_POSITION = 4, 2, 3


_encode = msgspec.json.Encoder().encode


def listed() -> TableValuedAlias:
    """Return the rows of the JSON array that is bound as `rows`."""
    return func.json_each(bindparam("rows", type_=Text)).table_valued("value", name="listed")


def as_rows(values: Iterable[object]) -> str:
    """Return *values* as the JSON array that `listed` reads."""
    rows = list(values)
    try:
        return _encode(rows).decode()
    except UnicodeEncodeError:  # half a surrogate pair, which names nothing, but may be asked for
        return json.dumps(rows, separators=(",", ":"), ensure_ascii=False)


def item(rows: TableValuedAlias, place: int) -> ColumnElement[Any]:
    """Return the value at *place* of each of *rows*, themselves arrays."""
    return func.json_extract(rows.c.value, literal_column(f"'$[{place}]'"))


def keyed(rows: TableValuedAlias, table: Table, *names: str) -> list[ColumnElement[bool]]:
    """Return the conditions that each of *rows* begins with the columns *names* of *table*."""
    return [table.c[name] == item(rows, place) for place, name in enumerate(names)]


def columns(table: Table, *names: str) -> list[ColumnElement[Any]]:
    """Return columns of *table* by name."""
    return [table.c[name] for name in names]


def head() -> str:
    """Return the statement for where everything ends: one row, of NULLs where there is nothing.

    Position and recorded_at of the newest event, position of the newest feed record, the first
    position that waits to be folded, and the position of the newest erasure.
    """
    newest = select(func.max(events.c.position)).scalar_subquery()
    recorded = select(events.c.recorded_at).where(events.c.position == newest).scalar_subquery()
    ends = (
        select(func.max(feed.c.position)),
        select(func.min(backlog.c.first)),
        select(func.max(erasures.c.position)),
    )
    return for_sqlite(select(newest, recorded, *(one.scalar_subquery() for one in ends)))


def identities() -> str:
    """Return the statement for subjects by bucket, tenant, kind and name."""
    rows = listed()
    found = select(*columns(subjects, *NAME_COLUMNS)).select_from(CrossJoin(rows, subjects))
    return for_sqlite(
        found.where(*keyed(rows, subjects, "bucket", "tenant", "kind", "name")), "rows"
    )


def identities_of() -> str:
    """Return the statement for subjects by bucket and number."""
    return for_sqlite(_by_ref(subjects, *NAME_COLUMNS), "rows")


def profiles_of() -> str:
    """Return the statement for profiles by bucket and number."""
    return for_sqlite(_by_ref(profiles, *PROFILE_COLUMNS), "rows")


def profile_by_name() -> str:
    """Return the statement for the profile that a name belongs to."""
    key = ("bucket", "tenant", "kind", "name")
    found = select(*columns(profiles, *PROFILE_COLUMNS)).select_from(CrossJoin(subjects, profiles))
    found = found.where(
        subjects.c.bucket == bindparam("bucket", type_=Integer),
        *(subjects.c[name] == bindparam(name, type_=Text) for name in key[1:]),
        profiles.c.bucket == subjects.c.root_bucket,
        profiles.c.subject_id == subjects.c.root_id,
    )
    return for_sqlite(found, *key)


def snapshots_of() -> str:
    """Return the statement for snapshots by bucket and number."""
    return for_sqlite(_by_ref(snapshots, *snapshots.c.keys()), "rows")


def _by_ref(table: Table, *names: str) -> Select[Any]:
    rows = listed()
    found = select(*columns(table, *names)).select_from(CrossJoin(rows, table))
    return found.where(*keyed(rows, table, "bucket", "subject_id"))


def keys_taken() -> str:
    """Return the statement for event keys by all four parts."""
    rows, parts = listed(), ("bucket", "event_id", "subject_id", "source")
    found = select(*columns(event_keys, *parts, "position", "content"))
    found = found.select_from(CrossJoin(rows, event_keys))
    return for_sqlite(found.where(*keyed(rows, event_keys, *parts)), "rows")


def payloads() -> str:
    """Return the statement for payloads by position."""
    rows = listed()
    found = select(events.c.position, events.c.payload).select_from(CrossJoin(rows, events))
    return for_sqlite(found.where(events.c.position == rows.c.value), "rows")


def histories() -> str:
    """Return the statement for the events of subjects, each behind its own fold key."""
    rows = listed()
    joined = CrossJoin(CrossJoin(rows, subjects), events)
    found = (
        history()
        .select_from(joined)
        .where(
            *keyed(rows, subjects, "bucket", "subject_id"),
            events.c.bucket == subjects.c.bucket,
            events.c.subject_id == subjects.c.subject_id,
            *_window(rows, events),
        )
    )
    return for_sqlite(found.add_columns(events.c.bucket, events.c.subject_id), "rows")


def account_histories() -> str:
    """Return the statement for the events of accounts, each behind its own fold key."""
    rows = listed()
    joined = CrossJoin(CrossJoin(CrossJoin(rows, account_events), events), subjects)
    found = (
        history()
        .select_from(joined)
        .where(
            *keyed(rows, account_events, "bucket", "subject_id"),
            *_window(rows, account_events),
            events.c.position == account_events.c.position,
            subjects.c.bucket == events.c.bucket,
            subjects.c.subject_id == events.c.subject_id,
        )
    )
    owner = (account_events.c.bucket, account_events.c.subject_id)
    return for_sqlite(found.add_columns(*owner), "rows")


def history() -> Select[Any]:
    """Return a selection of `HISTORY_COLUMNS` from events and the subjects they were sent for."""
    is_unknown = subjects.c.kind == literal_column("'anonymous'")
    customer = case(
        (is_unknown, literal_column("'anon:'", Text).concat(subjects.c.name)),
        else_=subjects.c.name,
    )
    return select(
        *(customer if name == "customer_id" else events.c[name] for name in HISTORY_COLUMNS)
    )


def _window(rows: TableValuedAlias, table: Table) -> list[ColumnElement[bool]]:
    """Return the conditions behind a fold key and up to a position, both part of the row."""
    after = tuple_(item(rows, _AFTER_AT), item(rows, _AFTER_POSITION))
    return [
        tuple_(table.c.effective_at, table.c.position) > after,
        table.c.position <= item(rows, _KNOWN_AT),
    ]


def records() -> str:
    """Return the statement for records that hold, by bucket, generation and subject."""
    rows, key = listed(), ("bucket", "generation", "subject_id")
    found = select(*columns(transitions, *key, "number", *_CONTENT))
    found = found.select_from(CrossJoin(rows, transitions)).where(
        *keyed(rows, transitions, *key), transitions.c.retracted_position.is_(None)
    )
    return for_sqlite(found.order_by(transitions.c.number), "rows")


def places() -> str:
    """Return the statement for stages as lists show them, by bucket, generation and subject."""
    rows, key = listed(), ("bucket", "generation", "subject_id")
    found = select(*columns(stages, *key, "stage", "entered_at"))
    found = found.select_from(CrossJoin(rows, stages)).where(*keyed(rows, stages, *key))
    return for_sqlite(found, "rows")


def numbers() -> str:
    """Return the statement for the greatest record number, by bucket, generation and subject."""
    rows, key = listed(), ("bucket", "generation", "subject_id")
    found = select(*columns(transitions, *key), func.max(transitions.c.number))
    found = found.select_from(CrossJoin(rows, transitions)).where(*keyed(rows, transitions, *key))
    return for_sqlite(found.group_by(*columns(transitions, *key)), "rows")


def due() -> str:
    """Return the statement for profiles that are due, the earliest first."""
    found = select(*columns(profiles, *PROFILE_COLUMNS)).where(
        profiles.c.due_at.is_not(None), profiles.c.due_at <= bindparam("now", type_=Integer)
    )
    found = found.order_by(profiles.c.due_at, profiles.c.bucket, profiles.c.subject_id)
    return for_sqlite(limited(found, bindparam("limit", type_=Integer)), "now", "limit")


def parked_due() -> str:
    """Return the statement for parked folds that are to be tried."""
    found = select(*columns(parked, "bucket", "subject_id", "generation", "attempts"))
    found = found.where(parked.c.next_try_at <= bindparam("now", type_=Integer))
    found = found.order_by(*columns(parked, "next_try_at", "bucket", "generation", "subject_id"))
    return for_sqlite(limited(found, bindparam("limit", type_=Integer)), "now", "limit")


def bucket_loads() -> str:
    """Return the statement for events per bucket, in order of bucket."""
    found = select(profiles.c.bucket, func.sum(profiles.c.events)).where(
        profiles.c.bucket >= bindparam("first", type_=Integer), *_of_kind()
    )
    found = found.group_by(profiles.c.bucket).order_by(profiles.c.bucket)
    return for_sqlite(found, "first", "tenant", "is_account")


def profiles_in() -> str:
    """Return the statement for the profiles of some buckets."""
    found = select(*columns(profiles, *PROFILE_COLUMNS)).where(*in_range())
    found = found.order_by(profiles.c.bucket, profiles.c.subject_id)
    return for_sqlite(found, "first", "end", "tenant", "is_account")


def in_range() -> list[ColumnElement[bool]]:
    """Return the conditions for the profiles of a tenant in some buckets."""
    return [
        profiles.c.bucket >= bindparam("first", type_=Integer),
        profiles.c.bucket < bindparam("end", type_=Integer),
        *_of_kind(),
    ]


def _of_kind() -> list[ColumnElement[bool]]:
    is_account = profiles.c.kind == literal_column("'account'")
    return [
        profiles.c.tenant == bindparam("tenant", type_=Text),
        is_account.self_group() == bindparam("is_account", type_=Integer),
    ]
