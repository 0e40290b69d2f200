"""What people ask of SQLite, through a connection lent for one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from domain.buckets import BUCKETS, bucket_of
from projections.asking import Ref
from projections.events.history import LoggedEvent
from projections.events.log import SubjectKey
from projections.models.catalogue import ApiKey, Generation, ModelVersion
from projections.reading.answers import CustomerQuery, EventTypeCount
from projections.reading.boards import Moment, Span
from projections.reading.health import Finding
from projections.reading.lists import Listed
from projections.rebuilding.diffs import Matrix, Restaged, Sides
from projections.registers.register import AskEntries, AskFirsts
from projections.rows.changes import Row
from projections.rows.questions import AskBucketLoads, AskProfilesIn, Head, HistoryOf
from projections.rows.records import Latest, RecordRow, stay_of
from projections.safekeeping.seals import Seal
from projections.subjects.profiles import (
    PROFILE_COLUMNS,
    Identity,
    Profile,
    ProfileRow,
    identity_of,
    profile_of,
)
from service.adapters.sql.diffs import restaged
from service.adapters.sql.small import key_of
from service.adapters.sql.tables import feed
from service.adapters.sqlite import boards, lookups, sealed, views, waiting
from service.adapters.sqlite.inspection import inspect
from service.adapters.sqlite.listing import listing
from service.adapters.sqlite.rebuilds import change_count, read_generations
from service.adapters.sqlite.registers import read_entries, read_firsts
from service.adapters.sqlite.rows import (
    ALWAYS,
    ask,
    bucket_loads,
    head,
    histories,
    identities_of,
    profiles_in,
    profiles_of,
    records_of,
    standings_of,
)
from service.adapters.sqlite.small import read_versions
from service.adapters.sqlite.statements import statement

FAR = 1 << 62
_FEED_WIDTH = len(feed.c)
_EVERY_BUCKET = json.dumps(list(range(BUCKETS)))
_TENANT = PROFILE_COLUMNS.index("tenant")


class SqliteReadings:
    """Reads through *connection*, inside its transaction."""

    kind: Literal["memory", "sqlite", "postgresql"] = "sqlite"

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        """Read the database at *path*."""
        self._connection = connection
        self._path = path

    def change_count(self) -> int:
        """Return how often models and generations have changed."""
        return change_count(self._connection)

    def _rows(self, write: Callable[[], str], *bound: object) -> list[Row]:
        return self._connection.execute(statement(write), bound).fetchall()

    def _row(self, write: Callable[[], str], *bound: object) -> Row | None:
        row: Row | None = self._connection.execute(statement(write), bound).fetchone()
        return row

    def head(self) -> Head:
        return head(self._connection)

    def position_at(self, instant: int) -> int:
        low, high = 0, self.head().position
        while low < high:  # recorded_at never runs backwards, so the place is found by halving
            middle = (low + high + 1) // 2
            row = self._row(views.recorded_at, middle)
            if row is not None and row[0] <= instant:
                low = middle
            else:
                high = middle - 1
        return low

    def generations(self) -> list[Generation]:
        return read_generations(self._connection)

    def versions(self) -> list[ModelVersion]:
        return read_versions(self._connection)

    def keys(self) -> list[ApiKey]:
        return [key_of(row) for row in self._rows(views.all_keys)]

    def key(self, key_id: str) -> ApiKey | None:
        row = self._row(views.one_key, key_id)
        return None if row is None else key_of(row)

    def firsts(self, asked: AskFirsts) -> list[Row]:
        return read_firsts(self._connection, asked)

    def entries(self, asked: AskEntries) -> list[Row]:
        return read_entries(self._connection, asked)

    def identity(self, tenant: str, key: SubjectKey) -> Identity | None:
        row = self._row(views.identity, bucket_of(tenant, key.id), tenant, key.kind, key.id)
        return None if row is None else identity_of(row)

    def identities(self, refs: Sequence[Ref]) -> list[Identity]:
        return identities_of(self._connection, refs)

    def waiting_since(self) -> int | None:
        return waiting.waiting_since(self._connection)

    def has_history_since(self, instant: int) -> bool:
        return waiting.has_history(self._connection, self.head().position, instant)

    def former_root(self, ref: Ref) -> Ref | None:
        return waiting.former_root(self._connection, ref)

    def profiles(self, refs: Sequence[Ref]) -> list[Profile]:
        if len(refs) == 1:
            return [profile_of(row) for row in self._rows(views.profile, *refs[0])]
        return profiles_of(self._connection, refs)

    def profile_row(self, tenant: str, key: SubjectKey) -> ProfileRow | None:
        bucket = bucket_of(tenant, key.id)
        return self._row(lookups.profile_by_name, bucket, tenant, key.kind, key.id)

    def histories(self, requests: Sequence[HistoryOf]) -> Mapping[Ref, list[LoggedEvent]]:
        return histories(self._connection, requests)

    def bucket_loads(self, asked: AskBucketLoads) -> list[tuple[int, int]]:
        return bucket_loads(self._connection, asked)

    def profiles_in(self, asked: AskProfilesIn) -> list[Profile]:
        return profiles_in(self._connection, asked)

    # ------------------------------------------------------------ records

    def latest(self, generation: int, ref: Ref) -> Latest | None:
        row = self._row(views.latest, ref[0], generation, ref[1])
        return None if row is None else Latest(*row)

    def stay(self, generation: int, ref: Ref, as_of: int) -> tuple[str, int] | None:
        row = self._row(views.stay, ref[0], generation, ref[1], as_of)
        return None if row is None else stay_of(row)

    def records(
        self,
        generation: int,
        ref: Ref,
        *,
        order: Literal["sequence", "newest"],
        after: tuple[int, int] | None,
        limit: int,
        include_retracted: bool,
    ) -> list[Row]:
        is_newest = order == "newest"
        sql = views.records(newest_first=is_newest, include_retracted=include_retracted)
        behind = after or ((FAR, FAR) if is_newest else (-1, -1))
        bound = (ref[0], generation, ref[1], *behind, limit)
        return self._connection.execute(sql, bound).fetchall()

    def held_records(
        self, generations: Sequence[int], refs: Sequence[Ref]
    ) -> Mapping[tuple[int, Ref], list[RecordRow]]:
        return records_of(self._connection, generations, refs)

    def places(
        self, generations: Sequence[int], refs: Sequence[Ref]
    ) -> Mapping[tuple[int, Ref], tuple[str, int]]:
        rows = ask(self._connection, lookups.places, standings_of(generations, refs))
        return {(row[1], (row[0], row[2])): (row[3], row[4]) for row in rows}

    # ------------------------------------------------------------ seals

    def seals_behind(self, position: int, limit: int) -> list[Seal]:
        return sealed.seals(self._connection, sealed.seals_behind, position, limit)

    def seals_before(self, position: int, limit: int) -> list[Seal]:
        return sealed.seals(self._connection, sealed.seals_before, position, limit)

    def sealable(self, after: int, end: int, limit: int) -> list[Row]:
        return sealed.sealable(self._connection, after, end, limit)

    # ------------------------------------------------------------ the log and the feed

    def events_of(
        self,
        request: HistoryOf,
        *,
        after: tuple[int, int] | None,
        limit: int,
        newest_first: bool,
    ) -> list[Row]:
        sql = views.events_of(of_account=request.is_account, newest_first=newest_first)
        behind = after or ((FAR, FAR) if newest_first else (-1, -1))
        known_at = ALWAYS if request.known_at is None else request.known_at
        bound = (lookups.as_rows(request.members), *behind, known_at, limit)
        return self._connection.execute(sql, bound).fetchall()

    def log(self, tenant: str, *, after: int, limit: int, event_type: str | None) -> list[Row]:
        of_type = () if event_type is None else (event_type,)
        sql = views.log(of_type=event_type is not None)
        return self._connection.execute(sql, (after, tenant, *of_type, limit)).fetchall()

    def event(self, position: int) -> Row | None:
        return self._row(views.event, position)

    def events_with_id(self, tenant: str, event_id: str) -> list[Row]:
        return self._rows(views.events_with_id, _EVERY_BUCKET, event_id, tenant)

    def feed(self, tenant: str, *, after: int, limit: int) -> list[tuple[Row, Row]]:
        rows = self._rows(views.feed_page, after, tenant, limit)
        return [(row[:_FEED_WIDTH], row[_FEED_WIDTH:]) for row in rows]

    def event_types(self, tenant: str) -> list[EventTypeCount]:
        return [EventTypeCount(*row) for row in self._rows(views.types_seen, tenant)]

    # ------------------------------------------------------------ what waits

    def parked(self, tenant: str, limit: int) -> list[Row]:
        return self._rows(views.parked_of, tenant, limit)

    def parked_count(self) -> int:
        row = self._row(views.parked_count)
        return row[0] if row else 0

    def due(self, tenant: str | None, instant: int, limit: int | None) -> list[Profile]:
        rows = self._rows(lookups.due, instant, FAR if limit is None else limit)
        return [profile_of(row) for row in rows if tenant in (None, row[_TENANT])]

    def due_count(self, instant: int, limit: int) -> tuple[int, int | None]:
        row = self._row(views.due_count, instant, limit)
        return (row[0], row[1]) if row else (0, None)

    def touched_since(self, tenant: str, position: int) -> list[Ref]:
        roots: set[Ref] = {
            (row[0], row[1]) for row in self._rows(views.roots_since, position, tenant)
        }
        names = [row[0] for row in self._rows(views.accounts_since, position, tenant)]
        keys = [(bucket_of(tenant, name), tenant, "account", name) for name in names]
        accounts = ask(self._connection, lookups.identities, keys)
        return sorted(roots | {(row[0], row[1]) for row in accounts})

    # ------------------------------------------------------------ boards and lists

    def open_days(self, moment: Moment) -> Iterable[tuple[str, int, int]]:
        return boards.read_days(self._connection, moment)

    def entered(self, moment: Moment, spans: Sequence[Span]) -> Iterable[tuple[str, Sequence[int]]]:
        return boards.read_entered(self._connection, moment, spans)

    def customers(
        self, query: CustomerQuery, generation: int | None, without: Sequence[Ref]
    ) -> list[Listed]:
        sql, bound = listing(query, generation, lookups.as_rows(without))
        rows = self._connection.execute(sql, bound)
        return [Listed((bucket, number), *line) for bucket, number, *line in rows]

    def stage_matrix(self, sides: Sides) -> Matrix:
        bound = (sides.old, sides.new, sides.tenant, int(sides.is_account))
        return [(old, new, count) for old, new, count in self._rows(views.stage_matrix, *bound)]

    def stage_changes(self, sides: Sides, after: Ref, limit: int) -> list[tuple[Ref, Restaged]]:
        bound = (sides.old, sides.new, sides.tenant, int(sides.is_account), *after, limit)
        return [restaged(row) for row in self._rows(views.stage_changes, *bound)]

    # ------------------------------------------------------------ condition

    def place(self) -> str:
        return str(self._path)

    def revision(self) -> str:
        row = self._connection.execute(views.REVISION).fetchone()
        return str(row[0])

    def size_bytes(self) -> int:
        files = (self._path, self._path.with_name(f"{self._path.name}-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def details(self) -> Mapping[str, str]:
        return {"sqlite": sqlite3.sqlite_version, "durability": "synchronous=FULL"}

    def inspect(self, *, thorough: bool) -> list[Finding]:
        return inspect(self._connection, thorough=thorough)


def _ends(until: int | None) -> tuple[int, ...]:
    return () if until is None else (until, until)
