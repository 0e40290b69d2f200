"""Questions of people answered from readings: names resolved, rows made into values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar, cast

from domain.events import Event
from domain.lineage import Lineage
from projections.asking import EVERYBODY, Question, Ref, Script, Whose, run
from projections.events.history import HistoryPage, counting
from projections.events.log import StoredEvent, SubjectKey
from projections.models.catalogue import ApiKey, Generation, ModelVersion
from projections.models.machines import Catalogue
from projections.reading.answers import (
    Board,
    BoardQuery,
    CustomerQuery,
    CustomerRow,
    EventTypeCount,
    FeedKind,
    FeedRecord,
    Page,
    ParkedSubject,
    Positions,
    SubjectSnapshot,
    TransitionRecord,
)
from projections.reading.health import StoreHealth
from projections.registers.register import AskEntries, AskFirsts
from projections.rows.changes import Row
from projections.rows.questions import AskBucketLoads, AskProfilesIn, Head
from projections.rows.records import RECORD_COLUMNS, record_of
from projections.subjects.profiles import Profile
from service.adapters.embedded.boards import board
from service.adapters.embedded.diffs import ReadsDiffs
from service.adapters.embedded.lists import customers
from service.adapters.embedded.rows import Readings
from service.adapters.embedded.seals import ReadsSeals
from service.adapters.embedded.values import (
    history_of,
    history_of_names,
    history_page,
    in_sequence,
    known_of,
    names_of,
    positions_at,
    positions_of,
    stored_event,
    told_outdated,
)
from service.adapters.embedded.values import newest_first as pages_newest_first
from service.adapters.embedded.wholes import Asked, Wholes, stages_of, subject_of
from service.ports import Runner

Answer = TypeVar("Answer")
Result = TypeVar("Result")
OpenReadings = Callable[[Whose], AbstractContextManager[Readings]]

DUE_COUNTED_MAX = 10_000
EVERY_EVENT = 1 << 62
_EFFECTIVE_AT = RECORD_COLUMNS.index("effective_at")


class Answering(ReadsSeals, ReadsDiffs):
    """The reading half of a store inside this process."""

    catalogue: Catalogue

    def __init__(self, readings: OpenReadings, runner: Runner) -> None:
        """Read from *readings*, where *runner* says."""
        self._readings = readings
        self._runner = runner
        self._wholes = Wholes()

    async def _read(
        self, work: Callable[[Readings], Answer], *, of: Whose, quick: bool = False
    ) -> Answer:
        def look() -> Answer:
            with self._readings(of) as readings:
                return work(readings)

        return await self._runner.read(look, quick=quick)

    # ------------------------------------------------------------ one subject

    async def snapshot(
        self, tenant: str, key: SubjectKey, *, model: str | None = None
    ) -> SubjectSnapshot | None:
        return await self._read(
            lambda readings: self._snapshot(readings, tenant, key, model), of=tenant, quick=True
        )

    def _snapshot(
        self, readings: Readings, tenant: str, key: SubjectKey, model: str | None
    ) -> SubjectSnapshot | None:
        asked = Asked(tenant, key, model)
        return self._whole(readings, asked, readings.head(), self.catalogue)

    def _whole(
        self, readings: Readings, asked: Asked, head: Head, catalogue: Catalogue
    ) -> SubjectSnapshot | None:
        """Return whom *asked* names; *head* and *catalogue* are those of *readings*."""
        if head.is_level:
            return self._wholes.snapshot(readings, head, catalogue, asked)
        profile = self._profile(readings, asked.tenant, asked.key)
        if profile is None:
            return None
        stages = stages_of(readings, profile, catalogue.active(asked.tenant, asked.model))
        return SubjectSnapshot(subject_of(readings, profile), stages, positions_at(head))

    def _profile(self, readings: Readings, tenant: str, key: SubjectKey) -> Profile | None:
        identity = readings.identity(tenant, key)
        if identity is None:
            return None
        root = identity.root
        is_level = readings.head().is_level
        if not is_level:
            root = readings.former_root(identity.ref) or root
        found = readings.profiles([root])
        if not found or (not is_level and identity.ref not in found[0].members):
            return None
        return found[0]

    async def transitions(
        self,
        tenant: str,
        key: SubjectKey,
        *,
        model: str | None = None,
        after: tuple[int | str, ...] | None = None,
        limit: int = 100,
        include_retracted: bool = False,
        newest_first: bool = False,
    ) -> Page[TransitionRecord]:
        def look(readings: Readings) -> Page[TransitionRecord]:
            profile = self._profile(readings, tenant, key)
            if profile is None:
                return Page((), None)
            projections = self.catalogue.active(tenant, model)
            page = pages_newest_first if newest_first else in_sequence
            return page(
                readings,
                profile,
                projections,
                after=after,
                limit=limit,
                include_retracted=include_retracted,
            )

        return await self._read(look, of=tenant)

    async def events(
        self,
        tenant: str,
        key: SubjectKey,
        *,
        after: tuple[int | str, ...] | None = None,
        limit: int = 100,
        newest_first: bool = False,
        known_at: int | None = None,
    ) -> Page[StoredEvent]:
        def look(readings: Readings) -> Page[StoredEvent]:
            profile = self._profile(readings, tenant, key)
            if profile is None:
                return Page((), None)
            rows = readings.events_of(
                history_of(profile, known_of(readings, known_at)),
                after=cast("tuple[int, int] | None", after),
                limit=limit + 1,
                newest_first=newest_first,
            )
            found = tuple(stored_event(row, profile.voids) for row in rows[:limit])
            more = len(rows) > limit
            last = found[-1] if more else None
            return Page(found, (last.effective_at, last.position) if last else None)

        return await self._read(look, of=tenant)

    async def history(
        self,
        tenant: str,
        key: SubjectKey,
        *,
        aliases: Sequence[SubjectKey] | None = None,
        known_at: int | None = None,
    ) -> list[Event]:
        def look(readings: Readings) -> list[Event]:
            known = known_of(readings, known_at)
            if aliases is None:
                profile = self._profile(readings, tenant, key)
                request = None if profile is None else history_of(profile, known)
            else:
                request = history_of_names(readings, tenant, [key, *aliases], known)
            if request is None:
                return []
            return counting(readings.histories([request]).get(request.ref, []))

        return await self._read(look, of=tenant)

    async def histories(
        self, tenant: str, *, accounts: bool, first: int, end: int, known_at: int, limit: int
    ) -> HistoryPage:
        asked = AskProfilesIn(tenant, accounts, first, end)
        return await self._read(
            lambda readings: history_page(readings, asked, limit, known_at), of=tenant
        )

    async def history_load(self, tenant: str, *, accounts: bool, end: int) -> int:
        asked = AskBucketLoads(tenant, accounts, 0, EVERY_EVENT)
        loads = await self._read(lambda readings: readings.bucket_loads(asked), of=tenant)
        return sum(load for bucket, load in loads if bucket < end)

    # ------------------------------------------------------------ the log and the feed

    async def positions(self) -> Positions:
        return await self._read(positions_of, of=EVERYBODY, quick=True)

    async def position_at(self, instant: int) -> int:
        return await self._read(lambda readings: readings.position_at(instant), of=EVERYBODY)

    async def log(
        self, tenant: str, *, after: int = 0, limit: int = 100, event_type: str | None = None
    ) -> Page[StoredEvent]:
        def look(readings: Readings) -> Page[StoredEvent]:
            rows = readings.log(tenant, after=after, limit=limit + 1, event_type=event_type)
            found = tuple(stored_event(row) for row in rows[:limit])
            return Page(found, (found[-1].position,) if len(rows) > limit else None)

        return await self._read(look, of=tenant)

    async def event(self, tenant: str, position: int) -> StoredEvent | None:
        def look(readings: Readings) -> StoredEvent | None:
            row = readings.event(position)
            found = None if row is None else stored_event(row)
            return found if found is not None and found.tenant == tenant else None

        return await self._read(look, of=tenant)

    async def events_with_id(self, tenant: str, event_id: str) -> list[StoredEvent]:
        return await self._read(
            lambda readings: [
                stored_event(row) for row in readings.events_with_id(tenant, event_id)
            ],
            of=tenant,
        )

    async def feed(self, tenant: str, *, after: int = 0, limit: int = 100) -> Page[FeedRecord]:
        def look(readings: Readings) -> Page[FeedRecord]:
            rows = readings.feed(tenant, after=after, limit=limit + 1)
            names = names_of(readings, ((row[2], row[4]) for row, _ in rows))
            found = tuple(self._feed_record(row, record, names) for row, record in rows[:limit])
            return Page(found, (found[-1].position,) if len(rows) > limit else None)

        return await self._read(look, of=tenant)

    def _feed_record(self, row: Row, record: Row, names: dict[Ref, SubjectKey]) -> FeedRecord:
        position, tenant, bucket, number, subject_id, _, kind, quiet = row
        generation = self.catalogue.generations[number]
        transition = record_of(
            record,
            tenant=tenant,
            subject=names[bucket, subject_id],
            model=generation.model,
            version=self.catalogue.version_at(number, record[_EFFECTIVE_AT]),
        )
        return FeedRecord(position, cast("FeedKind", kind), transition, quiet=bool(quiet))

    async def event_types(self, tenant: str) -> list[EventTypeCount]:
        return await self._read(lambda readings: readings.event_types(tenant), of=tenant)

    async def customers(self, query: CustomerQuery) -> Page[CustomerRow]:
        def look(readings: Readings) -> Page[CustomerRow]:
            projections = self.catalogue.active(query.tenant)
            lines, more = customers(readings, query, projections)
            found = {one.ref: one for one in readings.profiles([line.ref for line in lines])}
            rows = tuple(
                CustomerRow(
                    subject_of(readings, found[line.ref]),
                    stages_of(readings, found[line.ref], projections),
                )
                for line in lines
            )
            return Page(rows, lines[-1].key() if more else None)

        return await self._read(look, of=query.tenant)

    async def board(self, query: BoardQuery) -> Board:
        def look(readings: Readings) -> Board:
            return board(readings, query, self.catalogue.active(query.tenant, query.model))

        return await self._read(look, of=query.tenant)

    # ------------------------------------------------------------ models, keys, condition

    async def _listed(self, look: Callable[[Catalogue], Answer]) -> Answer:
        """Return what the catalogue of this moment says: another process may have changed it."""
        return await self._read(lambda _: look(self.catalogue), of=EVERYBODY, quick=True)

    async def models(self, tenant: str) -> list[ModelVersion]:
        return await self._listed(lambda catalogue: catalogue.models(tenant))

    async def model(self, tenant: str, key: str, version: int | None = None) -> ModelVersion | None:
        return await self._listed(lambda catalogue: catalogue.version(tenant, key, version))

    async def model_versions(self, tenant: str, key: str) -> list[ModelVersion]:
        return await self._listed(lambda catalogue: catalogue.all_versions(tenant, key))

    async def lineage(self, tenant: str, generation: int) -> Lineage | None:
        def look(catalogue: Catalogue) -> Lineage | None:
            found = catalogue.generations.get(generation)
            return catalogue.lineage_of(found) if found and found.tenant == tenant else None

        return await self._listed(look)

    async def outdated(self) -> str | None:
        found = await self._read(lambda _: self.catalogue.outdated, of=EVERYBODY)
        return told_outdated(found) if found else None

    async def generations(self, tenant: str, *, limit: int = 100) -> list[Generation]:
        every = await self._listed(lambda catalogue: list(catalogue.generations.values()))
        found = [one for one in every if one.tenant == tenant]
        return sorted(found, key=lambda one: one.generation, reverse=True)[:limit]

    async def generations_under_way(self) -> list[Generation]:
        every = await self._listed(lambda catalogue: list(catalogue.generations.values()))
        found = [one for one in every if one.is_under_way]
        return sorted(found, key=lambda one: one.generation)

    async def generation(self, tenant: str, generation: int) -> Generation | None:
        found = await self._listed(lambda catalogue: catalogue.generations.get(generation))
        return found if found is not None and found.tenant == tenant else None

    async def keys(self, tenant: str) -> list[ApiKey]:
        found = await self._read(lambda readings: readings.keys(), of=tenant)
        return [key for key in found if key.tenant == tenant]

    async def key(self, key_id: str) -> ApiKey | None:
        return await self._read(lambda readings: readings.key(key_id), of=EVERYBODY)

    async def look(self, script: Script[Result], *, of: Whose) -> Result:
        def found(readings: Readings, asked: Question[Any]) -> list[Row]:
            if isinstance(asked, AskFirsts):
                return readings.firsts(asked)
            return readings.entries(cast("AskEntries", asked))

        def look(readings: Readings) -> Result:
            return run(script, lambda asked: found(readings, asked))

        return await self._read(look, of=of)

    async def parked(self, tenant: str, *, limit: int = 100) -> list[ParkedSubject]:
        def look(readings: Readings) -> list[ParkedSubject]:
            rows = readings.parked(tenant, limit)
            names = names_of(readings, ((row[0], row[2]) for row in rows))
            return [
                ParkedSubject(
                    tenant,
                    names[row[0], row[2]],
                    self.catalogue.generations[row[1]].model,
                    row[1],
                    *row[3:7],
                )
                for row in rows
            ]

        return await self._read(look, of=tenant)

    def _health(self, readings: Readings, now: int) -> StoreHealth:
        due, oldest = readings.due_count(now, DUE_COUNTED_MAX)
        return StoreHealth(
            kind=readings.kind,
            place=readings.place(),
            revision=readings.revision(),
            size_bytes=readings.size_bytes(),
            positions=positions_of(readings),
            waiting_since=readings.waiting_since(),
            parked=readings.parked_count(),
            due=due,
            oldest_due_at=oldest,
            retired_rows=self.catalogue.has_rows_to_remove,
            standby_over=self.catalogue.has_stood_by(now),
            details=readings.details(),
        )
