"""Boards: how many subjects are in each stage at an instant, and for how long.

Who is in a stage is counted by day of entry with every write, and so are the stays that have ended;
so a board costs the same for a thousand subjects and for a million, now and of any instant before.
A median is found by counting through the days and reading the one day it falls on.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from projections.subjects.profiles import DAY

SECOND = 1_000_000

Days = Iterable[tuple[str, int, int]]
"""Stage, day of entry, and how many; several rows of one day add up."""


@dataclass(slots=True, frozen=True)
class Moment:
    """The instant of a board, and whose stays it tells of.

    Attributes:
        stages: Those of the version that tells of the instant.
        until: When the next version took over from it; None for the one in force.
    """

    generation: int
    stages: tuple[str, ...]
    as_of: int
    until: int | None

    @property
    def is_over(self) -> bool:
        """Whether every stay of the version has ended, at the latest by that activation."""
        return self.until is not None


class Span(NamedTuple):
    """Entries into a stage from instant *first* to *last*."""

    stage: str
    first: int
    last: int


Entered = Callable[[Sequence[Span]], Iterable[tuple[str, Sequence[int]]]]
"""Of some spans: by stage when those in it entered it, in any order."""


@dataclass(slots=True, frozen=True)
class Tally:
    """Subjects by stage and day of entry, with single corrections on top.

    Attributes:
        days: Stage -> day -> subjects, corrections included.
        added, taken: Single instants of entry by stage that were corrected, sorted.
    """

    days: dict[str, Counter[int]] = field(default_factory=dict)
    added: dict[str, list[int]] = field(default_factory=dict)
    taken: dict[str, list[int]] = field(default_factory=dict)

    def add(self, rows: Days) -> None:
        """Add counts by day."""
        of = self._of
        for stage, day, count in rows:
            days = of(stage)
            days[day] = days.get(day, 0) + count

    def add_one(self, stage: str, entered_at: int) -> None:
        """Add a subject that stands there and is in no count."""
        self._of(stage)[entered_at // DAY] += 1
        insort(self.added.setdefault(stage, []), entered_at)

    def take_one(self, stage: str, entered_at: int) -> None:
        """Take away a subject that the counts have there."""
        self._of(stage)[entered_at // DAY] -= 1
        insort(self.taken.setdefault(stage, []), entered_at)

    def count(self, stage: str) -> int:
        """Return how many are in *stage*."""
        return self._of(stage).total()

    def median_seconds(
        self, stages: Sequence[str], as_of: int, entered: Entered
    ) -> Mapping[str, float]:
        """Return the median time in each of *stages* until *as_of*, where anybody is in it.

        All of them are looked up at once, by one question to *entered*.
        """
        middles = {stage: self._middle(stage) for stage in stages if self.count(stage)}
        found: dict[str, list[int]] = {}
        for stage, instants in entered(list(_spans_of(middles))):
            found.setdefault(stage, []).extend(instants)
        medians = {}
        for stage, places in middles.items():
            instants = sorted(found.get(stage, ()))
            on = {day: self._on(stage, day, instants) for day in {day for day, _ in places}}
            pair = [on[day][nth] for day, nth in places]
            medians[stage] = (as_of - sum(pair) / 2) / SECOND
        return medians

    def _of(self, stage: str) -> Counter[int]:
        found = self.days.get(stage)
        if found is None:
            found = self.days[stage] = Counter()
        return found

    def _middle(self, stage: str) -> tuple[tuple[int, int], tuple[int, int]]:
        count, days = self.count(stage), sorted(self._of(stage).items())
        return _nth(days, (count - 1) // 2), _nth(days, count // 2)

    def _on(self, stage: str, day: int, instants: Sequence[int]) -> Sequence[int]:
        """Return those of *instants* on *day*, corrected; all are sorted."""
        first, last = day * DAY, (day + 1) * DAY - 1
        found = _between(instants, first, last)
        taken = _between(self.taken.get(stage, ()), first, last)
        added = _between(self.added.get(stage, ()), first, last)
        if not taken and not added:
            return found
        return sorted((Counter(found) - Counter(taken) + Counter(added)).elements())


def _nth(days: Iterable[tuple[int, int]], nth: int) -> tuple[int, int]:
    """Return the day of the *nth* earliest entry, and which one of that day it is."""
    for day, count in days:
        if nth < count:
            return day, nth
        nth -= count
    raise AssertionError("a stage: fewer instants of entry than subjects")


def _spans_of(middles: Mapping[str, Iterable[tuple[int, int]]]) -> Iterable[Span]:
    """Yield the days on which medians fall."""
    for stage, places in middles.items():
        for day in sorted({day for day, _ in places}):
            yield Span(stage, day * DAY, (day + 1) * DAY - 1)


def _between(instants: Sequence[int], first: int, last: int) -> Sequence[int]:
    return instants[bisect_left(instants, first) : bisect_left(instants, last + 1)]
