"""Imports by upload: a file in the spool, a row that says how far it came, a loop that goes on.

A process that stops or is killed leaves a row whose lease runs out; whichever process reaches the
file goes on behind the last batch that the row tells of. What it offers again, the log knows.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from domain.instants import DAY, SECOND
from projections.asking import EVERYBODY
from projections.registers import imports
from projections.registers.imports import ImportJob, ImportStatus
from service.door.events import Origin, Refused
from service.errors import Place, Problem
from service.imports import spool
from service.imports.bookmarks import Bookmark
from service.imports.lines import Place as Border
from service.imports.lines import UnreadableFile
from service.imports.parquet import check_readable
from service.imports.plan import Plan, PlanError, read_plan
from service.imports.rejected import Rejected
from service.imports.running import Count, FileImport, Task
from service.imports.spool import Spool
from service.intake.ingest import Intake, Outcome
from service.intake.rejections import IMPORTS_ROUTE, Rejections
from service.leases import Leases
from service.ports import Clock, Randomness, Store

UNDER_WAY_MAX = 20
"""Most imports of a tenant that wait for their file or are worked on."""

KEPT_MAX = 1_000
REJECTED_KEPT_MAX = 10_000
"""So many refused records of an import are kept to be seen; all of them are counted."""

LEASE = 10 * SECOND
UPLOAD_DAYS_MAX = 7
"""An upload that has not come to its end by then is given up."""

_WHOLE = 1_000_000
_log = structlog.get_logger("stagefold.imports")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be imported.

    Attributes:
        mapping: What its columns mean, as `service.imports.plan` reads it.
        source: The only event source that the key speaks for; None for any.
    """

    tenant: str
    name: str
    mapping: Mapping[str, object]
    key_id: str
    source: str | None = None
    event_types: tuple[str, ...] = ()


class LostHold(Exception):  # noqa: N818 -- it names a state of affairs
    """The import was cancelled, or another process goes on with it."""


@dataclass(frozen=True, slots=True)
class Doors:
    """Where records go: into the log, or among the rejected; and what the work is claimed by.

    Attributes:
        count: Takes note of what became of them, for metrics.
    """

    intake: Intake
    rejections: Rejections
    leases: Leases
    count: Count


