"""Backtests: a candidate model tried on all of history, beside the live models.

A job reads everybody's history page by page and folds it by the candidate and by what was active.
Jobs and what they find are rows: where a process stops, is killed or loses the database, another
one, or the next, goes on with the page that was not written. Nothing that is live is touched.
"""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import dataclass, replace

import structlog

from domain.buckets import BUCKETS
from domain.document import parse_model
from domain.instants import SECOND
from domain.lineage import of_one
from domain.machine import compile_model
from domain.model import Model
from projections.asking import EVERYBODY
from projections.backtesting import trials
from projections.backtesting.backtest import CHANGES_MAX, Change, Tally, Trial, change_of
from projections.backtesting.trials import Backtest, BacktestStatus
from projections.folding.folder import FOLD_FAILURES
from service.errors import Problem
from service.ports import Clock, Randomness, Store, StoreError, StoreUnavailable

EVENTS_AT_ONCE = 5_000
"""Events that one page of a backtest reads and folds."""
JOBS_KEPT_MAX = 20
"""Of a tenant; the oldest that has ended is forgotten for a new one."""
JOBS_AT_ONCE_MAX = 2
LEASE = 10 * SECOND
"""How long a process that does not say so again keeps a job from others."""

HOUR = 3_600 * SECOND
LOOK_AGAIN_SECONDS = 0.25
PAUSE_SECONDS_MAX = 30.0
ROWS_FORGOTTEN_AT_ONCE = 5_000
_TRIALS_MAX = 4

_log = structlog.get_logger("stagefold.backtests")


@dataclass(frozen=True, slots=True)
class Order:
    """What to try: a model that was read and checked.

    Attributes:
        as_of: The instant at which stages are compared; None for now.
        sample: The share of subjects to fold, above 0 and at most 1.
    """

    tenant: str
    candidate: Model
    as_of: int | None = None
    sample: float = 1.0


