"""What a rebuild changes, as any store inside this process answers it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from projections.asking import Ref, Whose
from projections.models.catalogue import Generation
from projections.models.machines import Catalogue
from projections.reading.answers import Page
from projections.rebuilding.diffs import After, Diff, Restaged, Sides, report_of
from service.adapters.embedded.rows import Readings

Answer = TypeVar("Answer")
BEFORE_ALL: Ref = (-1, -1)
NOBODY = 0
"""The number of no generation: what is compared with it is compared with nothing."""

_KEPT = frozenset({"active", "standby", "retired"})


class ReadsDiffs:
    """Answers from readings that a subclass lends."""

    catalogue: Catalogue

    async def _read(
        self, work: Callable[[Readings], Answer], *, of: Whose, quick: bool = False
    ) -> Answer:
        raise NotImplementedError

    async def diff(
        self,
        tenant: str,
        generation: int,
        now: int,
        *,
        after: After | None = None,
        limit: int = 100,
    ) -> Diff | None:
        def look(readings: Readings) -> Diff | None:
            found = {one.generation: one for one in readings.generations()}
            new = found.get(generation)
            if new is None or new.tenant != tenant or new.status in {"building", "failed"}:
                return None
            old = found.get(self._replaced(new))
            sides = self._sides(old, new)
            if new.report is not None and new.status != "ready":
                as_of, matrix = report_of(new.report)
            else:
                as_of, matrix = now, sorted(readings.stage_matrix(sides), key=_by_stages)
            are_there = (old is None or old.status in _KEPT) and new.status != "removed"
            changes = None
            if are_there:
                rows = readings.stage_changes(sides, cast("Ref", after or BEFORE_ALL), limit + 1)
                changes = _page(rows, limit)
            return Diff(generation, None if old is None else old.generation, as_of, matrix, changes)

        return await self._read(look, of=tenant)

    def _replaced(self, new: Generation) -> int:
        """Return the generation that *new* takes, or took, the place of."""
        if new.status == "ready":
            active = self.catalogue.of_model(new.tenant, new.model, "active")
            return active[0].generation if active else NOBODY
        return new.replaces or NOBODY

    def _sides(self, old: Generation | None, new: Generation) -> Sides:
        is_account = self.catalogue.is_of_accounts(new)
        number = NOBODY if old is None else old.generation
        return Sides(number, new.generation, new.tenant, is_account)


def _page(rows: list[tuple[Ref, Restaged]], limit: int) -> Page[Restaged]:
    shown = tuple(one for _, one in rows[:limit])
    return Page(shown, rows[limit - 1][0] if len(rows) > limit else None)


def _by_stages(cell: tuple[str | None, str | None, int]) -> tuple[str, str]:
    return (cell[0] or "", cell[1] or "")
