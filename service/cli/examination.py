"""What `stagefold doctor` looks at, one check each."""

from __future__ import annotations

import platform
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from domain.instants import MINUTE, SECOND, format_instant
from service.access.keys import DEFAULT_TENANT
from service.cli.session import database_path, require_database, settings_now, use
from service.ports import StoreHealth
from service.safekeeping.verifying import verify_projections
from service.services import Services
from service.settings import Settings

_FREE_BYTES_MIN = 1 << 30
_AHEAD_MAX = 5 * MINUTE
_OVERDUE_MAX = 10 * MINUTE
_SIGNS = {"ok": "+", "warning": "!", "error": "-"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: how it is, and what to do about it."""

    name: str
    severity: Literal["ok", "warning", "error"]
    found: str
    cure: str = ""

    @property
    def sign(self) -> str:
        """One character that says how bad it is."""
        return _SIGNS[self.severity]

    def members(self) -> dict[str, object]:
        """Return the check as JSON members."""
        return {**asdict(self), "cure": self.cure or None}


def examine(*, thorough: bool) -> list[Check]:
    """Return every check.

    Raises:
        CommandError: There is no database to look at.
        StoreError: It cannot be opened.
    """
    settings = settings_now()
    require_database(settings)

    async def ask(services: Services) -> list[Check]:
        now = services.clock.now()
        health = await services.store.health(now)
        parked = await services.store.parked(DEFAULT_TENANT, limit=5)
        findings = await services.store.inspect(thorough=thorough)
        if thorough:
            folded = await verify_projections(services.store, lambda *_: None)
            findings = [*findings, *folded.findings]
        return [
            *_of_health(health, now),
            *(
                Check("parked", "error", f"{each.subject.text} in {each.model}: {each.error}")
                for each in parked
            ),
            *(Check(each.code, each.severity, each.message) for each in findings),
            *([] if findings else [Check("data", "ok", "nothing wrong was found in it")]),
        ]

    return [*_of_host(), *_of_settings(settings), *use(ask, settings=settings)]


def _of_host() -> Iterator[Check]:
    versions = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    yield Check("runtime", "ok", f"{versions}, {platform.system()} {platform.machine()}")


def _of_settings(settings: Settings) -> Iterator[Check]:
    for name in settings.unknown:
        yield Check("settings", "warning", f"{name} is no setting", "is it misspelled?")
    if not settings.unknown:
        yield Check("settings", "ok", "all are known")
    path = database_path(settings)
    if path is not None:
        yield _disk(path)
    if settings.generated_key_path.exists():
        yield _key_file(settings.generated_key_path)


def _disk(path: Path) -> Check:
    free = shutil.disk_usage(path.parent).free
    found = f"{free >> 20:,} MiB free beside {path}"
    if free < _FREE_BYTES_MIN:
        return Check("disk", "warning", found, "make room: a full disk stops the intake of events")
    return Check("disk", "ok", found)


def _key_file(path: Path) -> Check:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return Check("key", "error", f"{path} is open to others ({mode:o})", f"chmod 600 {path}")
    return Check("key", "ok", f"{path} is its owner's only")


def _of_health(health: StoreHealth, now: int) -> Iterator[Check]:
    positions = health.positions
    place = f"{health.kind} {health.place}, schema {health.revision or '-'}"
    yield Check("store", "ok", f"{place}, {health.size_bytes >> 20:,} MiB")
    lag = positions.head - positions.applied
    since = health.waiting_since
    waits = (
        "" if since is None else f", {lag} events wait, the oldest for {(now - since) // SECOND} s"
    )
    yield Check(
        "projection",
        "warning" if lag else "ok",
        f"log position {positions.head}, applied {positions.applied}, feed {positions.feed}{waits}",
        "is stagefold serve running? it folds what waits" if lag else "",
    )
    if positions.recorded_at > now + _AHEAD_MAX:
        newest = format_instant(positions.recorded_at)
        yield Check("clock", "error", f"the newest event was recorded at {newest}", "set the clock")
    overdue = 0 if health.oldest_due_at is None else now - health.oldest_due_at
    if overdue > _OVERDUE_MAX:
        message = f"{health.due} deadlines wait, the oldest for {overdue // SECOND} s"
        yield Check("sweeper", "warning", message, "is stagefold serve running? it sweeps")
    else:
        yield Check("sweeper", "ok", f"{health.due} deadlines wait")
    if health.parked:
        message = f"{health.parked} subjects are not being folded"
        yield Check("parked subjects", "error", message, "publish a model that folds them")
