"""Boards: how many subjects are in each stage at an instant, and for how long.

Counts by day of entry are kept with every write, so a board costs the same for a thousand subjects
and for a million. From them are taken those who entered after the instant; to them are added the
stays that ended after it. A median is found by counting through the days and reading the one day
it falls on.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from projections.subjects import DAY

SECOND = 1_000_000

Days = Iterable[tuple[str, int, int]]
Entered = Callable[[str, int, int], list[int]]
"""Of stage and first and last instant: when those in the stage entered it."""


@dataclass(slots=True, frozen=True)
class Tally:
    """Subjects by stage and day of entry, with single corrections on top.

    Attributes:
        days: (stage, day) -> subjects, corrections included.
        added, taken: Single instants of entry by stage that were corrected, sorted.
    """

    days: Counter[tuple[str, int]] = field(default_factory=Counter)
    added: dict[str, list[int]] = field(default_factory=dict)
    taken: dict[str, list[int]] = field(default_factory=dict)

    def add(self, rows: Days, sign: int = 1) -> None:
        """Add (or, with -1, subtract) counts by day."""
        for stage, day, count in rows:
            self.days[stage, day] += sign * count

    def add_one(self, stage: str, entered_at: int) -> None:
        """Add a subject that stands there and is in no count."""
        self.days[stage, entered_at // DAY] += 1
        insort(self.added.setdefault(stage, []), entered_at)

    def take_one(self, stage: str, entered_at: int) -> None:
        """Take away a subject that the counts have there."""
        self.days[stage, entered_at // DAY] -= 1
        insort(self.taken.setdefault(stage, []), entered_at)

    def count(self, stage: str) -> int:
        """Return how many are in *stage*."""
        return sum(count for (named, _), count in self.days.items() if named == stage)

    def median_seconds(self, stage: str, as_of: int, entered: Entered) -> float | None:
        """Return the median time in *stage* until *as_of*; None where nobody is in it."""
        count = self.count(stage)
        if count == 0:
            return None
        low, high = self._nth(stage, (count - 1) // 2), self._nth(stage, count // 2)
        instants = {day: self._on(stage, day, entered) for day in {low[0], high[0]}}
        found = (instants[low[0]][low[1]], instants[high[0]][high[1]])
        return (as_of - sum(found) / 2) / SECOND

    def _nth(self, stage: str, nth: int) -> tuple[int, int]:
        """Return the day of the *nth* earliest entry into *stage*, and which one of it."""
        days = sorted((day, count) for (named, day), count in self.days.items() if named == stage)
        for day, count in days:
            if nth < count:
                return day, nth
            nth -= count
        raise AssertionError(f"stage {stage}: fewer instants of entry than subjects")

    def _on(self, stage: str, day: int, entered: Entered) -> list[int]:
        """Return the instants of entry on *day*, corrected and sorted."""
        first, last = day * DAY, (day + 1) * DAY - 1
        return self._corrected(stage, entered(stage, first, last), first, last)

    def _corrected(self, stage: str, instants: list[int], first: int, last: int) -> list[int]:
        left = Counter(_between(self.taken.get(stage, ()), first, last))
        kept = []
        for instant in instants:
            if left[instant]:
                left[instant] -= 1
            else:
                kept.append(instant)
        return sorted([*kept, *_between(self.added.get(stage, ()), first, last)])


def _between(instants: Sequence[int], first: int, last: int) -> Sequence[int]:
    return instants[bisect_left(instants, first) : bisect_left(instants, last + 1)]
