"""Restoring into an empty store: rows as they were, and projections folded over them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from projections.asking import run
from projections.models.machines import Catalogue
from projections.rows.changes import Row
from projections.rows.records import Projection
from projections.safekeeping.restoring import Cluster, fold_restored
from projections.subjects.residents import Residents
from service.adapters.embedded.rows import Rows
from service.adapters.sql.archived import Clusters
from service.safekeeping.archive import Restored

Answer = TypeVar("Answer")

CLUSTERS_AT_ONCE = 200
SUBJECTS = "subjects"

Load = Callable[[str, Sequence[Row]], None]
"""Writes rows of a table; before the first subjects it makes everything else known."""


class Restoring(ABC):
    """The part of a store that takes in all of another one."""

    catalogue: Catalogue
    _rows: Rows
    _residents: Residents

    @abstractmethod
    async def _write(self, work: Callable[[], Answer], *, is_long: bool = False) -> Answer:
        """Run *work* in a transaction."""

    @abstractmethod
    def _distrust(self) -> None:
        """Believe nothing in memory."""

    @abstractmethod
    def _renew_catalogue(self) -> None:
        """Read models and generations again."""

    async def restore(
        self, pages: Iterable[tuple[str, Sequence[Row]]], begin: Callable[[], None], load: Load
    ) -> Restored:
        """Write *pages* into rows that *begin* finds empty; all of it, or nothing."""

        def work() -> Restored:
            begin()
            self._residents.forget()
            return _restore(self._rows, self._projections_now, pages, load)

        try:
            return await self._write(work, is_long=True)
        finally:
            self._distrust()

    def _projections_now(self) -> Sequence[Projection]:
        self._renew_catalogue()
        return self.catalogue.projections


def _restore(
    rows: Rows,
    projections: Callable[[], Sequence[Projection]],
    pages: Iterable[tuple[str, Sequence[Row]]],
    load: Load,
) -> Restored:
    """Write *pages* by *load* and fold everybody in them by what *projections* then answers."""
    counts: Counter[str] = Counter()
    clusters, differences = Clusters(), 0

    def fold(found: Sequence[Cluster]) -> int:
        return sum(
            run(fold_restored(kept, found[at : at + CLUSTERS_AT_ONCE]), rows.answer)
            for at in range(0, len(found), CLUSTERS_AT_ONCE)
        )

    kept: Sequence[Projection] = ()
    for name, page in pages:
        load(name, page)
        if name == SUBJECTS:
            kept = kept or projections()
            differences += fold(clusters.take(page))
        counts[name] += len(page)
    kept = kept or projections()
    differences += fold(clusters.rest())
    return Restored(dict(counts), differences)
