"""What scripts write to PostgreSQL: one statement per kind of row, for the whole batch at once.

Small batches go in fewer statements still: several kinds of row in one, each a part of its WITH.
The parts see the tables as they were before the statement, so no two of them may meet in a row.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Delete,
    Insert,
    Table,
    Update,
    delete,
    func,
    literal_column,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from projections.rows.changes import EVENT_COLUMNS
from projections.rows.records import RECORD_COLUMNS, RETRACTION_COLUMNS
from projections.subjects.profiles import (
    DATED_COLUMNS,
    NAME_COLUMNS,
    PROFILE_COLUMNS,
    TOUCHED_COLUMNS,
)
from service.adapters.postgres.compiled import (
    WHOLE,
    for_postgres,
    listed,
    plain_type,
    rows_of,
    same,
)
from service.adapters.postgres.lookups import REF, STANDING
from service.adapters.sql.sealed import salts
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

Writing: TypeAlias = tuple[Insert | Update | Delete, tuple[str, ...]]
"""A statement, and what is bound in which order."""

Write: TypeAlias = Callable[[str], Writing]
"""Makes a statement whose parameters begin with a prefix."""


@cache
def text_of(*writes: Write) -> str:
    """Return the statement that does all of *writes*, bound one after another."""
    if len(writes) == 1:
        return for_postgres(*_named("", writes[0]))
    parts = [_named(f"{number}_", write) for number, write in enumerate(writes)]
    ctes = [part.cte(f"part{number}") for number, (part, *_) in enumerate(parts)]
    together = select(literal_column("1", WHOLE)).add_cte(*ctes)
    return for_postgres(together, *(name for _, *names in parts for name in names))


def _named(prefix: str, write: Write) -> tuple[Any, ...]:
    statement, names = write(prefix)
    return (statement, *(f"{prefix}{name}" for name in names))


# ---------------------------------------------------------------- forms


def _add(prefix: str, table: Table, names: tuple[str, ...]) -> Writing:
    rows = select(rows_of(table, *names, prefix=prefix))
    return insert(table).from_select(names, rows), names


def _upsert(
    prefix: str, table: Table, names: tuple[str, ...], lasting: tuple[str, ...] = ()
) -> Writing:
    keys = [column.name for column in table.primary_key.columns]
    lasting = (*keys, *lasting)
    adding = insert(table).from_select(names, select(rows_of(table, *names, prefix=prefix)))
    changing = {name: adding.excluded[name] for name in names if name not in lasting}
    if not changing:  # the key is all there is
        return adding.on_conflict_do_nothing(), names
    return adding.on_conflict_do_update(index_elements=keys, set_=changing), names


def _update(prefix: str, table: Table, names: tuple[str, ...], keys: tuple[str, ...]) -> Writing:
    """Return the statement that sets *names* by *keys*; a row has its key last."""
    rows = listed({name: plain_type(table, name) for name in (*names, *keys)}, prefix)
    values: dict[ColumnElement[Any], Any] = {table.c[name]: rows.c[name] for name in names}
    return update(table).where(*same(table, rows, *keys)).values(values), (*names, *keys)


def _delete(prefix: str, table: Table, keys: tuple[str, ...]) -> Writing:
    rows = rows_of(table, *keys, prefix=prefix)
    return delete(table).where(*same(table, rows, *keys)), keys


def _all_of(table: Table) -> tuple[str, ...]:
    return tuple(table.c.keys())


# ---------------------------------------------------------------- the log


add_events: Write = partial(_add, table=events, names=EVENT_COLUMNS)
add_keys: Write = partial(_add, table=event_keys, names=_all_of(event_keys))
add_links: Write = partial(_add, table=account_events, names=_all_of(account_events))
add_names: Write = partial(_add, table=subjects, names=NAME_COLUMNS)
rejoin: Write = partial(_update, table=subjects, names=NAME_COLUMNS[5:], keys=REF)


def count_types(prefix: str) -> Writing:
    """Return the statement that counts event types."""
    names = _all_of(event_types)
    adding = insert(event_types).from_select(
        names, select(rows_of(event_types, *names, prefix=prefix))
    )
    new = adding.excluded
    counted = adding.on_conflict_do_update(
        index_elements=["tenant", "type"],
        set_={
            "count": event_types.c.count + new.count,
            "first_at": func.least(event_types.c.first_at, new.first_at),
            "last_at": func.greatest(event_types.c.last_at, new.last_at),
        },
    )
    return counted, names


# ---------------------------------------------------------------- projections

put_profiles: Write = partial(
    _upsert, table=profiles, names=PROFILE_COLUMNS, lasting=("tenant", "kind", "name")
)
touch_profiles: Write = partial(_update, table=profiles, names=TOUCHED_COLUMNS, keys=REF)
"""Writes what every event changes; it touches no index."""

date_profiles: Write = partial(_update, table=profiles, names=DATED_COLUMNS, keys=REF)
"""Writes the same for the first event of a day; it touches one."""

merge_standings: Write = partial(
    _update, table=profiles, names=("due_at", "settled_at", "states"), keys=REF
)
"""Writes what a rebuild adds to profiles that nobody has changed since they were read."""

lose_profiles: Write = partial(_delete, table=profiles, keys=REF)
put_stages: Write = partial(_upsert, table=stages, names=_all_of(stages))
lose_stages: Write = partial(_delete, table=stages, keys=STANDING)
add_records: Write = partial(_add, table=transitions, names=RECORD_COLUMNS)
retract_records: Write = partial(
    _update, table=transitions, names=RETRACTION_COLUMNS, keys=(*STANDING, "number")
)
lose_records: Write = partial(_delete, table=transitions, keys=STANDING)
add_feed: Write = partial(_add, table=feed, names=_all_of(feed))
put_snapshots: Write = partial(_upsert, table=snapshots, names=_all_of(snapshots))
park: Write = partial(_upsert, table=parked, names=_all_of(parked))
unpark: Write = partial(_delete, table=parked, keys=STANDING)
put_version: Write = partial(_upsert, table=model_versions, names=_all_of(model_versions))
put_key: Write = partial(_upsert, table=api_keys, names=_all_of(api_keys))
add_salts: Write = partial(_upsert, table=salts, names=_all_of(salts), lasting=("salt",))


def lose_snapshots(prefix: str) -> Writing:
    """Return the statement that removes subjects' snapshots, each from a fold key on."""
    names = (*REF, "first_at", "first_position")
    rows = listed(dict.fromkeys(names, WHOLE), prefix)
    key = tuple_(snapshots.c.effective_at, snapshots.c.position)
    first = tuple_(rows.c.first_at, rows.c.first_position)
    return delete(snapshots).where(*same(snapshots, rows, *REF), key >= first), names


