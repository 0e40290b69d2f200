"""Backtests: a candidate model tried on all of history, beside the live models, without writing.

A job reads everybody's history page by page and folds it by the candidate and by the active
version. Jobs and their results live in this process: they end with it, and only it can tell them.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import Literal

import structlog

from domain.buckets import BUCKETS
from domain.instants import SECOND
from domain.lineage import of_one
from domain.machine import compile_model
from domain.model import Model
from projections.backtest import Tally, Trial
from service.catalogue import Catalogue
from service.errors import Problem
from service.ports import Clock, ModelVersion, Randomness, Store, StoreError

EVENTS_AT_ONCE = 5_000
"""Events that one page of a backtest reads and folds."""
JOBS_KEPT_MAX = 4
"""Of a tenant; the oldest that has ended is forgotten for a new one."""
JOBS_AT_ONCE_MAX = 2
NOTIFY_MAX_AGE = 72 * 3_600 * SECOND
"""Transitions older than this are announced to nobody."""

_log = structlog.get_logger("stagefold.backtests")

BacktestStatus = Literal["running", "done", "failed", "cancelled"]


@dataclass(slots=True)
class Backtest:
    """One backtest and how far it has come.

    Attributes:
        candidate: The model on trial.
        against: The active version that it is compared with; None where none is active.
        sample: The share of subjects that is folded, by bucket.
        known_at: Log position up to which history counts.
        end: Buckets from it on are not in the sample.
        done, total: Events.
        tally: What it has found; whole once the status is `done`.
    """

    id: str
    tenant: str
    candidate: Model
    against: ModelVersion | None
    sample: float
    known_at: int
    end: int
    total: int
    started_at: int
    tally: Tally
    done: int = 0
    status: BacktestStatus = "running"
    finished_at: int | None = None
    error: str | None = None


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
    """The backtests of this process."""

    def __init__(
        self, store: Store, clock: Clock, randomness: Randomness, catalogue: Catalogue
    ) -> None:
        """Read histories from *store*, and the active models from *catalogue*."""
        self._store = store
        self._clock = clock
        self._randomness = randomness
        self._catalogue = catalogue
        self._jobs: dict[str, Backtest] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def begin(self, order: Order) -> Backtest:
        """Return the job that tries the candidate of *order*.

        Raises:
            Problem: `backtest_refused` where the active version has other subjects, or while as
                many are running as may.
        """
        self._expect_room()
        job = await self._prepared(order)
        self._expect_room()
        self._forget_oldest(order.tenant)
        self._jobs[job.id] = job
        task = asyncio.create_task(self._run(job), name=f"backtest {job.id}")
        self._tasks[job.id] = task
        task.add_done_callback(lambda ended: self._end(job, ended))
        return job

    def _expect_room(self) -> None:
        if len(self._tasks) >= JOBS_AT_ONCE_MAX:
            message = f"{JOBS_AT_ONCE_MAX} backtests are running; wait for one or cancel it"
            raise Problem("backtest_refused", message)

    async def _prepared(self, order: Order) -> Backtest:
        now = self._clock.now()
        candidate, as_of = order.candidate, now if order.as_of is None else order.as_of
        newest = await self._store.model(order.tenant, candidate.key)
        is_active = newest is not None and newest.active_generation is not None
        against = newest if is_active else None
        active = None if against is None else self._catalogue.model_of(against)
        if active is not None and active.subject != candidate.subject:
            message = f"subject: the active version has {active.subject}s, the candidate"
            raise Problem("backtest_refused", f"{message} {candidate.subject}s")
        trial = Trial(
            candidate=of_one(0, compile_model(candidate)),
            active=None if active is None else of_one(1, compile_model(active)),
            as_of=as_of,
            news_since=as_of - NOTIFY_MAX_AGE,
        )
        end = math.ceil(order.sample * BUCKETS)
        accounts = candidate.subject == "account"
        return Backtest(
            id=f"bt_{self._randomness.token(12).hex()}",
            tenant=order.tenant,
            candidate=candidate,
            against=against,
            sample=order.sample,
            known_at=(await self._store.positions()).head,
            end=end,
            total=await self._store.history_load(order.tenant, accounts=accounts, end=end),
            started_at=now,
            tally=Tally(trial),
        )

    def _forget_oldest(self, tenant: str) -> None:
        ours = [each for each in self._jobs.values() if each.tenant == tenant]
        ended = [each.id for each in ours if each.id not in self._tasks]
        for name in ended[: max(0, len(ours) - JOBS_KEPT_MAX + 1)]:
            del self._jobs[name]

    async def _run(self, job: Backtest) -> None:
        bucket = 0
        while bucket < job.end:
            page = await self._store.histories(
                job.tenant,
                accounts=job.candidate.subject == "account",
                first=bucket,
                end=job.end,
                known_at=job.known_at,
                limit=EVENTS_AT_ONCE,
            )
            # Folding on a thread lets requests through, however long one subject's history is.
            await asyncio.to_thread(job.tally.take, page.rows)
            job.done += page.load
            bucket = page.end

    def _end(self, job: Backtest, task: asyncio.Task[None]) -> None:
        del self._tasks[job.id]
        job.finished_at = self._clock.now()
        if task.cancelled():
            job.status = "cancelled"
            return
        error = task.exception()
        if error is None:
            job.status, job.total = "done", job.done
            _log.info("backtest_done", backtest=job.id, model=job.candidate.key, events=job.done)
            return
        job.status = "failed"
        job.error = (
            str(error) if isinstance(error, StoreError) else "a mistake of ours; see the log"
        )
        _log.warning("backtest_failed", backtest=job.id, exc_info=error)

    def of_model(self, tenant: str, key: str) -> list[Backtest]:
        """Return the jobs for that model, the newest first."""
        found = [
            job for job in self._jobs.values() if (job.tenant, job.candidate.key) == (tenant, key)
        ]
        return found[::-1]

    def find(self, tenant: str, key: str, name: str) -> Backtest:
        """Return the job with that id.

        Raises:
            Problem: `backtest_not_found`.
        """
        job = self._jobs.get(name)
        if job is None or (job.tenant, job.candidate.key) != (tenant, key):
            raise Problem("backtest_not_found", f"there is no backtest {name[:40]!a} here")
        return job

    async def settle(self, job: Backtest) -> None:
        """Wait until *job* has ended."""
        task = self._tasks.get(job.id)
        if task is not None:
            await asyncio.wait([task])

    async def cancel(self, job: Backtest) -> None:
        """Stop *job*, if it is running, and wait until it has."""
        task = self._tasks.get(job.id)
        if task is not None:
            task.cancel()
            await self.settle(job)

    async def close(self) -> None:
        """Stop all jobs."""
        for job in [self._jobs[name] for name in self._tasks]:
            await self.cancel(job)
