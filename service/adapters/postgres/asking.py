"""Lookups that scripts and readers share."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, TypeAlias

from domain.buckets import bucket_of
from projections.asking import Ref
from projections.events.history import HISTORY_COLUMNS, LoggedEvent, logged
from projections.models.ranges import Load
from projections.rows.changes import Row
from projections.rows.questions import AskBucketLoads, AskProfilesIn, Head, HistoryOf
from projections.rows.records import RecordRow
from projections.subjects.profiles import Identity, Profile, ProfileRow, identity_of, profile_of
from service.adapters.postgres import lookups
from service.adapters.postgres.compiled import statement
from service.adapters.postgres.connections import Link, is_storable
from service.adapters.turns import by_turns

Name: TypeAlias = tuple[str, str, str]
"""Tenant, kind and id of a subject."""

ALWAYS = 1 << 62
"""Later than any position or instant."""
LOADS_AT_ONCE = 64


def head_of(row: Row) -> Head:
    """Return the head that a row holds.

    Position, recorded_at, feed position, first that waits, and the newest erasure.
    """
    position = row[0] or 0
    projected = position if row[3] is None else row[3] - 1
    return Head(position, row[1] or 0, row[2] or 0, projected, row[4] or 0)


def ends(link: Link, *behind: str) -> tuple[Head, int]:
    """Return where everything ends, and how often models or generations have changed.

    With a tenant and a role, what the transaction asks next is asked *behind* the wall.
    """
    row = link.row(statement(lookups.head_behind if behind else lookups.head), *behind)
    assert row is not None  # noqa: S101 -- a SELECT without FROM has one row
    return head_of(row), row[5] or 0


class Glance(NamedTuple):
    """What one statement tells of some subjects, all of one moment.

    Attributes:
        changes: How often models or generations had changed by then.
        rows: Of those whom the names belonged to by the log.
    """

    head: Head
    changes: int
    rows: dict[Name, ProfileRow]


def glance(link: Link, names: Collection[Name]) -> Glance | None:
    """Return what is to be seen of whom *names* name; None where all are strangers."""
    found = link.listed(statement(lookups.glance), _keys_of(names))
    if not found:
        return None
    rows = {(row[6], row[7], row[8]): row[9:] for row in found}
    return Glance(head_of(found[0]), found[0][5] or 0, rows)


def identities_of(link: Link, refs: Sequence[Ref]) -> list[Identity]:
    """Return the subjects that *refs* name."""
    return [identity_of(row) for row in link.listed(statement(lookups.identities_of), refs)]


def rows_by_name(link: Link, names: Collection[Name]) -> dict[Name, ProfileRow]:
    """Return the rows of those that *names* belong to by the log."""
    found = link.listed(statement(lookups.profiles_by_name), _keys_of(names))
    return {(row[0], row[1], row[2]): row[3:] for row in found}


def _keys_of(names: Collection[Name]) -> list[tuple[object, ...]]:
    return [(bucket_of(name[0], name[2]), *name) for name in names if is_storable(name[2])]


def profiles_of(link: Link, refs: Sequence[Ref]) -> list[Profile]:
    """Return the profiles of those of *refs* that are canonical."""
    return [profile_of(row) for row in link.listed(statement(lookups.profiles_of), refs)]


def bucket_loads(link: Link, asked: AskBucketLoads) -> list[tuple[int, int]]:
    """Return loads in order of bucket, read some buckets at a time until the sum is reached."""
    found: list[tuple[int, int]] = []
    total, first, sql = 0, asked.first, statement(lookups.bucket_loads)
    while True:
        page = link.rows(sql, first, asked.tenant, int(asked.is_account), LOADS_AT_ONCE)
        for bucket, load in page:
            found.append((bucket, load))
            total += load
            if total >= asked.limit:
                return found
        if len(page) < LOADS_AT_ONCE:
            return found
        first = found[-1][0] + 1


def every_load(link: Link, asked: AskProfilesIn) -> list[Load]:
    """Return how much there is to fold in each of some buckets, in order."""
    bound = (asked.first, asked.end, asked.tenant, int(asked.is_account))
    return [Load(*row) for row in link.rows(statement(lookups.every_load), *bound)]


def profiles_in(link: Link, asked: AskProfilesIn) -> list[Profile]:
    """Return the profiles of some buckets."""
    bound = (asked.first, asked.end, asked.tenant, int(asked.is_account))
    return [profile_of(row) for row in link.rows(statement(lookups.profiles_in), *bound)]


def histories(link: Link, requests: Sequence[HistoryOf]) -> dict[Ref, list[LoggedEvent]]:
    """Return what is in the log of the subjects that *requests* name."""
    found: dict[Ref, list[LoggedEvent]] = {request.ref: [] for request in requests}
    width = len(HISTORY_COLUMNS)
    for is_account, write in ((False, lookups.histories), (True, lookups.account_histories)):
        owners: dict[Ref, Ref] = {}
        windows = []
        for request in requests:
            if request.is_account is is_account:
                for member in request.members:
                    owners[member] = request.ref
                    windows.append((*member, *_window(request)))
        for row in by_turns(link.listed(statement(write), windows)):
            found[owners[row[width], row[width + 1]]].append(logged(row[:width]))
    return found


def _window(request: HistoryOf) -> tuple[int, int, int]:
    known_at = ALWAYS if request.known_at is None else request.known_at
    return (*(request.after or (-1, 0)), known_at)


def records_of(
    link: Link, generations: Sequence[int], refs: Sequence[Ref]
) -> dict[tuple[int, Ref], list[RecordRow]]:
    """Return the records of subjects that hold, by number."""
    found: dict[tuple[int, Ref], list[RecordRow]] = {}
    for bucket, generation, subject_id, number, *content in link.listed(
        statement(lookups.records), standings_of(generations, refs)
    ):
        record = RecordRow(number, tuple(content))
        found.setdefault((generation, (bucket, subject_id)), []).append(record)
    return found


def standings_of(generations: Sequence[int], refs: Sequence[Ref]) -> list[tuple[int, int, int]]:
    """Return every pair of them as a key: bucket, generation, number."""
    return [
        (bucket, generation, subject_id)
        for bucket, subject_id in refs
        for generation in generations
    ]
