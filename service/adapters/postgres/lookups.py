"""What scripts ask of PostgreSQL: one statement per question, however long the list in it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    TableValuedAlias,
    case,
    func,
    literal_column,
    select,
    tuple_,
)

from projections.events.history import HISTORY_COLUMNS
from projections.rows.records import RECORD_COLUMNS
from projections.subjects.profiles import NAME_COLUMNS, PROFILE_COLUMNS
from service.adapters.postgres import wall
from service.adapters.postgres.compiled import (
    TEXT,
    WHOLE,
    columns,
    for_postgres,
    listed,
    number,
    rows_of,
    same,
    words,
)
from service.adapters.postgres.tables import catalogue_changes, turns
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

REF = ("bucket", "subject_id")
STANDING = ("bucket", "generation", "subject_id")
KEY = ("bucket", "event_id", "subject_id", "source")
_NAME = ("bucket", "tenant", "kind", "name")

_CONTENT = RECORD_COLUMNS[RECORD_COLUMNS.index("kind") : RECORD_COLUMNS.index("recorded_at")]


def turn() -> str:
    """Return the statement that begins a turn: its number, then where the log and feed end."""
    position, recorded_at = _newest()
    ends = (position, recorded_at, _feed_end(), first_waiting(), _newest_erasure())
    return for_postgres(select(turns.next_value(), *ends))


def head() -> str:
    """Return the statement for where everything ends, and how often the catalogue has changed."""
    return for_postgres(select(*_ends()))


def head_behind() -> str:
    """Return the same, which then goes behind the wall: binds tenant and role."""
    return for_postgres(select(*_ends(), *wall.behind()), "tenant", "role")


def _ends() -> list[ColumnElement[Any]]:
    changes = select(catalogue_changes.c.count).scalar_subquery()
    return [*_newest(), _feed_end(), first_waiting(), _newest_erasure(), changes]


def _newest() -> list[ColumnElement[Any]]:
    found = select(events).order_by(events.c.position.desc()).limit(literal_column("1", WHOLE))
    return [
        found.with_only_columns(one).scalar_subquery()
        for one in (events.c.position, events.c.recorded_at)
    ]


def first_waiting() -> ColumnElement[int | None]:
    """Return the first position that waits to be folded."""
    found = select(backlog.c.first).order_by(backlog.c.first)
    return found.limit(literal_column("1", WHOLE)).scalar_subquery()


def _newest_erasure() -> ColumnElement[int | None]:
    found = select(erasures.c.position).order_by(erasures.c.position.desc())
    return found.limit(literal_column("1", WHOLE)).scalar_subquery()


def _feed_end() -> ColumnElement[int | None]:
    found = select(feed.c.position).order_by(feed.c.position.desc())
    return found.limit(literal_column("1", WHOLE)).scalar_subquery()


def identities() -> str:
    """Return the statement for subjects by bucket, tenant, kind and name."""
    return for_postgres(_found_by(subjects, NAME_COLUMNS, _NAME), *_NAME)


def identities_of() -> str:
    """Return the statement for subjects by bucket and number."""
    return for_postgres(_found_by(subjects, NAME_COLUMNS, REF), *REF)


def profiles_by_name() -> str:
    """Return the statement for names, each followed by the profile that it belongs to."""
    return _by_name()


def glance() -> str:
    """Return the same with `head` before it: both of one moment, by one statement."""
    return _by_name(*_ends())


def _by_name(*before: ColumnElement[Any]) -> str:
    rows = rows_of(subjects, *_NAME)
    found = select(*before, *columns(subjects, *_NAME[1:]), *columns(profiles, *PROFILE_COLUMNS))
    return for_postgres(
        found.select_from(rows, subjects, profiles).where(
            *same(subjects, rows, *_NAME),
            profiles.c.bucket == subjects.c.root_bucket,
            profiles.c.subject_id == subjects.c.root_id,
        ),
        *_NAME,
    )


def profiles_of() -> str:
    """Return the statement for profiles by bucket and number."""
    return for_postgres(_found_by(profiles, PROFILE_COLUMNS, REF), *REF)


def snapshots_of() -> str:
    """Return the statement for snapshots by bucket and number."""
    return for_postgres(_found_by(snapshots, tuple(snapshots.c.keys()), REF), *REF)


def keys_taken() -> str:
    """Return the statement for event keys by all four parts."""
    return for_postgres(_found_by(event_keys, (*KEY, "position", "content"), KEY), *KEY)


def payloads() -> str:
    """Return the statement for payloads by position."""
    return for_postgres(_found_by(events, ("position", "payload"), ("position",)), "position")


def _found_by(table: Table, names: tuple[str, ...], key: tuple[str, ...]) -> Select[Any]:
    rows = rows_of(table, *key)
    return select(*columns(table, *names)).select_from(rows, table).where(*same(table, rows, *key))


# ---------------------------------------------------------------- histories

_WINDOW = (*REF, "after_at", "after_position", "known_at")


def histories() -> str:
    """Return the statement for the events of subjects, each behind its own fold key."""
    rows = listed(dict.fromkeys(_WINDOW, WHOLE))
    found = history(rows, events, subjects).where(
        *same(subjects, rows, *REF),
        events.c.bucket == subjects.c.bucket,
        events.c.subject_id == subjects.c.subject_id,
        *_window(rows, events),
    )
    return for_postgres(found.add_columns(*columns(events, *REF)), *_WINDOW)


def account_histories() -> str:
    """Return the statement for the events of accounts, each behind its own fold key."""
    rows = listed(dict.fromkeys(_WINDOW, WHOLE))
    found = history(rows, account_events, events, subjects).where(
        *same(account_events, rows, *REF),
        *_window(rows, account_events),
        events.c.position == account_events.c.position,
        subjects.c.bucket == events.c.bucket,
        subjects.c.subject_id == events.c.subject_id,
    )
    return for_postgres(found.add_columns(*columns(account_events, *REF)), *_WINDOW)


def history(*sources: Table | TableValuedAlias) -> Select[Any]:
    """Return a selection of `HISTORY_COLUMNS` from events and the subjects they were sent for."""
    is_unknown = subjects.c.kind == literal_column("'anonymous'", TEXT)
    customer = case(
        (is_unknown, literal_column("'anon:'", TEXT).concat(subjects.c.name)),
        else_=subjects.c.name,
    )
    return select(
        *(customer if name == "customer_id" else events.c[name] for name in HISTORY_COLUMNS)
    ).select_from(*sources)


def _window(rows: TableValuedAlias, table: Table) -> list[ColumnElement[bool]]:
    """Return the conditions behind a fold key and up to a position, both part of the row."""
    after = tuple_(rows.c.after_at, rows.c.after_position)
    return [
        tuple_(table.c.effective_at, table.c.position) > after,
        table.c.position <= rows.c.known_at,
    ]


# ---------------------------------------------------------------- records and what waits


def records() -> str:
    """Return the statement for records that hold, by bucket, generation and subject."""
    found = _found_by(transitions, (*STANDING, "number", *_CONTENT), STANDING)
    found = found.where(transitions.c.retracted_position.is_(None))
    return for_postgres(found.order_by(*columns(transitions, *STANDING, "number")), *STANDING)


def places() -> str:
    """Return the statement for stages as lists show them, by bucket, generation and subject."""
    found = _found_by(stages, (*STANDING, "stage", "entered_at"), STANDING)
    return for_postgres(found, *STANDING)


def numbers() -> str:
    """Return the statement for the greatest record number, by bucket, generation and subject."""
    found = _found_by(transitions, STANDING, STANDING)
    found = found.add_columns(func.max(transitions.c.number))
    return for_postgres(found.group_by(*columns(transitions, *STANDING)), *STANDING)


def due() -> str:
    """Return the statement for profiles that are due, the earliest first."""
    found = select(*columns(profiles, *PROFILE_COLUMNS)).where(
        profiles.c.due_at.is_not(None), profiles.c.due_at <= number("now")
    )
    found = found.order_by(*columns(profiles, "due_at", *REF))
    return for_postgres(found.limit(number("limit")), "now", "limit")


def parked_due() -> str:
    """Return the statement for parked folds that are to be tried."""
    found = select(*columns(parked, *REF, "generation", "attempts"))
    found = found.where(parked.c.next_try_at <= number("now"))
    found = found.order_by(*columns(parked, "next_try_at", *STANDING))
    return for_postgres(found.limit(number("limit")), "now", "limit")


# ---------------------------------------------------------------- buckets


def bucket_loads() -> str:
    """Return the statement for events per bucket, in order of bucket, of some buckets."""
    load = func.sum(profiles.c.events).cast(WHOLE)
    found = select(profiles.c.bucket, load).where(profiles.c.bucket >= number("first"))
    found = found.where(*_of_kind()).group_by(profiles.c.bucket).order_by(profiles.c.bucket)
    names = ("first", "tenant", "is_account", "limit")
    return for_postgres(found.limit(number("limit")), *names)


def every_load() -> str:
    """Return the statement for events and subjects per bucket, in order, of a range."""
    events_in = func.sum(profiles.c.events).cast(WHOLE)
    found = select(profiles.c.bucket, events_in, func.count()).where(*in_range())
    found = found.group_by(profiles.c.bucket).order_by(profiles.c.bucket)
    return for_postgres(found, "first", "end", "tenant", "is_account")


def profiles_in() -> str:
    """Return the statement for the profiles of some buckets."""
    found = select(*columns(profiles, *PROFILE_COLUMNS)).where(*in_range())
    found = found.order_by(*columns(profiles, *REF))
    return for_postgres(found, "first", "end", "tenant", "is_account")


def in_range() -> list[ColumnElement[bool]]:
    """Return the conditions that a profile is of a kind and in some buckets."""
    in_buckets = (profiles.c.bucket >= number("first"), profiles.c.bucket < number("end"))
    return [*in_buckets, *_of_kind()]


def _of_kind() -> list[ColumnElement[bool]]:
    is_account = case(
        (profiles.c.kind == literal_column("'account'", TEXT), literal_column("1", WHOLE)),
        else_=literal_column("0", WHOLE),
    )
    return [profiles.c.tenant == words("tenant"), is_account == number("is_account")]
