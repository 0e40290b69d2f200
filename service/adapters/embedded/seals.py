"""What sealing and verifying read, as any store inside this process answers it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from domain.buckets import BUCKETS
from projections.asking import EVERYBODY, Whose
from projections.events.history import counting
from projections.models.machines import Catalogue
from projections.rows.changes import Row
from projections.rows.questions import AskBucketLoads, AskProfilesIn
from projections.rows.records import Projection
from projections.safekeeping.seals import ALWAYS, Seal
from projections.safekeeping.verifying import ProjectionsPage, Stored, compare
from service.adapters.embedded.rows import Readings
from service.adapters.embedded.values import history_of, known_of

Answer = TypeVar("Answer")


class ReadsSeals:
    """Answers from readings that a subclass lends."""

    catalogue: Catalogue

    async def _read(
        self, work: Callable[[Readings], Answer], *, of: Whose, quick: bool = False
    ) -> Answer:
        raise NotImplementedError

    async def seals(self, *, after: int = 0, limit: int = 100) -> list[Seal]:
        return await self._read(lambda readings: readings.seals_behind(after, limit), of=EVERYBODY)

    async def newest_seals(self, *, before: int = ALWAYS, limit: int = 100) -> list[Seal]:
        return await self._read(lambda readings: readings.seals_before(before, limit), of=EVERYBODY)

    async def sealable(self, *, after: int, end: int, limit: int) -> list[Row]:
        return await self._read(lambda readings: readings.sealable(after, end, limit), of=EVERYBODY)

    async def kinds_folded(self) -> list[tuple[str, bool]]:
        def look(_: Readings) -> list[tuple[str, bool]]:
            kept = [one for one in self.catalogue.projections if one.is_active]
            return sorted({(one.tenant, one.is_account) for one in kept})

        return await self._read(look, of=EVERYBODY)

    async def compare_projections(
        self, tenant: str, *, accounts: bool, first: int, limit: int
    ) -> ProjectionsPage:
        asked = AskProfilesIn(tenant, accounts, first, BUCKETS)

        def look(readings: Readings) -> ProjectionsPage:
            kept = [one for one in self.catalogue.active(tenant) if one.is_account is accounts]
            return _compared(readings, kept, asked, limit)

        return await self._read(look, of=tenant)


def _compared(
    readings: Readings, projections: Sequence[Projection], asked: AskProfilesIn, limit: int
) -> ProjectionsPage:
    loads = readings.bucket_loads(
        AskBucketLoads(asked.tenant, asked.is_account, asked.first, limit)
    )
    is_last = sum(load for _, load in loads) < limit
    end = asked.end if is_last else loads[-1][0] + 1
    profiles = readings.profiles_in(replace(asked, end=end))
    known = known_of(readings, None)
    histories = readings.histories([history_of(one, known) for one in profiles])
    generations = [one.generation for one in projections]
    refs = [one.ref for one in profiles]
    stored = Stored(
        profiles,
        projections,
        readings.held_records(generations, refs),
        readings.places(generations, refs),
    )
    events = {ref: counting(history) for ref, history in histories.items()}
    return compare(stored, events, end=end)
