"""What scripts write to SQLite: one statement per kind of row, run for the whole batch at once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Table, and_, bindparam, delete, func, insert, tuple_, update
from sqlalchemy.dialects import sqlite

from projections.rows.changes import EVENT_COLUMNS
from projections.rows.records import RECORD_COLUMNS, RETRACTION_COLUMNS
from projections.subjects.profiles import (
    DATED_COLUMNS,
    NAME_COLUMNS,
    PROFILE_COLUMNS,
    TOUCHED_COLUMNS,
)
from service.adapters.sql.compiled import for_sqlite
from service.adapters.sql.sealed import salts, seals
from service.adapters.sql.stays import stay_counts
from service.adapters.sql.tables import (
    account_events,
    api_keys,
    event_keys,
    event_types,
    events,
    feed,
    model_versions,
    parked,
    profiles,
    snapshots,
    stage_counts,
    stages,
    subjects,
    transitions,
)

_REF = ("bucket", "subject_id")
_STANDING = ("bucket", "generation", "subject_id")


def add_events() -> str:
    """Return the statement that appends events."""
    return _insert(events, *EVENT_COLUMNS)


def add_keys() -> str:
    """Return the statement that takes event keys."""
    return _insert(event_keys)


def add_links() -> str:
    """Return the statement that gives events to accounts."""
    return _insert(account_events)


def add_names() -> str:
    """Return the statement that adds subjects."""
    return _insert(subjects, *NAME_COLUMNS)


def rejoin() -> str:
    """Return the statement that changes whom subjects belong to."""
    return _update(subjects, NAME_COLUMNS[5:], _REF)


def count_types() -> str:
    """Return the statement that counts event types."""
    adding = sqlite.insert(event_types)
    new = adding.excluded
    adding = adding.on_conflict_do_update(
        index_elements=["tenant", "type"],
        set_={
            "count": event_types.c.count + new.count,
            "first_at": func.min(event_types.c.first_at, new.first_at),
            "last_at": func.max(event_types.c.last_at, new.last_at),
        },
    )
    return for_sqlite(adding, *event_types.c.keys())


def put_profiles() -> str:
    """Return the statement that writes whole profiles."""
    return _upsert(profiles, *PROFILE_COLUMNS, lasting=("tenant", "kind", "name"))


def touch_profiles() -> str:
    """Return the statement that writes what every event changes; it touches no index."""
    return _update(profiles, TOUCHED_COLUMNS, _REF)


def date_profiles() -> str:
    """Return the statement that writes the same for the first event of a day."""
    return _update(profiles, DATED_COLUMNS, _REF)


def stand_profiles() -> str:
    """Return the statement that writes what a rebuild changes of profiles."""
    return _update(profiles, ("due_at", "settled_at", "states"), _REF)


def lose_profiles() -> str:
    """Return the statement that removes profiles."""
    return _delete(profiles, _REF)


def put_stages() -> str:
    """Return the statement that writes where subjects stand."""
    return _upsert(stages)


def lose_stages() -> str:
    """Return the statement that removes where subjects stood."""
    return _delete(stages, _STANDING)


def add_records() -> str:
    """Return the statement that asserts records."""
    return _insert(transitions, *RECORD_COLUMNS)


def retract_records() -> str:
    """Return the statement that retracts records."""
    return _update(transitions, RETRACTION_COLUMNS, (*_STANDING, "number"))


def add_feed() -> str:
    """Return the statement that appends to the feed."""
    return _insert(feed)


def put_snapshots() -> str:
    """Return the statement that writes snapshots into their slots."""
    return _upsert(snapshots)


def lose_snapshots() -> str:
    """Return the statement that removes a subject's snapshots from a fold key on."""
    key = tuple_(snapshots.c.effective_at, snapshots.c.position)
    first = tuple_(bindparam("first_at"), bindparam("first_position"))
    losing = delete(snapshots).where(_same(snapshots, _REF), key >= first)
    return for_sqlite(losing, "key_bucket", "key_subject_id", "first_at", "first_position")


def count_stages() -> str:
    """Return the statement that adds to counts by stage and day of entry."""
    return _count(stage_counts)


def count_stays() -> str:
    """Return the statement that adds to counts of stays that have ended."""
    return _count(stay_counts)


def park() -> str:
    """Return the statement that parks folds."""
    return _upsert(parked)


def unpark() -> str:
    """Return the statement that takes folds out of the park."""
    return _delete(parked, _STANDING)


def put_version() -> str:
    """Return the statement that writes a model version."""
    return _upsert(model_versions)


def put_key() -> str:
    """Return the statement that writes an API key."""
    return _upsert(api_keys)


def add_salts() -> str:
    """Return the statement that gives salts to those that have none."""
    return _upsert(salts, lasting=("salt",))


def add_seal() -> str:
    """Return the statement that writes a seal."""
    return _insert(seals)


# ---------------------------------------------------------------- forms


def _insert(table: Table, *names: str) -> str:
    names = names or tuple(table.c.keys())
    return for_sqlite(insert(table).values({name: bindparam(name) for name in names}), *names)


def _upsert(table: Table, *names: str, lasting: tuple[str, ...] = ()) -> str:
    names = names or tuple(table.c.keys())
    adding = sqlite.insert(table).values({name: bindparam(name) for name in names})
    keys = [column.name for column in table.primary_key.columns]
    lasting = (*keys, *lasting)
    changing = {name: adding.excluded[name] for name in names if name not in lasting}
    if not changing:  # the key is all there is
        return for_sqlite(adding.on_conflict_do_nothing(), *names)
    return for_sqlite(adding.on_conflict_do_update(index_elements=keys, set_=changing), *names)


def _count(table: Table) -> str:
    adding = sqlite.insert(table)
    adding = adding.on_conflict_do_update(
        index_elements=[column.name for column in table.primary_key.columns],
        set_={"count": table.c.count + adding.excluded.count},
    )
    return for_sqlite(adding, *table.c.keys())


def _update(table: Table, names: tuple[str, ...], keys: tuple[str, ...]) -> str:
    values: list[tuple[str, ColumnElement[Any]]] = [(name, bindparam(name)) for name in names]
    changing = update(table).where(_same(table, keys)).ordered_values(*values)
    return for_sqlite(changing, *names, *(f"key_{key}" for key in keys))


def _delete(table: Table, keys: tuple[str, ...]) -> str:
    return for_sqlite(delete(table).where(_same(table, keys)), *(f"key_{key}" for key in keys))


def _same(table: Table, keys: tuple[str, ...]) -> ColumnElement[bool]:
    return and_(*(table.c[key] == bindparam(f"key_{key}") for key in keys))


def insert_into(table: Table) -> str:
    """Return the statement that adds rows to *table*."""
    return _insert(table)


def upsert_into(table: Table) -> str:
    """Return the statement that writes rows of *table*, new or old."""
    return _upsert(table)


def update_of(table: Table, names: tuple[str, ...], keys: tuple[str, ...]) -> str:
    """Return the statement that sets *names* of the rows of *table* with those *keys*."""
    return _update(table, names, keys)


def delete_from(table: Table, keys: tuple[str, ...]) -> str:
    """Return the statement that removes rows of *table* by *keys*."""
    return _delete(table, keys)
