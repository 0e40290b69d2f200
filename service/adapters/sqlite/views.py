"""What people ask of SQLite: statements for readers, each named by its purpose."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Text,
    bindparam,
    column,
    func,
    literal_column,
    select,
    table,
    tuple_,
)

from projections.rows.changes import EVENT_COLUMNS
from projections.rows.records import (
    LATEST_COLUMNS,
    RECORD_COLUMNS,
    RETRACTION_COLUMNS,
    STAY_COLUMNS,
)
from projections.subjects.profiles import NAME_COLUMNS, PROFILE_COLUMNS
from service.adapters.sql import diffs
from service.adapters.sql.compiled import CrossJoin, for_sqlite, limited
from service.adapters.sql.tables import (
    account_events,
    api_keys,
    event_keys,
    event_types,
    events,
    feed,
    generations,
    model_versions,
    parked,
    profiles,
    subjects,
    transitions,
)
from service.adapters.sqlite.lookups import columns, keyed, listed

REVISION = for_sqlite(select(column("version_num")).select_from(table("alembic_version")))

_RECORD = columns(transitions, *RECORD_COLUMNS, *RETRACTION_COLUMNS)
_EVENT = [*columns(events, *EVENT_COLUMNS), subjects.c.kind, subjects.c.name]


def _number(name: str) -> ColumnElement[int]:
    return bindparam(name, type_=Integer)


def _text(name: str) -> ColumnElement[str]:
    return bindparam(name, type_=Text)


# ---------------------------------------------------------------- small tables


def all_versions() -> str:
    """Return the statement for every model version."""
    key = columns(model_versions, "tenant", "model", "version")
    return for_sqlite(select(model_versions).order_by(*key))


def all_keys() -> str:
    """Return the statement for every API key, the oldest first."""
    return for_sqlite(select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id))


def one_key() -> str:
    """Return the statement for an API key."""
    return for_sqlite(select(api_keys).where(api_keys.c.id == _text("id")), "id")


def types_seen() -> str:
    """Return the statement for event types by name."""
    found = select(*columns(event_types, "type", "count", "first_at", "last_at"))
    found = found.where(event_types.c.tenant == _text("tenant")).order_by(event_types.c.type)
    return for_sqlite(found, "tenant")


# ---------------------------------------------------------------- one subject


def identity() -> str:
    """Return the statement for a subject by name."""
    key = ("bucket", "tenant", "kind", "name")
    same = [subjects.c.bucket == _number("bucket"), *(subjects.c[n] == _text(n) for n in key[1:])]
    return for_sqlite(select(*columns(subjects, *NAME_COLUMNS)).where(*same), *key)


def profile() -> str:
    """Return the statement for one profile."""
    found = select(*columns(profiles, *PROFILE_COLUMNS)).where(
        profiles.c.bucket == _number("bucket"), profiles.c.subject_id == _number("subject_id")
    )
    return for_sqlite(found, "bucket", "subject_id")


def latest() -> str:
    """Return the statement for what is told of a subject's newest transition that holds."""
    found = _transitions().with_only_columns(*columns(transitions, *LATEST_COLUMNS))
    return for_sqlite(limited(found), *_STANDING)


def stay() -> str:
    """Return the statement for stage and entry of a subject at an instant."""
    names = columns(transitions, *STAY_COLUMNS)
    # The sum keeps the planner from the index of everybody's instants: this is one subject.
    instant = transitions.c.effective_at + literal_column("0", Integer)
    found = _transitions().where(instant <= _number("as_of"))
    return for_sqlite(limited(found.with_only_columns(*names)), *_STANDING, "as_of")


_STANDING = ("bucket", "generation", "subject_id")


def _of_subject() -> Select[Any]:
    return select(*_RECORD).where(*(transitions.c[name] == _number(name) for name in _STANDING))


def _transitions() -> Select[Any]:
    return _of_subject().where(*_holds()).order_by(transitions.c.number.desc())


def _holds() -> list[ColumnElement[bool]]:
    """Return the condition of the index `transitions_flow`, word for word."""
    return [
        transitions.c.retracted_position.is_(None),
        transitions.c.kind == literal_column("'transition'"),
    ]


@cache
def records(*, newest_first: bool, include_retracted: bool) -> str:
    """Return the statement for a page of a subject's records."""
    order = columns(transitions, "effective_at" if newest_first else "sequence", "number")
    after = tuple_(_number("after"), _number("after_number"))
    found = _of_subject()
    if not include_retracted:
        found = found.where(transitions.c.retracted_position.is_(None))
    if newest_first:
        found = found.where(tuple_(*order) < after).order_by(*(one.desc() for one in order))
    else:
        found = found.where(tuple_(*order) > after).order_by(*order)
    return for_sqlite(
        limited(found, _number("limit")), *_STANDING, "after", "after_number", "limit"
    )


