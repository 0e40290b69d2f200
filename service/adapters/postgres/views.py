"""What people ask of PostgreSQL: statements for readers, each named by its purpose."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
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
from service.adapters.postgres.compiled import (
    TEXT,
    WHOLE,
    columns,
    for_postgres,
    number,
    rows_of,
    same,
    words,
)
from service.adapters.postgres.lookups import REF, STANDING
from service.adapters.sql import diffs
from service.adapters.sql.tables import (
    account_events,
    api_keys,
    event_keys,
    event_types,
    events,
    feed,
    generations,
    parked,
    profiles,
    subjects,
    transitions,
)

_RECORD = columns(transitions, *RECORD_COLUMNS, *RETRACTION_COLUMNS)
_EVENT = [*columns(events, *EVENT_COLUMNS), subjects.c.kind, subjects.c.name]


# ---------------------------------------------------------------- small tables


def all_keys() -> str:
    """Return the statement for every API key, the oldest first."""
    return for_postgres(select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id))


def one_key() -> str:
    """Return the statement for an API key."""
    return for_postgres(select(api_keys).where(api_keys.c.id == words("id")), "id")


def types_seen() -> str:
    """Return the statement for event types by name."""
    found = select(*columns(event_types, "type", "count", "first_at", "last_at"))
    found = found.where(event_types.c.tenant == words("tenant")).order_by(event_types.c.type)
    return for_postgres(found, "tenant")


# ---------------------------------------------------------------- one subject


def identity() -> str:
    """Return the statement for a subject by name."""
    key = ("tenant", "kind", "name")
    found = select(*columns(subjects, *NAME_COLUMNS)).where(
        subjects.c.bucket == number("bucket"), *(subjects.c[name] == words(name) for name in key)
    )
    return for_postgres(found, "bucket", *key)


def profile() -> str:
    """Return the statement for one profile."""
    found = select(*columns(profiles, *PROFILE_COLUMNS))
    return for_postgres(found.where(*(profiles.c[name] == number(name) for name in REF)), *REF)


def latest() -> str:
    """Return the statement for what is told of a subject's newest transition that holds."""
    found = _newest_transition().with_only_columns(*columns(transitions, *LATEST_COLUMNS))
    return for_postgres(found, *STANDING)


def latest_of() -> str:
    """Return the same of the newest transitions that hold, by bucket, generation, subject."""
    rows = rows_of(transitions, *STANDING)
    told = columns(transitions, *STANDING, *LATEST_COLUMNS)
    newest = select(*told).where(*same(transitions, rows, *STANDING), *held())
    newest = newest.order_by(transitions.c.number.desc()).limit(literal_column("1", WHOLE))
    found = newest.lateral("newest")
    return for_postgres(select(found).select_from(rows, found), *STANDING)


def stay() -> str:
    """Return the statement for stage and entry of a subject at an instant."""
    names = columns(transitions, *STAY_COLUMNS)
    found = _newest_transition().where(transitions.c.effective_at <= number("as_of"))
    return for_postgres(found.with_only_columns(*names), *STANDING, "as_of")


def _of_subject() -> Select[Any]:
    return select(*_RECORD).where(*(transitions.c[name] == number(name) for name in STANDING))


def _newest_transition() -> Select[Any]:
    found = _of_subject().where(*held()).order_by(transitions.c.number.desc())
    return found.limit(literal_column("1", WHOLE))


def held() -> list[ColumnElement[bool]]:
    """Return the condition of the index `transitions_flow`, word for word."""
    return [
        transitions.c.retracted_position.is_(None),
        transitions.c.kind == literal_column("'transition'", TEXT),
    ]


@cache
def records(*, newest_first: bool, include_retracted: bool) -> str:
    """Return the statement for a page of a subject's records."""
    order = columns(transitions, "effective_at" if newest_first else "sequence", "number")
    after = tuple_(number("after"), number("after_number"))
    found = _of_subject()
    if not include_retracted:
        found = found.where(transitions.c.retracted_position.is_(None))
    found = _paged(found, order, after, newest_first=newest_first)
    return for_postgres(found, *STANDING, "after", "after_number", "limit")


@cache
def events_of(*, of_account: bool, newest_first: bool) -> str:
    """Return the statement for a page of a subject's events, in fold order or the reverse."""
    keys = account_events if of_account else events
    rows = rows_of(keys, *REF)
    found = (
        select(*_EVENT)
        .select_from(rows, subjects, *{keys, events})
        .where(*same(keys, rows, *REF), keys.c.position <= number("known_at"), *_sent_for())
    )
    if of_account:
        found = found.where(events.c.position == keys.c.position)
    after = tuple_(number("after_at"), number("after_position"))
    order = columns(keys, "effective_at", "position")
    found = _paged(found, order, after, newest_first=newest_first)
    return for_postgres(found, *REF, "known_at", "after_at", "after_position", "limit")


def _paged(
    found: Select[Any],
    order: list[ColumnElement[Any]],
    after: ColumnElement[Any],
    *,
    newest_first: bool,
) -> Select[Any]:
    key = tuple_(*order)
    found = found.where(key < after if newest_first else key > after).limit(number("limit"))
    return found.order_by(*(one.desc() for one in order) if newest_first else order)


def _sent_for() -> list[ColumnElement[bool]]:
    return [
        subjects.c.bucket == events.c.bucket,
        subjects.c.subject_id == events.c.subject_id,
    ]