class Imports:
    """The imports that this process takes and carries on."""

    def __init__(
        self, store: Store, clock: Clock, randomness: Randomness, doors: Doors, files: Spool
    ) -> None:
        self._store = store
        self._clock = clock
        self._randomness = randomness
        self._doors = doors
        self._files = files
        self._holder = ""
        self._held: ImportJob | None = None

    @property
    def is_at_work(self) -> bool:
        """Whether this process is importing now."""
        return self._held is not None

    # ------------------------------------------------------------ coming in

    async def begin(self, order: Order) -> ImportJob:
        """Return an import that waits for its file.

        Raises:
            Problem: `validation_failed` where the mapping cannot be used; `import_refused` while as
                many are under way as may.
        """
        _plan_of(order.mapping, order.name, order.source)
        name = f"imp_{self._randomness.token(12).hex()}"
        job = ImportJob(
            tenant=order.tenant,
            id=name,
            name=order.name,
            mapping=json.dumps(dict(order.mapping), ensure_ascii=False),
            key_id=order.key_id,
            source=order.source or "",
            event_types=json.dumps(order.event_types),
            path=str(self._files.folder / name),
            created_at=self._clock.now(),
        )
        script = imports.begin(job, at_once_max=UNDER_WAY_MAX, kept_max=KEPT_MAX)
        if not await self._store.keep(script):
            message = f"{UNDER_WAY_MAX} imports are under way; wait for one or cancel it"
            raise Problem("import_refused", message)
        return job

    async def take(
        self, job: ImportJob, begin: int, pieces: AsyncIterator[bytes], *, is_last: bool
    ) -> ImportJob:
        """Return *job* after *pieces* have been added to its file behind byte *begin*.

        With *is_last* the file is whole, and the import begins. What came before a connection broke
        is kept.

        Raises:
            Problem: `import_refused`, `upload_offset_mismatch`, `body_too_large`.
        """
        path = Path(job.path)
        if job.status != "uploading":
            raise Problem("import_refused", f"expected one that waits for its file: {job.status}")
        known = spool.size_of(path)
        if known is None and job.received:
            raise Problem("import_refused", _out_of_reach(job))
        if begin != (known or 0):
            raise _mismatch(known or 0, begin)
        try:
            await spool.append(path, begin, pieces, longest=self._files.bytes_max)
        except spool.SpoolBusy:
            raise Problem("import_refused", "another request is sending this file") from None
        except spool.TooLong:
            message = (
                f"expected a file of at most {self._files.bytes_max} bytes; import it in parts"
            )
            raise Problem("body_too_large", message) from None
        except OSError as error:
            message = f"the file was not kept: {error.strerror}; go on behind what has arrived"
            raise Problem("store_unavailable", message, retry_after_seconds=60) from None
        size = spool.size_of(path) or 0
        after = await self._store.keep(imports.received(job, size, is_whole=is_last))
        if after is None:
            spool.remove(path)
            raise Problem("import_refused", "it was cancelled meanwhile")
        return after

    # ------------------------------------------------------------ carrying on

    async def round(self) -> bool:
        """Carry the oldest import to its end that nobody else holds; return whether there was one.

        Raises:
            StoreUnavailable: It stands where it stood; the next round goes on.
        """
        await self._give_up_old_uploads()
        for job in await self._store.look(imports.with_status("running"), of=EVERYBODY):
            if spool.size_of(Path(job.path)) is None:
                continue
            self._holder = self._holder or self._randomness.token(12).hex()
            now = self._clock.now()
            held = await self._store.keep(imports.claim(job, self._holder, now, until=now + LEASE))
            if held is not None:
                await self._carry_on(held)
                return True
        return False

    async def _carry_on(self, job: ImportJob) -> None:
        self._held = job
        try:
            await self._run(job)
        except LostHold:
            return
        except (PlanError, UnreadableFile) as error:
            await self._end(job, "failed", str(error)[:500])
        else:
            await self._end(job, "done", None)
        finally:
            self._held = None

    async def _run(self, job: ImportJob) -> None:
        plan = _plan_of(json.loads(job.mapping), job.name, job.source or None)
        task = Task(
            path=Path(job.path),
            plan=plan,
            tenant=job.tenant,
            key_id=job.key_id,
            is_forced=bool(job.source),
            event_types=tuple(json.loads(job.event_types)),
        )
        keeps = _InTheStore(job, self._store, self._clock, self._doors)
        running = FileImport(
            task, self._doors.intake, self._store, self._clock, keeps, count=self._doors.count
        )
        await running.run(lambda _: None)

    async def _end(self, job: ImportJob, status: ImportStatus, error: str | None) -> ImportJob:
        ended = await self._store.keep(imports.end(job, status, self._clock.now(), error))
        spool.remove(Path(job.path))
        _log.info(
            "import_ended",
            import_id=job.id,
            status=ended.status,
            error=error,
            accepted=ended.accepted,
            rejected=ended.rejected,
        )
        return ended

    async def _give_up_old_uploads(self) -> None:
        until = self._clock.now() - UPLOAD_DAYS_MAX * DAY
        for job in await self._store.look(imports.with_status("uploading"), of=EVERYBODY):
            if job.created_at < until:
                message = f"its file did not come to its end within {UPLOAD_DAYS_MAX} days"
                await self._end(job, "failed", message)

    async def close(self) -> None:
        """Let another process, or the next one, go on at once."""
        for job in await self._store.look(imports.with_status("running"), of=EVERYBODY):
            if self._holder and job.holder == self._holder:
                await self._store.keep(imports.let_go(job))

    # ------------------------------------------------------------ being asked

    async def of_tenant(self, tenant: str) -> list[ImportJob]:
        """Return the tenant's imports, the newest first."""
        return await self._store.look(imports.of_tenant(tenant), of=tenant)

    async def find(self, tenant: str, name: str) -> ImportJob:
        """Return the import with that id.

        Raises:
            Problem: `import_not_found`.
        """
        job = await self._store.look(imports.find(tenant, name), of=tenant)
        if job is None:
            raise Problem("import_not_found", f"there is no import {name[:40]!a}")
        return job

    async def cancel(self, job: ImportJob) -> ImportJob:
        """Return *job*, given up unless it had ended; what is in the log stays there."""
        return await self._end(job, "cancelled", None)

    def arrived(self, job: ImportJob) -> int:
        """Return how many bytes of its file are on disk."""
        found = spool.size_of(Path(job.path)) if job.status == "uploading" else None
        return job.received if found is None else found

    def trouble(self, job: ImportJob) -> str | None:
        """Return why nobody carries *job* on, if that is so as far as this process can see."""
        if job.status != "running" or imports.is_held(job, self._clock.now()):
            return None
        return None if spool.size_of(Path(job.path)) is not None else _out_of_reach(job)


