"""The store inside this process: scripts run over rows, one writer at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from domain.buckets import BUCKETS
from domain.machine import ENGINE
from projections.appending.append import World, append
from projections.asking import EVERYBODY, run
from projections.erasing.erase import Erased, Grounds
from projections.erasing.forgetting import erase_everywhere
from projections.events.log import Receipt, Submission
from projections.following.projecting import PAGE_EVENTS, Projected, project
from projections.following.sweeping import retry_parked, sweep
from projections.models.catalogue import (
    ANEW,
    Generation,
    GenerationStatus,
    ModelVersion,
    Terms,
)
from projections.models.machines import Catalogue, Compile, compile_document
from projections.models.ranges import Built
from projections.reading.health import Finding, StoreHealth, Swept
from projections.rebuilding.building import build
from projections.registers.erasure import Order
from projections.rows.questions import AskHead
from projections.rows.records import Projection
from projections.subjects.residents import Residents
from service.adapters.embedded.answering import Answering, OpenReadings
from service.adapters.embedded.clearing import Clearing
from service.adapters.embedded.keeping import Keeping
from service.adapters.embedded.restoring import Restoring
from service.adapters.embedded.rows import Rows
from service.adapters.embedded.values import is_due, told_outdated
from service.ports import (
    OutdatedFold,
    Runner,
    StoreUnavailable,
    UnknownModel,
    VersionMismatch,
)

Answer = TypeVar("Answer")


class EmbeddedStore(Keeping, Restoring, Answering):
    """Keeps the promises of `service.ports.Store` over *rows*."""

    def __init__(
        self,
        rows: Rows,
        readings: OpenReadings,
        runner: Runner,
        *,
        compile_one: Compile = compile_document,
    ) -> None:
        """Write to *rows*, read from *readings*, block where *runner* says."""
        super().__init__(readings, runner)
        self._rows = rows
        self._residents = Residents()
        self._clearing = Clearing()
        self._is_closed = False
        self._is_stale = False
        self.catalogue = Catalogue(compile_one)
        with readings(EVERYBODY) as found:
            self.catalogue = self.catalogue.renewed(found.versions(), found.generations())

    # ------------------------------------------------------------ the one writer

    async def _write(self, work: Callable[[], Answer], *, is_long: bool = False) -> Answer:  # noqa: ARG002 -- a hint for stores that can make use of it
        self._expect_open()
        noted = self._noted(work)
        return await self._runner.write(lambda: self._transact(noted))

    def _expect_open(self) -> None:
        if self._is_closed:
            raise StoreUnavailable("the store is closed: expected calls before close() only")

    def _transact(self, work: Callable[[], Answer]) -> Answer:
        is_written = False
        try:
            with self._rows.transaction():
                self._renew_if_needed()
                answer = work()
            is_written = True
            return answer
        finally:
            if not is_written:
                self._distrust()

    def _distrust(self) -> None:
        """Believe nothing in memory: it may be ahead of the rows."""
        self._clearing = Clearing()
        self._is_stale = True
        self._residents.forget()

    def _renew_if_needed(self) -> None:
        """Read again what another process, or a transaction that failed, may have changed."""
        if not self._rows.is_alone() or self._is_stale:
            self._residents.forget()
            self._renew_catalogue()
            self._is_stale = False

    def _renew_catalogue(self) -> None:
        self.catalogue = self.catalogue.renewed(self._rows.versions(), self._rows.generations())

    def _world(self, now: int, *, defer: bool = False) -> World:
        if self.catalogue.outdated:
            raise OutdatedFold(told_outdated(self.catalogue.outdated))
        return World(self._residents, self.catalogue.projections, now, defer=defer)

    async def append(
        self, submissions: Sequence[Submission], now: int, *, defer: bool = False
    ) -> list[list[Receipt]]:
        return await self._write(
            lambda: run(append(self._world(now, defer=defer), submissions), self._rows.answer)
        )

    async def project(self, limit: int = PAGE_EVENTS) -> Projected:
        if await self._read(lambda readings: readings.head().is_level, of=EVERYBODY, quick=True):
            return Projected(events=0, behind=0)
        return await self._write(
            lambda: run(project(self._world(0), limit), self._rows.answer), is_long=True
        )

    async def sweep(self, now: int, limit: int = 1_000) -> Swept:
        if not await self._read(lambda readings: is_due(readings, now), of=EVERYBODY):
            return Swept(subjects=0, transitions=0, more=False)
        return await self._write(
            lambda: run(sweep(self._world(now), limit), self._rows.answer), is_long=True
        )

    async def retry_parked(self, now: int, limit: int = 100) -> int:
        if not await self._read(lambda readings: readings.parked_count(), of=EVERYBODY):
            return 0
        return await self._write(
            lambda: run(retry_parked(self._world(now), limit), self._rows.answer), is_long=True
        )

    async def erase(self, order: Order, now: int) -> Erased:
        while not await self._read(
            lambda readings: readings.head().is_level, of=EVERYBODY, quick=True
        ):
            await self.project()
        erased = await self._write(lambda: self._erase(order, now), is_long=True)
        self._residents.forget()
        return erased

    async def wipe(self) -> None:
        """Do nothing: rows in memory leave nothing behind."""

    def _erase(self, order: Order, now: int) -> Erased:
        answer = self._rows.answer
        while not answer(AskHead()).is_level:  # what came in between
            run(project(self._world(now), PAGE_EVENTS), answer)
        world = self._world(now)
        generations = sorted(self.catalogue.generations)
        grounds = Grounds(world.projections, generations, self.catalogue.facts(order.tenant), now)
        return run(erase_everywhere(grounds, order), answer)

    # ------------------------------------------------------------ models

    async def put_model(
        self, version: ModelVersion, *, expected_version: int | None = None
    ) -> ModelVersion:
        return await self._write(lambda: self._put_model(version, expected_version))

    def _put_model(self, offered: ModelVersion, expected: int | None) -> ModelVersion:
        versions = self.catalogue.versions.get((offered.tenant, offered.model), [])
        newest = len(versions)
        if expected is not None and expected != newest:
            message = f"model {offered.model}: expected version {expected}, found {newest}"
            raise VersionMismatch(message, newest=newest)
        if not versions or versions[-1].hash != offered.hash:
            newest += 1
            self._rows.put_version(replace(offered, version=newest))
            self._renew_catalogue()
        stored = self.catalogue.version(offered.tenant, offered.model, newest)
        assert stored is not None  # noqa: S101 -- it was there, or has just been written
        return stored

    async def retire_outdated(self, now: int) -> list[Generation]:
        return await self._write(lambda: self._retire_outdated(now))

    def _retire_outdated(self, now: int) -> list[Generation]:
        begun = []
        for one in self.catalogue.outdated:
            if one.status == "active":
                terms = Terms(like=one.generation)
                begun.append(self._begin(one.tenant, one.model, one.version, now, terms))
            self._save(replace(one, status="retired", standby_until=None))
        return begun

    async def note_backtested(self, tenant: str, key: str, digest: str, now: int) -> None:
        await self._write(lambda: self._note_backtested(tenant, key, digest, now))

    def _note_backtested(self, tenant: str, key: str, digest: str, now: int) -> None:
        tried = [
            one for one in self.catalogue.versions.get((tenant, key), []) if one.hash == digest
        ]
        for one in tried:
            self._rows.put_version(replace(one, backtested_at=now))
        if tried:
            self._renew_catalogue()

    async def begin_generation(
        self, tenant: str, key: str, version: int, now: int, *, terms: Terms = ANEW
    ) -> Generation:
        return await self._write(lambda: self._begin(tenant, key, version, now, terms))

    def _begin(self, tenant: str, key: str, version: int, now: int, terms: Terms) -> Generation:
        found = self.catalogue.version(tenant, key, version)
        if found is None:
            raise UnknownModel(f"model {key}: expected a version, found no version {version}")
        if terms.once:
            begun = self.catalogue.of_model(tenant, key, "active", "building", "ready")
            same = [one for one in begun if one.version == version]
            if same:
                return same[0]
        head = self._rows.answer(AskHead())
        base, since, stage_map = self._told_from(terms, max(now, head.recorded_at))
        generation = Generation(
            generation=max(self.catalogue.generations, default=0) + 1,
            tenant=tenant,
            model=key,
            version=version,
            status="building" if head.position else "ready",
            done=0,
            total=head.position,
            started_at=now,
            buckets_done=0 if head.position else BUCKETS,
            base=base,
            since=since,
            stage_map=stage_map,
            hash=found.hash,
            engine=ENGINE,
            activates=terms.activates,
        )
        return self._save(generation)

    def _told_from(
        self, terms: Terms, now: int
    ) -> tuple[int | None, int | None, Mapping[str, str]]:
        """Return the base of a generation, since when its own version tells, and the stage map."""
        if terms.like is not None:
            like = self._generation(terms.like)
            return like.base, like.since, like.stage_map
        if terms.base is None:
            return None, None, {}
        base = self._generation(terms.base)
        since = now if base.since is None else max(now, base.since + 1)
        return base.generation, since, terms.stage_map

    def _save(self, generation: Generation) -> Generation:
        self._rows.save_generation(generation)
        self._renew_catalogue()
        return generation

    def _generation(self, number: int) -> Generation:
        found = self.catalogue.generations.get(number)
        if found is None:
            raise UnknownModel(f"generation {number}: expected one that was begun, found none")
        return found

    async def build_generation(self, generation: int, now: int, *, limit: int) -> Generation:
        return await self._write(lambda: self._build(generation, now, limit), is_long=True)

    def _build(self, number: int, now: int, limit: int) -> Generation:
        found = self._generation(number)
        projection = self.catalogue.projection(number)
        if found.status != "building" or projection is None:
            return found
        built = self._fold_range(projection, now, limit)
        self._rows.add_built(number, built)
        return self._save(found.grown(built))

    def _fold_range(self, projection: Projection, now: int, limit: int) -> Built:
        return run(build(self._world(now), projection, limit), self._rows.answer)

    async def activate_generation(
        self,
        generation: int,
        now: int,
        *,
        standby_until: int | None = None,
        report: str | None = None,
    ) -> Generation:
        def activate() -> Generation:
            self._note_replaced(generation, report)
            return self._activate(generation, now, standby_until)

        return await self._write(activate, is_long=True)

    def _note_replaced(self, number: int, report: str | None) -> None:
        """Keep with a generation what it takes the place of, and what it changes."""
        found = self._generation(number)
        active = self.catalogue.of_model(found.tenant, found.model, "active")
        if found.status in {"building", "ready"}:
            old = active[0].generation if active else None
            self._save(replace(found, replaces=old, report=report))

    def _activate(self, number: int, now: int, standby_until: int | None) -> Generation:
        found = self._generation(number)
        while found.status == "building":
            found = self._build(number, now, 100_000)
        if found.status != "ready":
            return found
        self._step_back(found, standby_until)
        return self._save(replace(found, status="active", finished_at=now))

    def _step_back(self, coming: Generation, standby_until: int | None) -> None:
        """Let the active generation of the model stand by or retire, before *coming* is active.

        One that tells the same as the coming one is of no use any more, and whatever stands by
        goes on to.
        """
        for one in self.catalogue.of_model(coming.tenant, coming.model, "active"):
            stays = standby_until is not None and one.tells != coming.tells
            if stays:
                self._retire_standby(coming)
            status: GenerationStatus = "standby" if stays else "retired"
            self._rows.save_generation(
                replace(one, status=status, standby_until=standby_until if stays else None)
            )

    def _retire_standby(self, of: Generation) -> None:
        for one in self.catalogue.of_model(of.tenant, of.model, "standby"):
            self._rows.save_generation(replace(one, status="retired", standby_until=None))

    async def swap_standby(
        self, tenant: str, key: str, now: int, *, standby_until: int | None = None
    ) -> Generation | None:
        return await self._write(lambda: self._swap(tenant, key, now, standby_until))

    def _swap(
        self, tenant: str, key: str, now: int, standby_until: int | None
    ) -> Generation | None:
        found = self.catalogue.of_model(tenant, key, "standby")
        if not found:
            return None
        (back,) = found
        for one in self.catalogue.of_model(tenant, key, "active"):
            status: GenerationStatus = "retired" if standby_until is None else "standby"
            self._rows.save_generation(replace(one, status=status, standby_until=standby_until))
        return self._save(replace(back, status="active", finished_at=now, standby_until=None))

    async def retire_standbys(self, now: int) -> int:
        return await self._write(lambda: self._retire_over(now))

    def _retire_over(self, now: int) -> int:
        over = [one for one in self.catalogue.generations.values() if one.has_stood_by(now)]
        for one in over:
            self._save(replace(one, status="retired", standby_until=None))
        return len(over)

    async def fail_generation(self, generation: int, error: str, now: int) -> Generation:
        return await self._write(lambda: self._fail(generation, error, now))

    def _fail(self, number: int, error: str, now: int) -> Generation:
        found = self._generation(number)
        if found.status not in ("building", "ready"):
            return found
        return self._save(replace(found, status="failed", error=error[:500], finished_at=now))

    async def remove_retired(self, limit: int) -> int:
        return await self._write(lambda: self._remove_retired(limit), is_long=True)

    def _remove_retired(self, limit: int) -> int:
        for one in self.catalogue.generations.values():
            if not one.has_rows_to_remove:
                continue
            removed = self._clearing.remove(self._rows, one.generation, limit)
            if removed == 0:
                self._rows.forget_ranges(one.generation)
                empty = replace(one, buckets_done=0, built=0)
                self._save(empty if one.status == "failed" else replace(empty, status="removed"))
            return removed
        return 0

    # ------------------------------------------------------------ condition

    async def health(self, now: int) -> StoreHealth:
        return await self._read(lambda readings: self._health(readings, now), of=EVERYBODY)

    async def inspect(self, *, thorough: bool = False) -> list[Finding]:
        return await self._read(lambda readings: readings.inspect(thorough=thorough), of=EVERYBODY)

    async def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            await self._runner.write(self._rows.close)
            await self._runner.close()
