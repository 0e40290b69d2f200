"""What scripts write to PostgreSQL: one statement per kind of row, for the whole batch at once."""

from __future__ import annotations

from sqlalchemy import Column, Table, delete, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from projections.records import RETRACTION_COLUMNS
from projections.subjects import NAME_COLUMNS, PROFILE_COLUMNS
from service.adapters.postgres.compiled import (
    WHOLE,
    for_postgres,
    listed,
    plain_type,
    rows_of,
    same,
)
from service.adapters.postgres.lookups import REF, STANDING
from service.adapters.sql.tables import (
    api_keys,
    event_types,
    generations,
    model_versions,
    parked,
    profiles,
    snapshots,
    stage_counts,
    stages,
    subjects,
    transitions,
)

TOUCHED = ("last_at", "last_position", "events", "newest_at", "settled_at", "states")


def add(table: Table, *names: str) -> str:
    """Return the statement that inserts rows of *names*, new ones only."""
    rows = rows_of(table, *names)
    return for_postgres(insert(table).from_select(names, select(rows)), *names)


def rejoin() -> str:
    """Return the statement that changes whom subjects belong to."""
    return _update(subjects, NAME_COLUMNS[5:], REF)


def count_types() -> str:
    """Return the statement that counts event types."""
    names = tuple(event_types.c.keys())
    adding = insert(event_types).from_select(names, select(rows_of(event_types, *names)))
    new = adding.excluded
    adding = adding.on_conflict_do_update(
        index_elements=["tenant", "type"],
        set_={
            "count": event_types.c.count + new.count,
            "first_at": func.least(event_types.c.first_at, new.first_at),
            "last_at": func.greatest(event_types.c.last_at, new.last_at),
        },
    )
    return for_postgres(adding, *names)


def put_profiles() -> str:
    """Return the statement that writes whole profiles."""
    return _upsert(profiles, *PROFILE_COLUMNS, lasting=("tenant", "kind", "name"))


def touch_profiles() -> str:
    """Return the statement that writes what every event changes; it touches no index."""
    return _update(profiles, TOUCHED, REF)


def lose_profiles() -> str:
    """Return the statement that removes profiles."""
    return _delete(profiles, REF)


def put_stages() -> str:
    """Return the statement that writes where subjects stand."""
    return _upsert(stages)


def lose_stages() -> str:
    """Return the statement that removes where subjects stood."""
    return _delete(stages, STANDING)


def retract_records() -> str:
    """Return the statement that retracts records."""
    return _update(transitions, RETRACTION_COLUMNS, (*STANDING, "number"))


def put_snapshots() -> str:
    """Return the statement that writes snapshots into their slots."""
    return _upsert(snapshots)


def lose_snapshots() -> str:
    """Return the statement that removes subjects' snapshots, each from a fold key on."""
    names = (*REF, "first_at", "first_position")
    rows = listed(dict.fromkeys(names, WHOLE))
    key = tuple_(snapshots.c.effective_at, snapshots.c.position)
    first = tuple_(rows.c.first_at, rows.c.first_position)
    return for_postgres(delete(snapshots).where(*same(snapshots, rows, *REF), key >= first), *names)


def count_stages() -> str:
    """Return the statement that adds to counts by stage and day of entry."""
    names = tuple(stage_counts.c.keys())
    adding = insert(stage_counts).from_select(names, select(rows_of(stage_counts, *names)))
    adding = adding.on_conflict_do_update(
        index_elements=["generation", "stage", "day"],
        set_={"count": stage_counts.c.count + adding.excluded.count},
    )
    return for_postgres(adding, *names)


def park() -> str:
    """Return the statement that parks folds."""
    return _upsert(parked)


def unpark() -> str:
    """Return the statement that takes folds out of the park."""
    return _delete(parked, STANDING)


def put_generation() -> str:
    """Return the statement that writes a generation."""
    return _upsert(generations)


def add_version() -> str:
    """Return the statement that adds a model version."""
    return add(model_versions, *model_versions.c.keys())


def put_key() -> str:
    """Return the statement that writes an API key."""
    return _upsert(api_keys)


# ---------------------------------------------------------------- forms


def _upsert(table: Table, *names: str, lasting: tuple[str, ...] = ()) -> str:
    names = names or tuple(table.c.keys())
    keys = [column.name for column in table.primary_key.columns]
    lasting = (*keys, *lasting)
    adding = insert(table).from_select(names, select(rows_of(table, *names)))
    adding = adding.on_conflict_do_update(
        index_elements=keys,
        set_={name: adding.excluded[name] for name in names if name not in lasting},
    )
    return for_postgres(adding, *names)


def _update(table: Table, names: tuple[str, ...], keys: tuple[str, ...]) -> str:
    """Return the statement that sets *names* by *keys*; a row has its key last."""
    rows = listed({name: plain_type(table, name) for name in (*names, *keys)})
    values: dict[Column[object], object] = {table.c[name]: rows.c[name] for name in names}
    changing = update(table).where(*same(table, rows, *keys)).values(values)
    return for_postgres(changing, *names, *keys)


def _delete(table: Table, keys: tuple[str, ...]) -> str:
    rows = rows_of(table, *keys)
    return for_postgres(delete(table).where(*same(table, rows, *keys)), *keys)
