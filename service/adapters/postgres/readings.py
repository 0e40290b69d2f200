"""What people ask of PostgreSQL, through a connection lent for one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Literal

from domain.buckets import BUCKETS
from projections.asking import Ref
from projections.events.history import LoggedEvent
from projections.events.log import SubjectKey
from projections.models.catalogue import Generation, ModelVersion
from projections.reading.answers import CustomerQuery
from projections.reading.boards import Moment, Span
from projections.reading.health import Finding
from projections.reading.lists import Listed, trait_matches
from projections.registers.register import AskEntries, AskFirsts
from projections.rows.changes import Row
from projections.rows.questions import AskBucketLoads, AskProfilesIn, Head, HistoryOf
from projections.rows.records import RecordRow
from projections.safekeeping.seals import Seal
from projections.subjects.profiles import (
    Identity,
    Profile,
    ProfileRow,
    profile_of,
    traits_of,
)
from service.adapters.postgres import asking, boards, lookups, sealed, views, waiting
from service.adapters.postgres.asking import ALWAYS
from service.adapters.postgres.compiled import statement
from service.adapters.postgres.connections import Link
from service.adapters.postgres.inspection import inspect
from service.adapters.postgres.listing import listing
from service.adapters.postgres.rebuilds import read_generations
from service.adapters.postgres.registers import read_entries, read_firsts
from service.adapters.postgres.small import read_versions
from service.adapters.sql.readings import Lookups, SqlReadings, Views, before_all

_SHOWN_SETTINGS = ("server_version", "fsync", "synchronous_commit", "full_page_writes")


class PostgresReadings(SqlReadings):
    """Reads through *link*, inside its transaction."""

    kind: Literal["memory", "sqlite", "postgresql"] = "postgresql"
    views: ClassVar[Views] = views
    lookups: ClassVar[Lookups] = lookups
    every_bucket = tuple(range(BUCKETS))

    def __init__(self, link: Link, place: str, head: Head) -> None:
        """Read the database at *place*, where everything ends at *head*."""
        self.link = link
        self._place = place
        self._head = head

    def _asked(self, sql: str, *bound: object) -> list[Row]:
        return self.link.rows(sql, *bound)

    def _rows(self, write: Callable[[], str], *bound: object) -> list[Row]:
        return self.link.rows(statement(write), *bound)

    def _listed(self, write: Callable[[], str], rows: Iterable[Sequence[object]]) -> list[Row]:
        return self.link.listed(statement(write), rows)

    def head(self) -> Head:
        return self._head

    def generations(self) -> list[Generation]:
        return read_generations(self.link)

    def versions(self) -> list[ModelVersion]:
        return read_versions(self.link)

    def firsts(self, asked: AskFirsts) -> list[Row]:
        return read_firsts(self.link, asked)

    def entries(self, asked: AskEntries) -> list[Row]:
        return read_entries(self.link, asked)

    def identities(self, refs: Sequence[Ref]) -> list[Identity]:
        return asking.identities_of(self.link, refs)

    def waiting_since(self) -> int | None:
        return waiting.waiting_since(self.link)

    def has_history_since(self, instant: int) -> bool:
        return waiting.has_history(self.link, self.head().position, instant)

    def former_root(self, ref: Ref) -> Ref | None:
        return waiting.former_roots_of(self.link, [ref]).get(ref)

    def profiles(self, refs: Sequence[Ref]) -> list[Profile]:
        if len(refs) == 1:
            return [profile_of(row) for row in self._rows(views.profile, *refs[0])]
        return asking.profiles_of(self.link, refs)

    def profile_row(self, tenant: str, key: SubjectKey) -> ProfileRow | None:
        name = (tenant, key.kind, key.id)
        return asking.rows_by_name(self.link, [name]).get(name)

    def histories(self, requests: Sequence[HistoryOf]) -> Mapping[Ref, list[LoggedEvent]]:
        return asking.histories(self.link, requests)

    def bucket_loads(self, asked: AskBucketLoads) -> list[tuple[int, int]]:
        return asking.bucket_loads(self.link, asked)

    def profiles_in(self, asked: AskProfilesIn) -> list[Profile]:
        return asking.profiles_in(self.link, asked)

    # ------------------------------------------------------------ seals

    def seals_behind(self, position: int, limit: int) -> list[Seal]:
        return sealed.seals(self.link, sealed.seals_behind, position, limit)

    def seals_before(self, position: int, limit: int) -> list[Seal]:
        return sealed.seals(self.link, sealed.seals_before, position, limit)

    def sealable(self, after: int, end: int, limit: int) -> list[Row]:
        return sealed.sealable(self.link, after, end, limit)

    # ------------------------------------------------------------ records

    def held_records(
        self, generations: Sequence[int], refs: Sequence[Ref]
    ) -> Mapping[tuple[int, Ref], list[RecordRow]]:
        return asking.records_of(self.link, generations, refs)

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
        members = zip(*request.members, strict=True)
        return self.link.rows(sql, *members, known_at, *behind, limit)

    # ------------------------------------------------------------ what waits

    def due(self, tenant: str | None, instant: int, limit: int | None) -> list[Profile]:
        if tenant is not None:
            rows = self._rows(views.due_of, instant, tenant)[:limit]
        else:
            rows = self._rows(lookups.due, instant, ALWAYS if limit is None else limit)
        return [profile_of(row) for row in rows]

    # ------------------------------------------------------------ boards and lists

    def open_days(self, moment: Moment) -> Iterable[tuple[str, int, int]]:
        return boards.read_days(self.link, moment)

    def entered(self, moment: Moment, spans: Sequence[Span]) -> Iterable[tuple[str, Sequence[int]]]:
        return boards.read_entered(self.link, moment, spans)

    def customers(
        self, query: CustomerQuery, generation: int | None, without: Sequence[Ref]
    ) -> list[Listed]:
        wanted, found = tuple(query.traits.items()), list[Listed]()
        while len(found) <= query.limit:
            limit = query.limit + 1 - len(found)
            sql, bound = listing(query, generation, without, limit)
            page = self.link.rows(sql, *bound)
            for bucket, number, name, kind, value, traits in page:
                line = Listed((bucket, number), name, kind, value)
                query = replace(query, after=line.key())
                if not wanted or trait_matches(traits_of(traits), wanted):
                    found.append(line)
            if len(page) < limit:
                break
        return found

    # ------------------------------------------------------------ condition

    def place(self) -> str:
        return self._place

    def revision(self) -> str:
        row = self._row(views.revision)
        return str(row[0]) if row else ""

    def size_bytes(self) -> int:
        row = self._row(views.size)
        return int(row[0]) if row else 0

    def details(self) -> Mapping[str, str]:
        rows = [(name, self._row(views.setting, name)) for name in _SHOWN_SETTINGS]
        return {name: str(row[0]) for name, row in rows if row}

    def inspect(self, *, thorough: bool) -> list[Finding]:  # noqa: ARG002 -- all is always looked at
        return inspect(self.link)
