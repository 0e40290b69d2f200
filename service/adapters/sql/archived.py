"""Which tables a portable copy holds, and in which order they come back.

What is derived stays behind: it is told again. So does what only speaks of a running process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Integer,
    LargeBinary,
    Select,
    Table,
    and_,
    case,
    func,
    literal_column,
    select,
)

from projections.asking import Ref
from projections.rows.changes import Row
from projections.safekeeping.restoring import Cluster
from projections.subjects.profiles import identity_of
from service.adapters.sql import (
    access,
    consumed,
    erased,
    hooked,
    imports,
    published,
    rebuilds,
    refused,
    sealed,
    stays,
    tables,
    trials,
    waiting,
)

KEPT: tuple[Table, ...] = (
    access.tenants,
    tables.api_keys,
    access.event_schemas,
    access.audit_log,
    access.usage,
    refused.rejected_events,
    consumed.consumed_offsets,
    published.published_feeds,
    *hooked.ALL,
    tables.model_versions,
    tables.generations,
    rebuilds.rebuilds,
    rebuilds.built_ranges,
    tables.events,
    tables.event_keys,
    tables.account_events,
    tables.event_types,
    waiting.backlog,
    waiting.former_roots,
    tables.transitions,
    tables.feed,
    sealed.seals,
    sealed.salts,
    erased.erasures,
    erased.erased_events,
    erased.erased_keys,
    erased.erased_buckets,
    tables.subjects,
)
"""Subjects come last: as soon as a cluster is there, everything to fold it from is."""

SECRET = (tables.api_keys, hooked.endpoints, hooked.keys)
"""Left out where the copy is to open nothing."""

DERIVED = (
    tables.profiles,
    tables.stages,
    tables.stage_counts,
    stays.stay_counts,
    tables.snapshots,
    tables.parked,
)
PASSING = (
    access.kept_answers,
    imports.imports,
    trials.backtests,
    trials.backtest_changes,
    erased.erasing,
    erased.unfinished,
)

FOLDED = ("canonical", "folded_bucket", "folded_id")
"""Columns of subjects in copies only: 1 for one whom the projections know, and who it is to them.

That is another one than in the log where a batch that joins or parts them still waits.
"""


@dataclass(frozen=True, slots=True)
class Section:
    """One table of a copy: its columns in order, and which of them hold bytes."""

    name: str
    columns: tuple[str, ...]
    octets: frozenset[str]


def sections(*, secrets: bool) -> list[Section]:
    """Return the tables of a copy, with the keys that open something or without."""
    return [_section(table) for table in KEPT if secrets or table not in SECRET]


def _section(table: Table) -> Section:
    octets = {str(column.name) for column in table.c if isinstance(column.type, LargeBinary)}
    more = FOLDED if table is tables.subjects else ()
    columns = (*map(str, table.c.keys()), *more)
    return Section(str(table.name), columns, frozenset(octets))


def table_of(name: str) -> Table:
    """Return the table of a section."""
    return next(table for table in KEPT if table.name == name)


def rows_of(name: str) -> Select[tuple[object, ...]]:
    """Return the selection of a section's rows, those of one cluster beside one another."""
    table = table_of(name)
    if table is not tables.subjects:
        return select(table).order_by(*table.primary_key.columns)
    subjects, profiles = tables.subjects, tables.profiles
    same = (profiles.c[key] == subjects.c[key] for key in ("bucket", "subject_id"))
    is_known = profiles.c.bucket.is_not(None)
    one: ColumnElement[int] = literal_column("1", Integer)
    nothing: ColumnElement[int] = literal_column("0", Integer)
    former = waiting.former_roots
    before = (former.c[key] == subjects.c[key] for key in ("bucket", "subject_id"))
    folded = [func.coalesce(former.c[n], subjects.c[n]) for n in ("root_bucket", "root_id")]
    found = select(subjects, case((is_known, one), else_=nothing), *folded)
    joined = subjects.outerjoin(profiles, and_(*same)).outerjoin(former, and_(*before))
    order = (*folded, subjects.c.bucket, subjects.c.subject_id)
    return found.select_from(joined).order_by(*order)


class Clusters:
    """Subjects gathered into clusters as their rows go by."""

    def __init__(self) -> None:
        self._waiting: list[Row] = []

    def take(self, rows: Sequence[Row]) -> list[Cluster]:
        """Return the clusters that are known to be whole once *rows* have followed."""
        rows = [*self._waiting, *rows]
        last = _root(rows[-1]) if rows else None
        self._waiting = [row for row in rows if _root(row) == last]
        return list(_clusters([row for row in rows if _root(row) != last]))

    def rest(self) -> list[Cluster]:
        """Return what waits, now that nothing follows."""
        waiting, self._waiting = self._waiting, []
        return list(_clusters(waiting))


def _root(row: Row) -> Ref:
    return (row[-2], row[-1])


def _clusters(rows: Sequence[Row]) -> Iterator[Cluster]:
    """Yield the clusters of which something is known."""
    members: dict[Ref, list[Ref]] = {}
    for row in rows:
        members.setdefault(_root(row), []).append((row[0], row[1]))
    for row in rows:
        ref = (row[0], row[1])
        if row[-3] and ref in members:
            yield Cluster(identity_of(row[: -len(FOLDED)]), tuple(members[ref]))
