"""What keys are used for, by UTC day: counted in memory, written now and then.

Counting must cost next to nothing, because every request is counted; so a process that is killed
takes what it counted since it last wrote with it. These are figures for people, not for bills.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Protocol, TypeVar

from domain.instants import DAY
from projections.asking import Script
from projections.registers.access import Usage, add_usage
from service.ports import Clock, StoreError

WRITTEN_AT_ONCE = 200
"""Counts written in one transaction, which keeps appends waiting."""

Result = TypeVar("Result")


class Keeps(Protocol):
    """Runs what is to be written in one transaction; every `Store` fits."""

    async def keep(self, script: Script[Result]) -> Result:
        """Return what *script* returns."""
        ...


class Uses:
    """What keys were used for in this process, as far as it is not written yet.

    No more of it than keys were used since the last writing, by day: strangers leave nothing here.
    """

    def __init__(self, store: Keeps, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._counted: dict[tuple[str, int, str], list[int]] = {}

    def count_request(self, tenant: str, key_id: str) -> None:
        """Add a request with that key."""
        self._counts(tenant, key_id)[0] += 1

    def count_events(self, tenant: str, key_id: str | None, statuses: Iterable[str]) -> None:
        """Add events offered with that key: each `accepted`, `duplicate`, or else rejected."""
        if key_id is None:
            return
        counts = self._counts(tenant, key_id)
        for status in statuses:
            counts[_PLACES.get(status, _REJECTED)] += 1

    def _counts(self, tenant: str, key_id: str) -> list[int]:
        key = (tenant, self._clock.now() // DAY, key_id)
        counts = self._counted.get(key)
        if counts is None:
            counts = self._counted[key] = [0, 0, 0, 0]
        return counts

    async def write(self) -> bool:
        """Write some of what was counted, and return whether more waits.

        Raises:
            StoreError: Nothing was written; it goes on being counted.
        """
        chosen = list(islice(self._counted, WRITTEN_AT_ONCE))
        taken = {key: self._counted.pop(key) for key in chosen}
        if not taken:
            return False
        further = tuple(Usage(*key, *counts) for key, counts in taken.items())
        try:
            await self._store.keep(add_usage(further))
        except StoreError:
            for key, counts in taken.items():
                since = self._counted.get(key, _NOTHING)
                self._counted[key] = [a + b for a, b in zip(counts, since, strict=True)]
            raise
        return bool(self._counted)

    async def write_all(self) -> None:
        """Write everything that was counted until now.

        Raises:
            StoreError: Some of it could not be written.
        """
        for _ in range(len(self._counted) // WRITTEN_AT_ONCE + 1):
            await self.write()


_NOTHING = (0, 0, 0, 0)
_REJECTED = 2
_PLACES = {"accepted": 1, "duplicate": 3}
