"""What two generations say of the same subjects, side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from domain.buckets import BUCKETS
from projections.asking import Ref
from projections.rebuilding.diffs import Matrix, Restaged, Sides, Stay
from projections.rows.questions import AskProfilesIn
from service.adapters.memory.rows import MemoryRows


def stage_matrix(rows: MemoryRows, sides: Sides) -> Matrix:
    """Return how many stand where by both; by neither is left out."""
    counted = Counter((_stage(one.old), _stage(one.new)) for _, one in _side_by_side(rows, sides))
    return [(*cell, count) for cell, count in counted.items()]


def stage_changes(
    rows: MemoryRows, sides: Sides, after: Ref, limit: int
) -> list[tuple[Ref, Restaged]]:
    """Return those behind *after* who stand elsewhere by the new one."""
    found = [
        (ref, one)
        for ref, one in _side_by_side(rows, sides)
        if ref > after and _stage(one.old) != _stage(one.new)
    ]
    return found[:limit]


def _side_by_side(rows: MemoryRows, sides: Sides) -> Iterable[tuple[Ref, Restaged]]:
    asked = AskProfilesIn(sides.tenant, sides.is_account, 0, BUCKETS)
    for profile in rows.profiles_in(asked):
        old = rows.stages.get((sides.old, profile.ref))
        new = rows.stages.get((sides.new, profile.ref))
        if old or new:
            yield profile.ref, Restaged(profile.key, old, new)


def _stage(stay: Stay | None) -> str | None:
    return None if stay is None else stay[0]