def _count(prefix: str, table: Table) -> Writing:
    names = _all_of(table)
    adding = insert(table).from_select(names, select(rows_of(table, *names, prefix=prefix)))
    counting = adding.on_conflict_do_update(
        index_elements=[column.name for column in table.primary_key.columns],
        set_={"count": table.c.count + adding.excluded.count},
    )
    return counting, names


count_stages: Write = partial(_count, table=stage_counts)
"""Adds to counts by stage and day of entry."""

count_stays: Write = partial(_count, table=stay_counts)
"""Adds to counts of stays that have ended."""


# ---------------------------------------------------------------- any table


def insert_into(table: Table) -> Write:
    """Return what adds rows to *table*."""
    return partial(_add, table=table, names=_all_of(table))


def upsert_into(table: Table) -> Write:
    """Return what writes rows of *table*, new or old."""
    return partial(_upsert, table=table, names=_all_of(table))


def update_of(prefix: str, table: Table, names: tuple[str, ...], keys: tuple[str, ...]) -> Writing:
    """Return the statement that sets *names* of the rows of *table* with those *keys*."""
    return _update(prefix, table, names, keys)


def delete_from(table: Table, keys: tuple[str, ...]) -> Write:
    """Return what removes rows of *table* by *keys*."""
    return partial(_delete, table=table, keys=keys)