class _InTheStore:
    """Keeps how far an import has come in its row, and refused records among the rejected events.

    Fits `service.imports.running.Keeps`.
    """

    def __init__(self, job: ImportJob, store: Store, clock: Clock, doors: Doors) -> None:
        self._job = job
        self._store = store
        self._clock = clock
        self._doors = doors
        self._before = job.worked
        self._begun = clock.now()

    async def read(self) -> Bookmark | None:
        """Return where the row says that it stands."""
        job = self._job
        return Bookmark(
            place=Border(job.border, job.line),
            position=job.position,
            event_id=job.event_id,
            rejected_bytes=job.rejected,
            accepted=job.accepted,
            duplicate=job.duplicate,
            rejected=job.rejected,
            reasons=json.loads(job.reasons),
            warned=job.warned or 0,
        )

    def begin(self, bookmark: Bookmark) -> None:
        """Nothing is to be forgotten: what is refused again is counted as seen again."""

    async def refuse(self, rejected: Sequence[Rejected], origin: Origin) -> int:
        """Keep *rejected* among the rejected events, the first of them at least."""
        room = max(0, REJECTED_KEPT_MAX - self._job.rejected)
        texts = [each.record.text or each.record.raw for each in rejected[:room]]
        outcomes = [
            Outcome(None, refused=Refused(each.event_id, tuple(each.faults)))
            for each in rejected[:room]
        ]
        await self._doors.rejections.note(
            texts, outcomes, origin, f"{IMPORTS_ROUTE}/{self._job.id}"
        )
        return self._job.rejected + len(rejected)

    async def write(self, bookmark: Bookmark, share: float) -> None:
        """Write the row.

        Raises:
            LostHold: Somebody else did, or it was cancelled.
        """
        now = self._clock.now()
        after = replace(
            self._job,
            border=bookmark.place.offset,
            line=bookmark.place.line,
            position=bookmark.position,
            event_id=bookmark.event_id,
            accepted=bookmark.accepted,
            duplicate=bookmark.duplicate,
            rejected=bookmark.rejected,
            reasons=json.dumps(dict(bookmark.reasons)),
            warned=bookmark.warned,
            read=int(share * _WHOLE),
            worked=self._before + now - self._begun,
            lease_until=now + LEASE,
        )
        if not await self._store.keep(imports.carry_on(self._job, after)):
            raise LostHold
        self._job = after
        # Swept up to the present, silences would be written down that the next lines break.
        await self._doors.leases.hold("sweeper")

    async def forget(self) -> None:
        """Note that the whole file was read."""
        after = replace(self._job, read=_WHOLE)
        if not await self._store.keep(imports.carry_on(self._job, after)):
            raise LostHold

    def close(self) -> None:
        """Nothing is open."""


def _plan_of(mapping: Mapping[str, object], name: str, source: str | None) -> Plan:
    try:
        plan = read_plan(mapping, name=name)
        check_readable(plan)
    except PlanError as error:
        places = [
            Place(f"/mapping/{each.partition(':')[0].replace('.', '/')}", "bad_mapping", each)
            for each in error.problems
        ]
        raise Problem("validation_failed", str(error), errors=places) from None
    return plan if source is None else replace(plan, source=source)


def _out_of_reach(job: ImportJob) -> str:
    return (
        f"its file {job.path} cannot be reached from here: a process that has that folder goes on;"
        " where it is gone for good, cancel this import and send the file again"
    )


def _mismatch(expected: int, found: int) -> Problem:
    message = f"Upload-Offset: expected {expected}, so many bytes are here; found {found}"
    return Problem("upload_offset_mismatch", message, extensions={"upload_offset": expected})
