"""Imports as rows: files that were uploaded, who carries each on, and how far it has come.

An import is claimed by a lease. How far it came is written behind each batch, and refused where it
was cancelled or somebody else goes on with it; so whoever lost it stops.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from projections.asking import Script, ask
from projections.registers.register import AskEntries, Register, entry, put, remove

ImportStatus = Literal["uploading", "running", "done", "failed", "cancelled"]
UNDER_WAY: tuple[ImportStatus, ...] = ("uploading", "running")


@dataclass(frozen=True, slots=True)
class ImportJob:
    """One uploaded file and how far it has come.

    Attributes:
        mapping: JSON of the mapping that says what its columns mean.
        key_id: Of the API key that sent it.
        source: The only event source that key speaks for; empty for any.
        event_types: JSON list of the patterns of event types that the key may send.
        path: Where the file is kept.
        received: Bytes that have arrived, as sent.
        holder: Which process carries it on; None for nobody yet.
        lease_until: Until when, unless it says so again.
        border, line: Border up to which every record was dealt with, unpacked.
        position, event_id: Of the newest of its events in the log; 0 and empty without one.
        reasons: JSON object: code of a rejection -> how often.
        read: Millionths of the file that have been read.
        worked: Microseconds that it took so far.
        warned: Accepted events that do not fit a schema which only warns; None before the first.
    """

    tenant: str
    id: str
    name: str
    mapping: str
    key_id: str
    source: str
    event_types: str
    path: str
    created_at: int
    received: int = 0
    status: ImportStatus = "uploading"
    finished_at: int | None = None
    error: str | None = None
    holder: str | None = None
    lease_until: int | None = None
    border: int = 0
    line: int = 0
    position: int = 0
    event_id: str = ""
    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    reasons: str = "{}"
    read: int = 0
    worked: int = 0
    warned: int | None = None

    @property
    def dealt_with(self) -> int:
        """Records of which it is known what became of them."""
        return self.accepted + self.duplicate + self.rejected


IMPORTS = Register("imports", ImportJob, key=2)


def begin(job: ImportJob, *, at_once_max: int, kept_max: int) -> Script[bool]:
    """Write *job* unless its tenant has too many under way; forget the oldest that have ended."""
    known = yield from of_tenant(job.tenant)
    ended = [one for one in known if one.status not in UNDER_WAY]
    if len(known) - len(ended) >= at_once_max:
        return False
    yield from remove(IMPORTS, *ended[max(0, kept_max - 1) :])
    yield from put(IMPORTS, job)
    return True


def find(tenant: str, name: str) -> Script[ImportJob | None]:
    """Return the import with that id, if there is one."""
    return (yield from entry(IMPORTS, tenant, name))


def of_tenant(tenant: str) -> Script[list[ImportJob]]:
    """Return the tenant's imports, the newest first."""
    rows = yield from ask(AskEntries(IMPORTS, (tenant,)))
    return sorted(map(IMPORTS.value, rows), key=_age, reverse=True)


def with_status(status: ImportStatus) -> Script[list[ImportJob]]:
    """Return the imports of that status, of whatever tenant, the oldest first."""
    rows = yield from ask(AskEntries(IMPORTS, equal=(("status", status),)))
    return sorted(map(IMPORTS.value, rows), key=_age)


def _age(job: ImportJob) -> tuple[int, str]:
    return job.created_at, job.id


def received(job: ImportJob, octets: int, *, is_whole: bool) -> Script[ImportJob | None]:
    """Return *job* with that much received, to be run where the file is whole; None if it ended."""
    stands = yield from entry(IMPORTS, job.tenant, job.id)
    if stands is None or stands.status != "uploading":
        return None
    after = replace(stands, received=octets, status="running" if is_whole else "uploading")
    yield from put(IMPORTS, after)
    return after


def claim(job: ImportJob, holder: str, now: int, *, until: int) -> Script[ImportJob | None]:
    """Return *job* held by *holder* from now on; None where it ended or somebody else holds it."""
    stands = yield from entry(IMPORTS, job.tenant, job.id)
    if stands is None or stands.status != "running" or is_held(stands, now, but_by=holder):
        return None
    held = replace(stands, holder=holder, lease_until=until)
    yield from put(IMPORTS, held)
    return held


def is_held(job: ImportJob, now: int, *, but_by: str = "") -> bool:
    """Whether a process, other than *but_by*, says that it carries *job* on."""
    return job.holder not in (None, but_by) and (job.lease_until or 0) > now


def carry_on(before: ImportJob, after: ImportJob) -> Script[bool]:
    """Write how far *before* has come; return whether it was still how the job stood."""
    stands = yield from entry(IMPORTS, before.tenant, before.id)
    same = stands is not None and (stands.holder, stands.border) == (before.holder, before.border)
    if stands is None or stands.status != "running" or not same:
        return False
    yield from put(IMPORTS, after)
    return True


def let_go(job: ImportJob) -> Script[None]:
    """Let another process go on with *job* at once."""
    stands = yield from entry(IMPORTS, job.tenant, job.id)
    if stands is not None and stands.holder == job.holder:
        yield from put(IMPORTS, replace(stands, holder=None, lease_until=None))


def end(job: ImportJob, status: ImportStatus, now: int, error: str | None) -> Script[ImportJob]:
    """Return the job, ended as *status* unless it had ended already."""
    stands = yield from entry(IMPORTS, job.tenant, job.id)
    if stands is None or stands.status not in UNDER_WAY:
        return stands or job
    ended = replace(stands, status=status, finished_at=now, error=error, holder=None)
    yield from put(IMPORTS, ended)
    return ended
