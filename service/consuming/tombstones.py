"""Tombstones: records without a value, whose keys name who is to be forgotten, if that is wished.

Whoever is named is erased in the transaction that moves the offset past the tombstone, and before
anything behind it is taken in. So a tombstone that is read twice erases nobody who came after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, groupby
from typing import Protocol

from projections.registers.consumed import Intake as Companion
from projections.registers.consumed import Stretch
from projections.registers.erasure import ErasureMode, ErasureRefused
from service.consuming.judging import Judge, Judged
from service.consuming.records import Place, Record
from service.door.events import Refused
from service.door.faults import Fault
from service.intake.ingest import Outcome
from service.ports import SubjectKey

_NOBODY_THERE = frozenset({"customer_not_found", "customer_erased"})


class Erases(Protocol):
    """Erases persons; `service.safekeeping.erasing.Erasing` fits."""

    async def erase(
        self, tenant: str, key: SubjectKey, mode: ErasureMode, *, companion: Companion
    ) -> object:
        """Erase whom *key* names, in one transaction with *companion*.

        Raises:
            ErasureRefused: Nobody is there, is erased already, or cannot be anonymised; nothing
                was changed.
        """
        ...


class Tombstones:
    """Lets whom tombstones name be erased."""

    def __init__(self, erasing: Erases, judge: Judge, mode: ErasureMode) -> None:
        """Erase by *erasing*; what it refuses is kept as *judge* knows how to."""
        self._erasing = erasing
        self._judge = judge
        self._mode = mode

    async def take(self, tombstone: Judged, stretch: Stretch, now: int) -> list[Outcome]:
        """Forget whom *tombstone* names and write *stretch* down; return what was refused.

        Raises:
            OffsetTaken: Somebody else has taken it.
            StoreError: Nothing was changed.
        """
        key = tombstone.record.key
        refused: Refused | None = _refused("customer_missing", "expected a key, found none")
        if key:
            try:
                await self._erase(tombstone.origin.tenant, key.decode(), stretch, now)
            except UnicodeDecodeError:
                refused = _refused("customer_missing", "the key is not UTF-8")
            except ErasureRefused as refusal:
                is_gone = refusal.code in _NOBODY_THERE
                refused = None if is_gone else _refused(refusal.code, str(refusal))
            else:
                return []
        verdict = self._judge.verdict([replace(tombstone, found=refused)])
        companion = Companion([stretch], verdict.refused, now)
        await self._judge.intake.append_with([], companion)
        return verdict.outcomes(())

    async def _erase(self, tenant: str, name: str, stretch: Stretch, now: int) -> None:
        companion = Companion([stretch], lambda _: (), now)
        key = SubjectKey.of_customer(name)
        await self._erasing.erase(tenant, key, self._mode, companion=companion)


def _refused(code: str, message: str) -> Refused:
    return Refused(None, (Fault("", code, f"a tombstone cannot erase: {message}"),))


Part = Mapping[Place, Sequence[Record]]


def parts(batches: Part) -> Iterator[Part]:
    """Yield *batches* in parts to be taken in one after another; each tombstone is one of its own.

    Where there are none, all of it is one part.
    """
    if not any(record.value is None for record in chain.from_iterable(batches.values())):
        yield batches
        return
    for place, records in batches.items():
        for is_tombstone, found in groupby(records, key=lambda record: record.value is None):
            run = list(found)
            yield from [{place: [one]} for one in run] if is_tombstone else [{place: run}]
