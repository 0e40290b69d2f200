"""Boards: counts and medians from days, with single corrections on top."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.reading.boards import Span, Tally
from projections.subjects.profiles import DAY

MIDNIGHTS = st.builds(lambda day, after: day * DAY + after, st.integers(1, 20), st.integers(-1, 0))
INSTANTS = st.lists(st.integers(0, 20 * DAY) | MIDNIGHTS, max_size=30)


def tallied(instants: list[int]) -> Tally:
    """Return the counts by day of those who entered the stage `s` at *instants*."""
    tally = Tally()
    days = Counter(instant // DAY for instant in instants)
    tally.add(("s", day, count) for day, count in days.items())
    return tally


@given(INSTANTS, INSTANTS, st.data())
def test_a_median_is_that_of_all_instants_taken_together(
    counted: list[int], added: list[int], data: st.DataObject
) -> None:
    """Reading one day finds what sorting everybody finds."""
    taken = data.draw(st.lists(st.sampled_from(counted), unique=True)) if counted else []
    tally = tallied(counted)
    for instant in added:
        tally.add_one("s", instant)
    for instant in taken:
        tally.take_one("s", instant)

    def entered(spans: Sequence[Span]) -> list[tuple[str, list[int]]]:
        return [("s", [at for at in counted if span.first <= at <= span.last]) for span in spans]

    found = tally.median_seconds(["s"], 30 * DAY, entered)

    left = Counter(counted) + Counter(added) - Counter(taken)
    everybody = list(left.elements())
    assert tally.count("s") == len(everybody)
    if everybody:
        assert found["s"] == pytest.approx((30 * DAY - median(everybody)) / 1_000_000)
    else:
        assert found == {}


def test_medians_read_no_more_than_the_days_they_fall_on() -> None:
    asked: list[Span] = []
    tally = tallied([day * DAY for day in range(100)])

    def entered(spans: Sequence[Span]) -> list[tuple[str, list[int]]]:
        asked.extend(spans)
        return [("s", [span.first]) for span in spans]

    tally.median_seconds(["s", "nobody"], 100 * DAY, entered)

    assert asked == [Span("s", 49 * DAY, 50 * DAY - 1), Span("s", 50 * DAY, 51 * DAY - 1)]