class Backtests:
    """The backtests that this process takes and carries on."""

    def __init__(
        self, store: Store, clock: Clock, randomness: Randomness, *, notify_max_age_hours: int = 72
    ) -> None:
        """Count as news what is not older than *notify_max_age_hours*."""
        self._store = store
        self._clock = clock
        self._randomness = randomness
        self._notify_max_age = notify_max_age_hours * HOUR
        self._holder = ""
        self._trials: dict[str, Trial] = {}
        self._turn = asyncio.Lock()
        self._drive: asyncio.Task[None] | None = None

    async def begin(self, order: Order) -> Backtest:
        """Return the job that tries the candidate of *order*.

        Raises:
            Problem: `backtest_refused` where the active version has other subjects, or while as
                many are running as may.
        """
        job = await self._prepared(order)
        script = trials.begin(job, at_once_max=JOBS_AT_ONCE_MAX, kept_max=JOBS_KEPT_MAX)
        if not await self._store.keep(script):
            message = f"{JOBS_AT_ONCE_MAX} backtests are running; wait for one or cancel it"
            raise Problem("backtest_refused", message)
        self.nudge()
        return job

    async def _prepared(self, order: Order) -> Backtest:
        now, candidate = self._clock.now(), order.candidate
        as_of = now if order.as_of is None else order.as_of
        active = await self._store.model(order.tenant, candidate.key)
        against = None if active is None else active.active_generation
        if active is not None and against is not None:
            subject = parse_model(json.loads(active.document)).subject
            if subject != candidate.subject:
                message = f"subject: the active version has {subject}s, the candidate"
                raise Problem("backtest_refused", f"{message} {candidate.subject}s")
        end = math.ceil(order.sample * BUCKETS)
        accounts = candidate.subject == "account"
        return Backtest(
            tenant=order.tenant,
            id=f"bt_{self._randomness.token(12).hex()}",
            model=candidate.key,
            hash=candidate.hash,
            document=json.dumps(candidate.document, ensure_ascii=False, separators=(",", ":")),
            accounts=int(accounts),
            against=against,
            against_version=None if active is None or against is None else active.version,
            as_of=as_of,
            news_since=as_of - self._notify_max_age,
            sample=repr(order.sample),
            known_at=(await self._store.positions()).head,
            end=end,
            total=await self._store.history_load(order.tenant, accounts=accounts, end=end),
            started_at=now,
        )

    # ------------------------------------------------------------ carrying on

    def nudge(self) -> None:
        """Go on at once, not only when the loop looks next."""
        if self._drive is None or self._drive.done():
            self._drive = asyncio.create_task(self._drive_on(), name="backtests")

    async def _drive_on(self) -> None:
        pause = LOOK_AGAIN_SECONDS
        while True:
            try:
                if not await self.round():
                    return
                pause = LOOK_AGAIN_SECONDS
                await asyncio.sleep(0)
            except StoreUnavailable as error:
                _log.warning("backtest_waits", error=str(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, PAUSE_SECONDS_MAX)

    async def round(self) -> bool:
        """Carry the oldest job that nobody else holds a page on; return whether there was one.

        Raises:
            StoreUnavailable: The job stands where it stood; the next round goes on.
        """
        async with self._turn:
            if not await self._store.look(trials.running(), of=EVERYBODY):
                return await self._store.keep(trials.forget(ROWS_FORGOTTEN_AT_ONCE)) > 1
            now = self._clock.now()
            self._holder = self._holder or self._randomness.token(12).hex()
            job = await self._store.keep(trials.claim(self._holder, now, until=now + LEASE))
            if job is None:
                return False
            try:
                await self._fold_page(job)
            except StoreUnavailable:
                raise
            except (StoreError, *FOLD_FAILURES) as error:
                await self._end(job, "failed", f"{type(error).__name__}: {error}"[:500])
            return True

    async def _fold_page(self, job: Backtest) -> None:
        page = await self._store.histories(
            job.tenant,
            accounts=bool(job.accounts),
            first=job.buckets_done,
            end=job.end,
            known_at=job.known_at,
            limit=EVENTS_AT_ONCE,
        )
        result = job.result
        tally = Tally(await self._trial(job), CHANGES_MAX - result.kept)
        # Folding on a thread lets requests through, however long one subject's history is.
        await asyncio.to_thread(tally.take, page.rows)
        now = self._clock.now()
        after = replace(
            job,
            buckets_done=page.end,
            done=job.done + page.load,
            found=result.plus(tally).text,
            lease_until=now + LEASE,
        )
        if page.end >= job.end:
            after = replace(after, status="done", total=after.done, finished_at=now, holder=None)
        written = await self._store.keep(trials.carry_on(job, after, tally.take_changes()))
        if written and after.status == "done":
            self._trials.pop(job.id, None)
            await self._store.note_backtested(job.tenant, job.model, job.hash, now)
            _log.info("backtest_done", backtest=job.id, model=job.model, events=after.done)

    async def _trial(self, job: Backtest) -> Trial:
        found = self._trials.get(job.id)
        if found is None:
            against = job.against
            active = None if against is None else await self._store.lineage(job.tenant, against)
            candidate = compile_model(parse_model(json.loads(job.document)))
            found = Trial(of_one(0, candidate), active, job.as_of, job.news_since)
            while len(self._trials) >= _TRIALS_MAX:
                del self._trials[next(iter(self._trials))]
            self._trials[job.id] = found
        return found

    async def _end(self, job: Backtest, status: BacktestStatus, error: str | None) -> Backtest:
        ended = await self._store.keep(trials.end(job, status, self._clock.now(), error))
        if ended.status == "failed":
            _log.warning("backtest_failed", backtest=job.id, model=job.model, error=error)
        return ended

    # ------------------------------------------------------------ being asked

    async def of_model(self, tenant: str, key: str) -> list[Backtest]:
        """Return the jobs for that model, the newest first."""
        found = await self._store.look(trials.of_tenant(tenant), of=tenant)
        return [job for job in found if job.model == key]

    async def find(self, tenant: str, key: str, name: str) -> Backtest:
        """Return the job with that id.

        Raises:
            Problem: `backtest_not_found`.
        """
        job = await self._store.look(trials.find(tenant, name), of=tenant)
        if job is None or job.model != key:
            raise Problem("backtest_not_found", f"there is no backtest {name[:40]!a} here")
        return job

    async def changes(
        self,
        job: Backtest,
        *,
        limit: int,
        after: int | None = None,
        old: str | None = None,
        new: str | None = None,
    ) -> tuple[list[Change], int | None]:
        """Return those who change behind number *after*, and where to go on; None at the end."""
        script = trials.changes_of(job, after=after, limit=limit + 1, old=old, new=new)
        rows = await self._store.look(script, of=job.tenant)
        following = rows[limit - 1].number if len(rows) > limit else None
        return [change_of(row.change) for row in rows[:limit]], following

    async def settle(self, job: Backtest) -> Backtest:
        """Return *job* at its end, whoever carries it on."""
        while True:
            found = await self._store.look(trials.find(job.tenant, job.id), of=job.tenant)
            if found is None or found.status != "running":
                return found or job
            self.nudge()
            assert self._drive is not None  # noqa: S101 -- made by `nudge`
            await asyncio.wait([self._drive], timeout=LOOK_AGAIN_SECONDS)
            if self._drive.done():
                await asyncio.sleep(LOOK_AGAIN_SECONDS if await self._is_held(job) else 0)

    async def _is_held(self, job: Backtest) -> bool:
        found = await self._store.look(trials.find(job.tenant, job.id), of=job.tenant)
        return found is not None and found.holder not in (None, self._holder)

    async def cancel(self, job: Backtest) -> Backtest:
        """Return *job*, given up if it was running."""
        return await self._end(job, "cancelled", None)

    async def close(self) -> None:
        """Stop; another process, or the next one, goes on."""
        if self._drive is not None:
            self._drive.cancel()
            await asyncio.gather(self._drive, return_exceptions=True)
