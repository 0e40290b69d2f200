"""The store in PostgreSQL, which several processes may share.

It has two halves. The writing half is the embedded store over the connection that writes, one
transaction at a time. The reading half looks, at the beginning of each read, whether models or
generations have changed, so that another process's activation is seen by the next request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial
from typing import TypeVar

from projections.asking import EVERYBODY, Ref, Script, Whose, run
from projections.erasing.erase import Erased
from projections.events.log import Receipt, SubjectKey, Submission
from projections.following.projecting import PAGE_EVENTS, Projected
from projections.models.catalogue import ANEW, ApiKey, Generation, ModelVersion, Terms
from projections.models.machines import Catalogue, Compile
from projections.models.ranges import BucketRange
from projections.reading.answers import SubjectSnapshot
from projections.reading.health import Finding, StoreHealth, Swept
from projections.registers.erasure import Order
from projections.safekeeping.seals import Seal
from service.adapters.embedded.answering import Answering
from service.adapters.embedded.rows import Readings
from service.adapters.embedded.store import EmbeddedStore
from service.adapters.embedded.wholes import Asked
from service.adapters.postgres import asking, wall
from service.adapters.postgres.archive import PostgresArchive
from service.adapters.postgres.asking import ends
from service.adapters.postgres.compiled import statement
from service.adapters.postgres.connections import Database, Link
from service.adapters.postgres.leases import PostgresLeases
from service.adapters.postgres.readings import PostgresReadings
from service.adapters.postgres.rebuilds import ranges_left
from service.adapters.postgres.registers import answer_register
from service.adapters.postgres.rows import PostgresRows
from service.adapters.postgres.runner import GreenletRunner
from service.adapters.postgres.together import Answers, ReadingsOfMany, Together, Wanted

Result = TypeVar("Result")

EVERY_GENERATION = 1 << 31


class PostgresStore(Answering):
    """Keeps the promises of `service.ports.Store` over a database that others may write to.

    Attributes:
        leases: Of this process, for its loops.
        archive: For copies of everything that is kept.
    """

    def __init__(
        self,
        database: Database,
        runner: GreenletRunner,
        leases: PostgresLeases,
        compile_one: Compile,
        reader_role: str = "",
    ) -> None:
        """Look once at *database*; to be called where blocking is allowed.

        Whoever reads for a tenant does so as *reader_role*, behind the wall (`wall`), if one is
        named.
        """
        self.leases = leases
        compile_once = cache(compile_one)
        self._database = database
        self._reader_role = reader_role
        self._newest = (-1, Catalogue(compile_once))
        self._of_this_read: ContextVar[Catalogue | None] = ContextVar("catalogue", default=None)
        self._together = Together(self._snapshots, is_apart=bool(reader_role))
        super().__init__(self._level_readings, runner)
        rows = PostgresRows(database)
        self._writing = EmbeddedStore(rows, self._level_readings, runner, compile_one=compile_once)
        self.archive = PostgresArchive(database, runner, self._writing, rows)

    @property
    def catalogue(self) -> Catalogue:  # type: ignore[override] # only read, by the reading half
        """Models and generations as they are at the moment that is being read, or newest."""
        return self._of_this_read.get() or self._newest[1]

    async def snapshot(
        self, tenant: str, key: SubjectKey, *, model: str | None = None
    ) -> SubjectSnapshot | None:
        return await self._together.ask(Wanted(tenant, key, model))

    async def _snapshots(self, wanted: Sequence[Wanted]) -> Answers:
        def look() -> Answers:
            before = self._as_before(wanted)
            if None not in before:
                return before
            changed = [one for one, found in zip(wanted, before, strict=True) if found is None]
            with self._level_readings(self._whose(changed), changed) as readings:
                anew = [self._snapshot(readings, one.tenant, one.key, one.model) for one in changed]
            others = iter(anew)
            return [found or next(others) for found in before]

        return await self._runner.read(look)

    def _as_before(self, wanted: Sequence[Wanted]) -> Answers:
        """Return those of *wanted* as told before about whom nothing has changed; None for others.

        One statement for all of them tells, outside of a transaction; behind the wall, where one is
        needed, whoever is asked for again is recognised by the row.
        """
        if self._reader_role:
            return [None] * len(wanted)
        asked = [Asked(one.tenant, one.key, one.model) for one in wanted]
        names = {(one.tenant, one.key.kind, one.key.id) for one in asked if self._wholes.keeps(one)}
        known, catalogue = self._newest
        seen = self._database.glance(lambda link: asking.glance(link, names)) if names else None
        if seen is None or seen.changes != known or not seen.head.is_level:
            return [None] * len(asked)
        rows = [seen.rows.get((one.tenant, one.key.kind, one.key.id)) for one in asked]
        return [
            None if row is None else self._wholes.as_before(one, row, seen.head, catalogue)
            for one, row in zip(asked, rows, strict=True)
        ]

    def _whose(self, wanted: Sequence[Wanted]) -> Whose:
        """Return on whose behalf *wanted* are read, who are of one tenant where there is a wall."""
        return wanted[0].tenant if self._reader_role else EVERYBODY

    @contextmanager
    def _level_readings(self, of: Whose, wanted: Sequence[Wanted] = ()) -> Iterator[Readings]:
        """Lend readings of one moment, with the catalogue of the same moment.

        What is to be known about *wanted* is looked up at once.
        """
        with self._database.reading() as link:
            readings, catalogue = self._moment(link, of)
            if wanted:
                readings = ReadingsOfMany(link, self._database.place, readings.head(), wanted)
            token = self._of_this_read.set(catalogue)
            try:
                yield readings
            finally:
                self._of_this_read.reset(token)

    def _moment(self, link: Link, of: Whose) -> tuple[PostgresReadings, Catalogue]:
        """Return readings of the transaction that *link* is in, and the catalogue as of it.

        What follows is asked behind the wall if it is *of* a tenant; what belongs to nobody is
        looked up here, before that.
        """
        behind = (of, self._reader_role) if of is not EVERYBODY and self._reader_role else ()
        head, changes = ends(link, *behind)
        while changes < self._newest[0]:  # begun before a change that others have seen already
            link.execute("COMMIT; BEGIN")
            head, changes = ends(link, *behind)
        readings = PostgresReadings(link, self._database.place, head)
        if changes == self._newest[0]:
            return readings, self._newest[1]
        if behind:
            link.execute(wall.COME_OUT)
        found = self._newest[1].renewed(readings.versions(), readings.generations())
        if behind:
            link.rows(statement(wall.go_behind), *behind)
        if changes > self._newest[0]:
            self._newest = (changes, found)
        return readings, found

    # ------------------------------------------------------------ what the catalogue answers

    async def generations(self, tenant: str, *, limit: int = 100) -> list[Generation]:
        found = await self._read(lambda readings: readings.generations(), of=tenant)
        return [one for one in reversed(found) if one.tenant == tenant][:limit]

    async def generations_under_way(self) -> list[Generation]:
        found = await self._read(lambda readings: readings.generations(), of=EVERYBODY)
        return [one for one in found if one.is_under_way]

    async def generation(self, tenant: str, generation: int) -> Generation | None:
        found = await self.generations(tenant, limit=EVERY_GENERATION)
        return next((one for one in found if one.generation == generation), None)

    # ------------------------------------------------------------ the writing half

    async def append(
        self, submissions: Sequence[Submission], now: int, *, defer: bool = False
    ) -> list[list[Receipt]]:
        return await self._writing.append(submissions, now, defer=defer)

    async def project(self, limit: int = PAGE_EVENTS) -> Projected:
        return await self._writing.project(limit)

    async def sweep(self, now: int, limit: int = 1_000) -> Swept:
        return await self._writing.sweep(now, limit)

    async def retry_parked(self, now: int, limit: int = 100) -> int:
        return await self._writing.retry_parked(now, limit)

    async def put_model(
        self, version: ModelVersion, *, expected_version: int | None = None
    ) -> ModelVersion:
        return await self._writing.put_model(version, expected_version=expected_version)

    async def retire_outdated(self, now: int) -> list[Generation]:
        return await self._writing.retire_outdated(now)

    async def note_backtested(self, tenant: str, key: str, digest: str, now: int) -> None:
        await self._writing.note_backtested(tenant, key, digest, now)

    async def begin_generation(
        self, tenant: str, key: str, version: int, now: int, *, terms: Terms = ANEW
    ) -> Generation:
        return await self._writing.begin_generation(tenant, key, version, now, terms=terms)

    async def build_generation(self, generation: int, now: int, *, limit: int) -> Generation:
        return await self._writing.build_generation(generation, now, limit=limit)

    async def ranges_left(
        self, generation: int, *, events: int, subjects: int
    ) -> list[BucketRange]:
        """Return what is still to be built of it, in ranges of about so many events or subjects."""

        def look() -> list[BucketRange]:
            with self._database.reading() as link:
                _, catalogue = self._moment(link, EVERYBODY)
                projection = catalogue.projection(generation)
                if projection is None:
                    return []
                return ranges_left(link, projection, events=events, subjects=subjects)

        return await self._runner.read(look)

    async def activate_generation(
        self,
        generation: int,
        now: int,
        *,
        standby_until: int | None = None,
        report: str | None = None,
    ) -> Generation:
        return await self._writing.activate_generation(
            generation, now, standby_until=standby_until, report=report
        )

    async def swap_standby(
        self, tenant: str, key: str, now: int, *, standby_until: int | None = None
    ) -> Generation | None:
        return await self._writing.swap_standby(tenant, key, now, standby_until=standby_until)

    async def retire_standbys(self, now: int) -> int:
        return await self._writing.retire_standbys(now)

    async def fail_generation(self, generation: int, error: str, now: int) -> Generation:
        return await self._writing.fail_generation(generation, error, now)

    async def remove_retired(self, limit: int) -> int:
        return await self._writing.remove_retired(limit)

    async def create_key(self, key: ApiKey) -> None:
        await self._writing.create_key(key)

    async def rotate_key(
        self, tenant: str, key_id: str, secret_hash: bytes, *, former_until: int
    ) -> ApiKey | None:
        return await self._writing.rotate_key(
            tenant, key_id, secret_hash, former_until=former_until
        )

    async def keep(self, script: Script[Result]) -> Result:
        return await self._writing.keep(script)

    async def carry(self, script: Script[Result]) -> Result:
        def work() -> Result:
            with self._database.carrying() as link:
                return run(script, partial(answer_register, link))

        return await self._runner.read(work)

    async def revoke_key(self, tenant: str, key_id: str, now: int) -> ApiKey | None:
        return await self._writing.revoke_key(tenant, key_id, now)

    async def touch_keys(self, used: Sequence[tuple[str, int]]) -> None:
        await self._writing.touch_keys(used)

    async def add_salts(self, salts: Mapping[Ref, bytes], *, erased: int) -> bool:
        return await self._writing.add_salts(salts, erased=erased)

    async def add_seal(self, seal: Seal, *, erased: int) -> bool:
        return await self._writing.add_seal(seal, erased=erased)

    async def erase(self, order: Order, now: int) -> Erased:
        return await self._writing.erase(order, now)

    async def wipe(self) -> None:
        """Do nothing: dead rows go as the server vacuums, which `docs/erasure.md` tells about."""

    # ------------------------------------------------------------ condition

    async def health(self, now: int) -> StoreHealth:
        return await self._read(lambda readings: self._health(readings, now), of=EVERYBODY)

    async def inspect(self, *, thorough: bool = False) -> list[Finding]:
        return await self._read(lambda readings: readings.inspect(thorough=thorough), of=EVERYBODY)

    async def close(self) -> None:
        await self._writing.close()
