"""What people ask of SQLite, through a connection lent for one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from domain.buckets import BUCKETS, bucket_of
from projections.asking import Ref
from projections.events.history import LoggedEvent
from projections.events.log import SubjectKey
from projections.models.catalogue import Generation, ModelVersion
from projections.reading.answers import CustomerQuery
from projections.reading.boards import Moment, Span
from projections.reading.health import Finding
from projections.reading.lists import Listed
from projections.registers.register import AskEntries, AskFirsts
from projections.rows.changes import Row
from projections.rows.questions import AskBucketLoads, AskProfilesIn, Head, HistoryOf
from projections.rows.records import RecordRow
from projections.safekeeping.seals import Seal
from projections.subjects.profiles import (
    PROFILE_COLUMNS,
    Identity,
    Profile,
    ProfileRow,
    profile_of,
)
from service.adapters.sql.readings import FAR, Lookups, SqlReadings, Views, before_all
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
)
from service.adapters.sqlite.small import read_versions
from service.adapters.sqlite.statements import statement

_TENANT = PROFILE_COLUMNS.index("tenant")


class SqliteReadings(SqlReadings):
    """Reads through *connection*, inside its transaction."""

    kind: Literal["memory", "sqlite", "postgresql"] = "sqlite"
    views: ClassVar[Views] = views
    lookups: ClassVar[Lookups] = lookups
    every_bucket = json.dumps(list(range(BUCKETS)))

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        """Read the database at *path*."""
        self._connection = connection
        self._path = path

    def change_count(self) -> int:
        """Return how often models and generations have changed."""
        return change_count(self._connection)

    def _asked(self, sql: str, *bound: object) -> list[Row]:
        return self._connection.execute(sql, bound).fetchall()

    def _rows(self, write: Callable[[], str], *bound: object) -> list[Row]:
        return self._connection.execute(statement(write), bound).fetchall()

    def _row(self, write: Callable[[], str], *bound: object) -> Row | None:
        row: Row | None = self._connection.execute(statement(write), bound).fetchone()
        return row

    def _listed(self, write: Callable[[], str], rows: Iterable[Sequence[object]]) -> list[Row]:
        return ask(self._connection, write, rows)

    def head(self) -> Head:
        return head(self._connection)

    def generations(self) -> list[Generation]:
        return read_generations(self._connection)

    def versions(self) -> list[ModelVersion]:
        return read_versions(self._connection)

    def firsts(self, asked: AskFirsts) -> list[Row]:
        return read_firsts(self._connection, asked)

    def entries(self, asked: AskEntries) -> list[Row]:
        return read_entries(self._connection, asked)

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

    def held_records(
        self, generations: Sequence[int], refs: Sequence[Ref]
    ) -> Mapping[tuple[int, Ref], list[RecordRow]]:
        return records_of(self._connection, generations, refs)

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
        behind = after or before_all(newest_first=newest_first)
        known_at = ALWAYS if request.known_at is None else request.known_at
        bound = (lookups.as_rows(request.members), *behind, known_at, limit)
        return self._connection.execute(sql, bound).fetchall()

    # ------------------------------------------------------------ what waits

    def due(self, tenant: str | None, instant: int, limit: int | None) -> list[Profile]:
        rows = self._rows(lookups.due, instant, FAR if limit is None else limit)
        return [profile_of(row) for row in rows if tenant in (None, row[_TENANT])]

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
