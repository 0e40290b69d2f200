"""Backtests as rows: jobs that any process goes on with, and those whom a candidate puts elsewhere.

A job is claimed by a lease and carried on page by page. What a page found, how far it came and the
lease are one write, refused where somebody else has gone on meanwhile; so nobody is counted twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from projections.asking import Script, ask
from projections.backtesting.backtest import Found
from projections.registers.register import AskEntries, Register, WriteEntries, entry, put, remove

BacktestStatus = Literal["running", "done", "failed", "cancelled", "forgotten"]


@dataclass(frozen=True, slots=True)
class Backtest:
    """One backtest and how far it has come.

    Attributes:
        hash: Of the document on trial.
        document: Canonical JSON of it.
        accounts: 1 for a model of accounts.
        against: The generation that it is compared with; None where none was active.
        as_of: The instant at which stages are compared.
        news_since: Transitions after it are recent enough to be announced.
        sample: The share of subjects that is folded, a decimal fraction.
        known_at: Log position up to which history counts.
        end: Buckets from it on are not in the sample.
        buckets_done: Buckets below it are done.
        done, total: Events.
        holder: Which process carries it on; None for nobody yet.
        lease_until: Until when, unless it says so again.
        found: What it has found, see `projections.backtesting.backtest.Found`.
    """

    tenant: str
    id: str
    model: str
    hash: str
    document: str
    accounts: int
    against: int | None
    against_version: int | None
    as_of: int
    news_since: int
    sample: str
    known_at: int
    end: int
    total: int
    started_at: int
    buckets_done: int = 0
    done: int = 0
    status: BacktestStatus = "running"
    finished_at: int | None = None
    error: str | None = None
    holder: str | None = None
    lease_until: int | None = None
    found: str = Found().text

    @property
    def result(self) -> Found:
        """What it has found; whole once the status is `done`."""
        return Found.of(self.found)


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One whom the candidate puts elsewhere; *change* is the text of a `Change`."""

    tenant: str
    backtest: str
    number: int
    old: str | None
    new: str | None
    change: str


BACKTESTS = Register("backtests", Backtest, key=2)
CHANGES = Register("backtest_changes", ChangeRow, key=3)


def running() -> Script[list[Backtest]]:
    """Return what is running, of whatever tenant, the oldest first."""
    rows = yield from ask(AskEntries(BACKTESTS, equal=(("status", "running"),)))
    return sorted(map(BACKTESTS.value, rows), key=lambda job: (job.started_at, job.id))


def begin(job: Backtest, *, at_once_max: int, kept_max: int) -> Script[bool]:
    """Write *job*, unless as many are running as may; let go of the oldest that have ended."""
    if len((yield from running())) >= at_once_max:
        return False
    ended = [one for one in (yield from of_tenant(job.tenant)) if one.status != "running"]
    for one in ended[max(0, kept_max - 1) :]:
        yield from put(BACKTESTS, replace(one, status="forgotten"))
    yield from put(BACKTESTS, job)
    return True


def of_tenant(tenant: str) -> Script[list[Backtest]]:
    """Return the jobs that are remembered, the newest first."""
    rows = yield from ask(AskEntries(BACKTESTS, (tenant,)))
    found = [job for job in map(BACKTESTS.value, rows) if job.status != "forgotten"]
    return sorted(found, key=lambda job: (job.started_at, job.id), reverse=True)


def find(tenant: str, name: str) -> Script[Backtest | None]:
    """Return the job with that id, if it is remembered."""
    found = yield from entry(BACKTESTS, tenant, name)
    return None if found is None or found.status == "forgotten" else found


def claim(holder: str, now: int, *, until: int) -> Script[Backtest | None]:
    """Return the oldest job that nobody else holds, held by *holder* from now on."""
    for job in (yield from running()):
        if job.holder in (None, holder) or job.lease_until is None or job.lease_until <= now:
            held = replace(job, holder=holder, lease_until=until)
            yield from put(BACKTESTS, held)
            return held
    return None


def carry_on(
    before: Backtest, after: Backtest, changes: Sequence[tuple[str | None, str | None, str]]
) -> Script[bool]:
    """Write what a page found; return whether *before* was still how the job stood."""
    stands = yield from entry(BACKTESTS, before.tenant, before.id)
    if stands is None or not _goes_on(stands, before):
        return False
    yield from put(BACKTESTS, after)
    first = before.result.kept
    rows = [
        ChangeRow(before.tenant, before.id, number, *change)
        for number, change in enumerate(changes, start=first)
    ]
    yield from put(CHANGES, *rows)
    return True


def _goes_on(stands: Backtest, before: Backtest) -> bool:
    same = (stands.holder, stands.buckets_done) == (before.holder, before.buckets_done)
    return stands.status == "running" and same


def end(job: Backtest, status: BacktestStatus, now: int, error: str | None) -> Script[Backtest]:
    """Return the job, ended as *status* unless it had ended already."""
    stands = yield from entry(BACKTESTS, job.tenant, job.id)
    if stands is None or stands.status != "running":
        return stands or job
    ended = replace(stands, status=status, finished_at=now, error=error, holder=None)
    yield from put(BACKTESTS, ended)
    return ended


def changes_of(
    job: Backtest, *, after: int | None, limit: int, old: str | None, new: str | None
) -> Script[list[ChangeRow]]:
    """Return those who change behind number *after*; *old* and *new* narrow to a stage."""
    wanted = tuple((name, stage) for name, stage in (("old", old), ("new", new)) if stage)
    asked = AskEntries(
        CHANGES,
        (job.tenant, job.id),
        after=() if after is None else (after,),
        equal=wanted,
        limit=limit,
    )
    return [CHANGES.value(row) for row in (yield from ask(asked))]


def forget(limit: int) -> Script[int]:
    """Remove at most *limit* rows of jobs that nobody remembers; return how many."""
    rows = yield from ask(AskEntries(BACKTESTS, equal=(("status", "forgotten"),), limit=1))
    for job in map(BACKTESTS.value, rows):
        changes = yield from ask(AskEntries(CHANGES, (job.tenant, job.id), limit=limit))
        yield from ask(WriteEntries(CHANGES, removed=[row[: CHANGES.key] for row in changes]))
        if not changes:
            yield from remove(BACKTESTS, job)
        return len(changes) or 1
    return 0


def tried_at(jobs: Iterable[Backtest], model: str, digest: str) -> int | None:
    """Return when one of *jobs* last tried that document to its end; None for never."""
    ended = [
        job.finished_at
        for job in jobs
        if (job.model, job.hash, job.status) == (model, digest, "done")
    ]
    return max((at for at in ended if at is not None), default=None)
