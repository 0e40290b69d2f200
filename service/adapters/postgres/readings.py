"""What people ask of PostgreSQL, through a connection lent for one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from domain.buckets import BUCKETS, bucket_of
from projections.asking import Ref
from projections.events.history import LoggedEvent
from projections.events.log import SubjectKey
from projections.models.catalogue import ApiKey, Generation, ModelVersion
from projections.reading.answers import CustomerQuery, EventTypeCount
from projections.reading.boards import Moment, Span
from projections.reading.health import Finding
from projections.reading.lists import Listed, trait_matches
from projections.rebuilding.diffs import Matrix, Restaged, Sides
from projections.registers.register import AskEntries, AskFirsts
from projections.rows.changes import Row
from projections.rows.questions import AskBucketLoads, AskProfilesIn, Head, HistoryOf
from projections.rows.records import Latest, RecordRow, stay_of
from projections.safekeeping.seals import Seal
from projections.subjects.profiles import (
    Identity,
    Profile,
    ProfileRow,
    identity_of,
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
from service.adapters.sql.diffs import restaged
from service.adapters.sql.small import key_of
from service.adapters.sql.tables import feed

_FEED_WIDTH = len(feed.c)
_EVERY_BUCKET = list(range(BUCKETS))
_SHOWN_SETTINGS = ("server_version", "fsync", "synchronous_commit", "full_page_writes")


class PostgresReadings:
    """Reads through *link*, inside its transaction."""

    kind: Literal["memory", "sqlite", "postgresql"] = "postgresql"

    def __init__(self, link: Link, place: str, head: Head) -> None:
        """Read the database at *place*, where everything ends at *head*."""
        self.link = link
        self._place = place
        self._head = head

    def _rows(self, write: Callable[[], str], *bound: object) -> list[Row]:
        return self.link.rows(statement(write), *bound)

    def _row(self, write: Callable[[], str], *bound: object) -> Row | None:
        return self.link.row(statement(write), *bound)

    def head(self) -> Head:
        return self._head

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
        return read_generations(self.link)

    def versions(self) -> list[ModelVersion]:
        return read_versions(self.link)

    def keys(self) -> list[ApiKey]:
        return [key_of(row) for row in self._rows(views.all_keys)]

    def key(self, key_id: str) -> ApiKey | None:
        row = self._row(views.one_key, key_id)
        return None if row is None else key_of(row)

    def firsts(self, asked: AskFirsts) -> list[Row]:
        return read_firsts(self.link, asked)

    def entries(self, asked: AskEntries) -> list[Row]:
        return read_entries(self.link, asked)

    def identity(self, tenant: str, key: SubjectKey) -> Identity | None:
        row = self._row(views.identity, bucket_of(tenant, key.id), tenant, key.kind, key.id)
        return None if row is None else identity_of(row)

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

    def places(
        self, generations: Sequence[int], refs: Sequence[Ref]
    ) -> Mapping[tuple[int, Ref], tuple[str, int]]:
        keys = asking.standings_of(generations, refs)
        rows = self.link.listed(statement(lookups.places), keys)
        return {(row[1], (row[0], row[2])): (row[3], row[4]) for row in rows}

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
        behind = after or _before_all(newest_first=is_newest)
        return self.link.rows(sql, ref[0], generation, ref[1], *behind, limit)

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
        behind = after or _before_all(newest_first=newest_first)
        known_at = ALWAYS if request.known_at is None else request.known_at
        members = zip(*request.members, strict=True)
        return self.link.rows(sql, *members, known_at, *behind, limit)

    def log(self, tenant: str, *, after: int, limit: int, event_type: str | None) -> list[Row]:
        of_type = () if event_type is None else (event_type,)
        sql = views.log(of_type=event_type is not None)
        return self.link.rows(sql, after, tenant, *of_type, limit)

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
        if tenant is not None:
            rows = self._rows(views.due_of, instant, tenant)[:limit]
        else:
            rows = self._rows(lookups.due, instant, ALWAYS if limit is None else limit)
        return [profile_of(row) for row in rows]

    def due_count(self, instant: int, limit: int) -> tuple[int, int | None]:
        row = self._row(views.due_count, instant, limit)
        return (row[0], row[1]) if row else (0, None)

    def touched_since(self, tenant: str, position: int) -> list[Ref]:
        roots = {(row[0], row[1]) for row in self._rows(views.roots_since, position, tenant)}
        names = [row[0] for row in self._rows(views.accounts_since, position, tenant)]
        keys = [(bucket_of(tenant, name), tenant, "account", name) for name in names]
        accounts = self.link.listed(statement(lookups.identities), keys)
        return sorted(roots | {(row[0], row[1]) for row in accounts})

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

    def stage_matrix(self, sides: Sides) -> Matrix:
        bound = (sides.old, sides.new, sides.tenant, int(sides.is_account))
        return [(old, new, count) for old, new, count in self._rows(views.stage_matrix, *bound)]

    def stage_changes(self, sides: Sides, after: Ref, limit: int) -> list[tuple[Ref, Restaged]]:
        bound = (sides.old, sides.new, sides.tenant, int(sides.is_account), *after, limit)
        return [restaged(row) for row in self._rows(views.stage_changes, *bound)]

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


def _before_all(*, newest_first: bool) -> tuple[int, int]:
    return (ALWAYS, ALWAYS) if newest_first else (-1, -1)


def _ends(until: int | None) -> tuple[int, ...]:
    return () if until is None else (until,)
