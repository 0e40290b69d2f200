"""Rebuilds: histories folded anew beside what readers see, by whichever process holds the lease.

A rebuild is rows, not a task: what was ordered, and which ranges of buckets are built. A process
that stops, is killed or loses the database in the middle leaves a rebuild that the next one goes on
with. An outage is waited for. Only a model that cannot be folded at all fails a rebuild.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from domain.instants import SECOND
from projections.folding.folder import FOLD_FAILURES
from projections.models.catalogue import ANEW, Terms
from projections.rebuilding.diffs import After, Diff, report_text
from service import notes
from service.errors import Problem
from service.leases import Leases
from service.ports import Clock, Generation, Store, StoreError, StoreUnavailable

EVENTS_AT_ONCE = 1_000
"""Events that one page of a rebuild folds here; other work gets its turn between pages."""

CANCELLED = "cancelled"
"""Why a rebuild failed that somebody gave up."""

SUPERSEDED = "a newer rebuild of the model has begun"

LEASE = "rebuild"
HOUR = 3_600 * SECOND
LOOK_AGAIN_SECONDS = 0.25
PAUSE_SECONDS_MAX = 30.0

_log = structlog.get_logger("stagefold.rebuilds")


class Builders(Protocol):
    """Processes that build ranges of a generation side by side."""

    def give_way(self, is_slow: Callable[[], bool]) -> None:
        """Build one range at a time while appends are slow."""
        ...

    async def build(self, generation: Generation, now: int) -> None:
        """Build for about a second.

        Raises:
            StoreUnavailable: The database or a process went away; what was built stays.
        """
        ...

    def rest(self) -> None:
        """Let the processes go: there is nothing to build."""
        ...

    async def close(self) -> None:
        """Let what has begun come to its end; build nothing more."""
        ...


class Rebuilds:
    """The rebuilds that this process carries on."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        leases: Leases,
        builders: Builders | None = None,
        *,
        standby_hours: int = 0,
    ) -> None:
        """Build by *builders*; without them page by page in this process.

        What was active before stands by for *standby_hours*.
        """
        self._standby_hours = standby_hours
        self._store = store
        self._clock = clock
        self._leases = leases
        self._builders = builders
        self._turn = asyncio.Lock()
        self._drive: asyncio.Task[None] | None = None

    async def begin(
        self, tenant: str, key: str, version: int, *, terms: Terms = ANEW
    ) -> Generation:
        """Return a rebuild by that version, begun on *terms*.

        Raises:
            UnknownModel: There is no such version.
        """
        now = self._clock.now()
        begun = await self._store.begin_generation(tenant, key, version, now, terms=terms)
        self.nudge()
        return begun

    def standby_until(self, now: int) -> int | None:
        """Return until when a generation stands by that steps back *now*; None for not at all."""
        return now + self._standby_hours * HOUR if self._standby_hours else None

    def nudge(self) -> None:
        """Go on at once, not only when the loop looks next."""
        if self._drive is None or self._drive.done():
            self._drive = asyncio.create_task(self._drive_on(), name="rebuilds")

    async def _drive_on(self) -> None:
        pause = LOOK_AGAIN_SECONDS
        while True:
            try:
                if await self.round():
                    pause = LOOK_AGAIN_SECONDS
                    await asyncio.sleep(0)
                    continue
                if not await self._store.generations_under_way():
                    return
            except StoreUnavailable as error:
                _log.warning("rebuild_waits", error=str(error))
                pause = min(2 * pause, PAUSE_SECONDS_MAX)
            await asyncio.sleep(pause)

    async def round(self) -> bool:
        """Carry the oldest rebuild a bounded step on, if this process holds the lease for it.

        Return whether there is more to do here.

        Raises:
            StoreUnavailable: The rebuild stands where it stood; the next round goes on.
        """
        async with self._turn:
            jobs = await self._store.generations_under_way()
            if not jobs or not await self._leases.hold(LEASE):
                if self._builders is not None:
                    self._builders.rest()
                return False
            newest = {(job.tenant, job.model): job for job in jobs}
            for job in jobs:
                if newest[job.tenant, job.model] is not job:
                    await self._fail(job, SUPERSEDED)
                    return True
            await self._carry_on(jobs[0])
            return True

    async def _carry_on(self, job: Generation) -> None:
        number, now = job.generation, self._clock.now()
        try:
            if job.status == "ready":
                await self._activate(job)
            elif self._builders is None:
                await self._store.build_generation(number, now, limit=EVENTS_AT_ONCE)
            else:
                await self._builders.build(job, now)
        except StoreUnavailable:
            raise
        except (StoreError, *FOLD_FAILURES) as error:
            _log.warning("rebuild_failed", generation=number, model=job.model, error=str(error))
            await self._fail(job, f"{type(error).__name__}: {error}")

    async def _activate(self, job: Generation) -> Generation:
        """Return the generation that readers see from now on, with what it changes noted."""
        number, now = job.generation, self._clock.now()
        until, report = self.standby_until(now), await self._report(job, now)
        ended = await self._store.activate_generation(
            number, now, standby_until=until, report=report
        )
        _log.info("rebuild_ended", generation=number, model=job.model, status=ended.status)
        return ended

    async def _report(self, job: Generation, now: int) -> str | None:
        """Return what *job* changes, or that it is left out: no activation waits for its report.

        Where very many are compared, the database gives the question up; it would do so each time.
        """
        try:
            found = await self._store.diff(job.tenant, job.generation, now, limit=1)
        except StoreError as error:
            _log.warning("rebuild_report_left_out", generation=job.generation, error=str(error))
            return report_text(now, None)
        return None if found is None else report_text(found.as_of, found.matrix)

    async def activate(self, tenant: str, generation: int) -> Generation:
        """Return the rebuild, now what readers see; one that is already stays as it is.

        Raises:
            Problem: `rebuild_not_found`; `rebuild_not_ready` where it is not whole, or given up.
        """
        found = await self.find(tenant, generation)
        if found.status == "ready":
            found = await self._activate(found)
        if found.status != "active":
            message = f"rebuild {generation}: expected one that is ready, it is {found.status}"
            raise Problem("rebuild_not_ready", message)
        return found

    async def diff(
        self, tenant: str, generation: int, *, after: After | None = None, limit: int = 100
    ) -> Diff:
        """Return what a rebuild changes.

        Raises:
            Problem: `rebuild_not_found`; `rebuild_not_ready` where it is not whole, or given up.
        """
        now = self._clock.now()
        diff = await self._store.diff(tenant, generation, now, after=after, limit=limit)
        if diff is not None:
            return diff
        found = await self.find(tenant, generation)
        message = f"rebuild {generation}: expected one that is whole, it is {found.status}"
        raise Problem("rebuild_not_ready", message)

    async def find(self, tenant: str, generation: int) -> Generation:
        """Return that rebuild.

        Raises:
            Problem: `rebuild_not_found`.
        """
        found = await self._store.generation(tenant, generation)
        if found is None:
            raise Problem("rebuild_not_found", f"there is no rebuild {generation}")
        return found

    async def _fail(self, job: Generation, error: str) -> None:
        await self._store.fail_generation(job.generation, error, self._clock.now())

    async def ended(self, begun: Generation, *, seconds: float | None = None) -> Generation:
        """Return the rebuild at its end, or as it is when *seconds* have passed."""
        self.nudge()
        try:
            async with asyncio.timeout(seconds):
                while True:
                    found = await self._found(begun)
                    if not found.is_under_way:
                        return found
                    assert self._drive is not None  # noqa: S101 -- made by `nudge`
                    await asyncio.wait([self._drive], timeout=LOOK_AGAIN_SECONDS)
                    self.nudge()
        except TimeoutError:
            return await self._found(begun)

    async def all_ended(self, begun: Sequence[Generation], *, seconds: float) -> list[Generation]:
        """Return the rebuilds at their end, or as they are when *seconds* have passed for all."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        return [await self.ended(one, seconds=max(until - loop.time(), 0)) for one in begun]

    async def _found(self, begun: Generation) -> Generation:
        found = await self._store.generation(begun.tenant, begun.generation)
        return begun if found is None else found

    async def cancel(self, tenant: str, generation: int) -> Generation:
        """Return the rebuild, given up; readers go on with what they see.

        Raises:
            Problem: `rebuild_not_found`; `rebuild_ended` where it has become active.
        """
        found = await self.find(tenant, generation)
        notes.tell(before=found)
        ended = await self._store.fail_generation(generation, CANCELLED, self._clock.now())
        if ended.status != "failed":
            message = f"rebuild {generation} has ended: it is {ended.status}"
            raise Problem("rebuild_ended", message)
        return ended

    async def settle(self) -> None:
        """Wait until no rebuild is under way."""
        if await self._store.generations_under_way():
            self.nudge()
        if self._drive is not None:
            await asyncio.gather(self._drive, return_exceptions=True)

    async def close(self) -> None:
        """Stop; another process, or the next one, goes on."""
        if self._drive is not None:
            self._drive.cancel()
            await asyncio.gather(self._drive, return_exceptions=True)
        if self._builders is not None:
            await self._builders.close()
