"""Verifying a whole store: the log against its seals, its keys and itself, projections against it.

Everything is read in pages, so that a log of any length needs the same memory, and a server may go
on writing: only what there was at the beginning is judged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from domain.buckets import BUCKETS
from projections.reading.health import Finding
from projections.safekeeping.seals import ALWAYS, FAULTS_MAX, Checking, Fault, SealChecking
from service.ports import Store, StoreDamaged
from service.safekeeping.seals import EVENTS_AT_ONCE

SEALS_AT_ONCE = 16
FOLDED_AT_ONCE = 20_000
BEFORE_ALL = -ALWAYS

Tell = Callable[[str, float, int], None]
"""Is told what is being done, which share of it is done, and how many events that are."""


@dataclass(slots=True)
class LogVerdict:
    """What came of verifying a log.

    Attributes:
        faults: What is wrong, the first `FAULTS_MAX` of it.
        found: How many faults there are in all.
        events: Events read.
        sealed: The last position that a seal stands for.
        root: Root of the newest seal.
    """

    faults: list[Fault]
    found: int
    events: int
    sealed: int
    root: bytes


@dataclass(slots=True)
class ProjectionsVerdict:
    """What came of folding everybody again.

    Attributes:
        digest: Equal for equal stages and transitions, whatever the database.
    """

    findings: list[Finding] = field(default_factory=list)
    found: int = 0
    subjects: int = 0
    records: int = 0
    digest: int = 0


async def verify_log(
    store: Store, tell: Tell, *, anchor: tuple[int, bytes] | None = None
) -> LogVerdict:
    """Return what of the log is not as it was written."""
    head = (await store.positions()).head
    newest = await store.newest_seals(limit=1)
    end = max([head, *(seal.to_position for seal in newest)])
    checking = Checking()
    reading = _Reading(store, checking, tell, end)
    try:
        anchored = await _read_sealed(reading, end, None if anchor is None else anchor[0])
        await reading.read(end, None)
    except StoreDamaged as damage:
        message = f"behind position {checking.position} it cannot be read: {damage}"
        checking.fault("page_broken", message, checking.position + 1)
    else:
        if checking.position != end and not checking.found:
            checking.fault("events_missing", f"the log ends before position {end}", end)
        if anchor is not None:
            _compare(checking, anchor, anchored)
    return LogVerdict(
        checking.faults, checking.found, reading.events, checking.sealed, checking.root
    )


async def _read_sealed(reading: _Reading, end: int, anchored_at: int | None) -> bytes | None:
    """Read all that is sealed; return the root of the seal that ends at *anchored_at*."""
    anchored, after = None, BEFORE_ALL
    while seals := await reading.store.seals(after=after, limit=SEALS_AT_ONCE):
        for seal in seals:
            after = seal.to_position
            if after > end:
                return anchored
            against = reading.checking.begin(seal)
            await reading.read(after, against)
            against.end()
            if after == anchored_at:
                anchored = seal.root
    return anchored


def _compare(checking: Checking, anchor: tuple[int, bytes], found: bytes | None) -> None:
    position, root = anchor
    if found is None:
        message = (
            f"expected a seal that ends at position {position}, found none: the log is an older"
            " copy, or another one"
        )
        checking.fault("anchor_missing", message, position)
    elif found != root:
        message = (
            f"the log up to position {position} is another one than the anchor was taken of:"
            f" expected the root {root.hex()}, found {found.hex()}"
        )
        checking.fault("anchor_differs", message, position)


class _Reading:
    """The log, read once from its beginning to its end."""

    def __init__(self, store: Store, checking: Checking, tell: Tell, total: int) -> None:
        self.store = store
        self.checking = checking
        self._tell = tell
        self._total = total
        self._after = BEFORE_ALL
        self.events = 0

    async def read(self, end: int, against: SealChecking | None) -> None:
        """Read on up to position *end*, comparing with a seal."""
        while self._after < end:
            rows = await self.store.sealable(after=self._after, end=end, limit=EVENTS_AT_ONCE)
            for row in rows:
                self.checking.see(row)
                if against is not None:
                    against.add(row)
            self.events += len(rows)
            self._after = rows[-1][0] if len(rows) == EVENTS_AT_ONCE else end
            self._tell("log", self.events / max(self._total, 1), self.events)
            await asyncio.sleep(0)


async def verify_projections(
    store: Store, tell: Tell, *, limit: int = FOLDED_AT_ONCE
) -> ProjectionsVerdict:
    """Return who stands elsewhere than the fold of his history says, of every tenant."""
    verdict = ProjectionsVerdict()
    kinds = await store.kinds_folded()
    loads = [await store.history_load(name, accounts=kind, end=BUCKETS) for name, kind in kinds]
    done, total = 0, sum(loads)
    for tenant, accounts in kinds:
        first = 0
        while first < BUCKETS:
            page = await store.compare_projections(
                tenant, accounts=accounts, first=first, limit=limit
            )
            first = page.end
            done += page.events
            verdict.found += len(page.findings)
            verdict.findings += page.findings[: FAULTS_MAX - len(verdict.findings)]
            verdict.subjects += page.subjects
            verdict.records += page.records
            verdict.digest = (verdict.digest + page.digest) % (1 << 256)
            tell("projections", done / max(total, done, 1), done)
    return verdict