# ---------------------------------------------------------------- the log and the feed


def recorded_at() -> str:
    """Return the statement for when the event at a position was recorded."""
    found = select(events.c.recorded_at).where(events.c.position == number("position"))
    return for_postgres(found, "position")


@cache
def log(*, of_type: bool) -> str:
    """Return the statement for a page of the log.

    The page is cut before names are looked up: a planner who joins first reads all that follows.
    """
    found = select(events).where(
        events.c.position > number("after"), events.c.tenant == words("tenant")
    )
    if of_type:
        found = found.where(events.c.type == words("type"))
    page = found.order_by(events.c.position).limit(number("limit")).subquery("page")
    named = select(*(page.c[name] for name in EVENT_COLUMNS), subjects.c.kind, subjects.c.name)
    named = named.where(*(subjects.c[name] == page.c[name] for name in REF))
    names = ("after", "tenant", *(("type",) if of_type else ()), "limit")
    return for_postgres(named.order_by(page.c.position), *names)


def event() -> str:
    """Return the statement for the event at a position."""
    found = select(*_EVENT).select_from(events, subjects)
    found = found.where(events.c.position == number("position"), *_sent_for())
    return for_postgres(found, "position")


def events_with_id() -> str:
    """Return the statement for events by id: every bucket is looked into, by key."""
    rows = rows_of(event_keys, "bucket")
    positions = select(event_keys.c.position).where(
        *same(event_keys, rows, "bucket"), event_keys.c.event_id == words("event_id")
    )
    found = (
        select(*_EVENT)
        .select_from(events, subjects)
        .where(events.c.position.in_(positions), events.c.tenant == words("tenant"), *_sent_for())
    )
    return for_postgres(found.order_by(events.c.position), "bucket", "event_id", "tenant")


def feed_page() -> str:
    """Return the statement for a page of the feed: its own columns, then the record's.

    It is cut before records are looked up, as a page of the log is.
    """
    found = select(feed).where(feed.c.position > number("after"), feed.c.tenant == words("tenant"))
    page = found.order_by(feed.c.position).limit(number("limit")).subquery("page")
    same = (transitions.c[name] == page.c[name] for name in (*STANDING, "number"))
    recorded = select(*page.c, *_RECORD).where(*same).order_by(page.c.position)
    return for_postgres(recorded, "after", "tenant", "limit")


# ---------------------------------------------------------------- what waits


def parked_of() -> str:
    """Return the statement for a tenant's parked folds, the oldest trouble first."""
    found = (
        select(*parked.c)
        .select_from(parked, generations)
        .where(
            generations.c.generation == parked.c.generation,
            generations.c.tenant == words("tenant"),
        )
    )
    found = found.order_by(*columns(parked, "position", *STANDING)).limit(number("limit"))
    return for_postgres(found, "tenant", "limit")


def parked_count() -> str:
    """Return the statement for how many folds are parked."""
    return for_postgres(select(func.count()).select_from(parked))


def due_of() -> str:
    """Return the statement for a tenant's profiles that are due."""
    found = select(*columns(profiles, *PROFILE_COLUMNS)).where(
        profiles.c.due_at.is_not(None),
        profiles.c.due_at <= number("now"),
        profiles.c.tenant == words("tenant"),
    )
    return for_postgres(found.order_by(*columns(profiles, "due_at", *REF)), "now", "tenant")


def due_count() -> str:
    """Return the statement for how many profiles are due, up to a limit, and since when."""
    found = select(profiles.c.due_at).where(
        profiles.c.due_at.is_not(None), profiles.c.due_at <= number("now")
    )
    first = found.order_by(profiles.c.due_at).limit(number("limit")).subquery()
    return for_postgres(select(func.count(), func.min(first.c.due_at)), "now", "limit")


def roots_since() -> str:
    """Return the statement for the canonical subjects of events behind a position."""
    found = select(subjects.c.root_bucket, subjects.c.root_id).distinct()
    found = found.select_from(events, subjects).where(
        events.c.position > number("after"), events.c.tenant == words("tenant"), *_sent_for()
    )
    return for_postgres(found, "after", "tenant")


def accounts_since() -> str:
    """Return the statement for the accounts named by events behind a position."""
    found = select(events.c.account_id).distinct()
    found = found.where(
        events.c.position > number("after"),
        events.c.tenant == words("tenant"),
        events.c.account_id.is_not(None),
    )
    return for_postgres(found, "after", "tenant")


# ---------------------------------------------------------------- condition


def revision() -> str:
    """Return the statement for the migration that the schema is at."""
    return for_postgres(select(column("version_num")).select_from(table("alembic_version")))


def size() -> str:
    """Return the statement for the bytes on disk."""
    return for_postgres(select(func.pg_database_size(func.current_database())))


def setting() -> str:
    """Return the statement for a setting of the server."""
    return for_postgres(select(func.current_setting(words("name"))), "name")


def stage_matrix() -> str:
    """Return the statement for stages before and after, and how many subjects have both."""
    return for_postgres(diffs.matrix(), *diffs.MATRIX_BOUND)


def stage_changes() -> str:
    """Return the statement for subjects that stand elsewhere by another generation."""
    return for_postgres(diffs.changes(), *diffs.CHANGES_BOUND)