@cache
def events_of(*, of_account: bool, newest_first: bool) -> str:
    """Return the statement for a page of a subject's events, in fold order or the reverse."""
    rows = listed()
    if of_account:
        keys = account_events
        joined = CrossJoin(CrossJoin(CrossJoin(rows, keys), events), subjects)
        meets = [events.c.position == keys.c.position]
    else:
        keys, meets = events, []
        joined = CrossJoin(CrossJoin(rows, events), subjects)
    order = [keys.c.effective_at, keys.c.position]
    after = tuple_(_number("after_at"), _number("after_position"))
    found = (
        select(*_EVENT)
        .select_from(joined)
        .where(
            *keyed(rows, keys, "bucket", "subject_id"),
            tuple_(*order) < after if newest_first else tuple_(*order) > after,
            keys.c.position <= _number("known_at"),
            *meets,
            *_sent_for(),
        )
    )
    found = found.order_by(*(one.desc() for one in order) if newest_first else order)
    names = ("rows", "after_at", "after_position", "known_at", "limit")
    return for_sqlite(limited(found, _number("limit")), *names)


def _sent_for() -> list[ColumnElement[bool]]:
    return [
        subjects.c.bucket == events.c.bucket,
        subjects.c.subject_id == events.c.subject_id,
    ]


# ---------------------------------------------------------------- the log and the feed


def recorded_at() -> str:
    """Return the statement for when the event at a position was recorded."""
    found = select(events.c.recorded_at).where(events.c.position == _number("position"))
    return for_sqlite(found, "position")


@cache
def log(*, of_type: bool) -> str:
    """Return the statement for a page of the log."""
    found = (
        select(*_EVENT)
        .select_from(CrossJoin(events, subjects))
        .where(
            events.c.position > _number("after"), events.c.tenant == _text("tenant"), *_sent_for()
        )
    )
    if of_type:
        found = found.where(events.c.type == _text("type"))
    found = limited(found.order_by(events.c.position), _number("limit"))
    return for_sqlite(found, "after", "tenant", *(("type",) if of_type else ()), "limit")


def event() -> str:
    """Return the statement for the event at a position."""
    found = select(*_EVENT).select_from(CrossJoin(events, subjects))
    found = found.where(events.c.position == _number("position"), *_sent_for())
    return for_sqlite(found, "position")


def events_with_id() -> str:
    """Return the statement for events by id: every bucket is looked into, by key."""
    rows = listed()
    joined = CrossJoin(CrossJoin(CrossJoin(rows, event_keys), events), subjects)
    found = (
        select(*_EVENT)
        .distinct()
        .select_from(joined)
        .where(
            event_keys.c.bucket == rows.c.value,
            event_keys.c.event_id == _text("event_id"),
            events.c.position == event_keys.c.position,
            events.c.tenant == _text("tenant"),
            *_sent_for(),
        )
    )
    return for_sqlite(found.order_by(events.c.position), "rows", "event_id", "tenant")


def feed_page() -> str:
    """Return the statement for a page of the feed: its own columns, then the record's."""
    key = (*_STANDING, "number")
    found = (
        select(*feed.c, *_RECORD)
        .select_from(CrossJoin(feed, transitions))
        .where(
            feed.c.position > _number("after"),
            feed.c.tenant == _text("tenant"),
            *(transitions.c[name] == feed.c[name] for name in key),
        )
    )
    found = limited(found.order_by(feed.c.position), _number("limit"))
    return for_sqlite(found, "after", "tenant", "limit")


# ---------------------------------------------------------------- what waits


def parked_of() -> str:
    """Return the statement for a tenant's parked folds, the oldest trouble first."""
    found = (
        select(*parked.c)
        .select_from(CrossJoin(parked, generations))
        .where(
            generations.c.generation == parked.c.generation,
            generations.c.tenant == _text("tenant"),
        )
    )
    found = found.order_by(*columns(parked, "position", *_STANDING))
    return for_sqlite(limited(found, _number("limit")), "tenant", "limit")


def parked_count() -> str:
    """Return the statement for how many folds are parked."""
    return for_sqlite(select(func.count()).select_from(parked))


def due_count() -> str:
    """Return the statement for how many profiles are due, up to a limit, and since when."""
    found = select(profiles.c.due_at).where(
        profiles.c.due_at.is_not(None), profiles.c.due_at <= _number("now")
    )
    first = limited(found.order_by(profiles.c.due_at), _number("limit")).subquery()
    return for_sqlite(select(func.count(), func.min(first.c.due_at)), "now", "limit")


def roots_since() -> str:
    """Return the statement for the canonical subjects of events behind a position."""
    found = select(subjects.c.root_bucket, subjects.c.root_id).distinct()
    found = found.select_from(CrossJoin(events, subjects)).where(
        events.c.position > _number("after"), events.c.tenant == _text("tenant"), *_sent_for()
    )
    return for_sqlite(found, "after", "tenant")


def accounts_since() -> str:
    """Return the statement for the accounts named by events behind a position."""
    found = (
        select(events.c.account_id)
        .distinct()
        .where(
            events.c.position > _number("after"),
            events.c.tenant == _text("tenant"),
            events.c.account_id.is_not(None),
        )
    )
    return for_sqlite(found, "after", "tenant")


# ---------------------------------------------------------------- two generations


def stage_matrix() -> str:
    """Return the statement for stages before and after, and how many subjects have both."""
    return for_sqlite(diffs.matrix(), *diffs.MATRIX_BOUND)


def stage_changes() -> str:
    """Return the statement for subjects that stand elsewhere by another generation."""
    return for_sqlite(diffs.changes(), *diffs.CHANGES_BOUND)
