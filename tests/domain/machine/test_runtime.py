"""What generated code calls: windows, sets of values, numbers and instants at their boundaries."""

from zoneinfo import ZoneInfo

import pytest

from domain.cel.errors import CelError
from domain.cel.values import Duration, Timestamp, Uint
from domain.machine import runtime
from domain.machine.signals import WINDOW_ELEMENTS_MAX
from domain.machine.state import NEVER

UTC = ZoneInfo("UTC")


def test_an_element_leaves_its_window_at_its_very_instant() -> None:
    window, values = [10, 20, 30], [1.0, 2.0, 4.0]

    assert [runtime.window_sum(window, values, now) for now in (9, 10, 19, 20, 30)] == [
        7.0,
        6.0,
        6.0,
        4.0,
        0.0,
    ]
    assert [runtime.following(window, now) for now in (9, 10, 29, 30)] == [10, 20, 30, NEVER]


def test_an_empty_window_has_no_mean_and_no_extremes() -> None:
    window, values = [10], [5.0]

    assert runtime.window_avg(window, values, 9) == 5.0
    assert runtime.window_avg(window, values, 10) is None
    assert (runtime.window_min(window, values, 9), runtime.window_max(window, values, 9)) == (5, 5)
    assert runtime.window_min(window, values, 10) is None
    assert runtime.window_max(window, values, 10) is None
    assert runtime.window_first([10], [3], 9) == 3
    assert runtime.window_first([10], [3], 10) is None


def test_a_sum_does_not_depend_on_the_order_of_its_terms() -> None:
    """0.1 ten times is 1, as people count, whatever else came and went."""
    assert runtime.window_sum([9] * 12, [1e16, *[0.1] * 10, -1e16], 0) == 1.0
    assert runtime.window_sum([9, 9], [1.7e308, 1.7e308], 0) == float("inf")


def test_taking_in_drops_what_has_left() -> None:
    window = [10, 20]
    values: list[object] = ["a", "b"]

    crowded = runtime.take_in(window, values, 30, "c", 10)

    assert (window, values, crowded) == ([20, 30], ["b", "c"], False)


def test_an_element_never_leaves_before_an_earlier_one() -> None:
    """Where a month is shorter than the one before it, the window keeps its order."""
    window = [28]
    values: list[object] = ["a"]

    runtime.take_in(window, values, 27, "b", 1)

    assert window == [28, 28]


def test_a_full_window_lets_its_oldest_go_and_says_so() -> None:
    window = list(range(10, 10 + WINDOW_ELEMENTS_MAX))
    values: list[object] = list(window)

    crowded = runtime.take_in(window, values, 10**6, "new", 1)

    assert crowded
    assert len(window) == len(values) == WINDOW_ELEMENTS_MAX
    assert (values[0], values[-1]) == (11, "new")


def test_a_value_seen_again_stays_longer() -> None:
    seen: dict[str, int] = {}

    runtime.take_apart(seen, "blue", 10, 0)
    runtime.take_apart(seen, "red", 12, 2)
    runtime.take_apart(seen, "blue", 15, 5)

    assert list(seen.items()) == [("red", 12), ("blue", 15)]
    assert [runtime.live(seen, now) for now in (11, 12, 14, 15)] == [2, 1, 1, 0]
    assert [runtime.next_live(seen, now) for now in (11, 12, 15)] == [12, 15, NEVER]


def test_values_that_have_left_are_forgotten() -> None:
    seen = {"a": 5, "b": 6}

    runtime.take_apart(seen, "c", 20, 5)

    assert seen == {"b": 6, "c": 20}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1.0, True),
        (1, True, False),
        (1, "1", False),
        (0, False, False),
        (1.5, 1.5, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ([1, 2], [2, 1], False),
    ],
)
def test_values_are_told_apart_as_people_would(one: object, other: object, *, same: bool) -> None:
    seen: dict[str, int] = {}

    runtime.take_apart(seen, one, 0, 0)
    runtime.take_apart(seen, other, 0, 0)

    assert len(seen) == (1 if same else 2)


def test_null_is_no_value() -> None:
    with pytest.raises(CelError, match="null"):
        runtime.take_apart({}, None, 0, 0)


def test_a_full_set_takes_no_further_value_and_says_so() -> None:
    seen = {str(number): 0 for number in range(WINDOW_ELEMENTS_MAX)}

    assert runtime.take_apart(seen, "new", 0, 0)
    assert not runtime.take_apart(seen, "1", 0, 0)
    assert len(seen) == WINDOW_ELEMENTS_MAX


def test_a_full_windowed_set_lets_its_oldest_go_and_says_so() -> None:
    seen = {str(number): 10 + number for number in range(WINDOW_ELEMENTS_MAX)}

    assert runtime.take_apart(seen, "new", 10**6, 1)
    assert len(seen) == WINDOW_ELEMENTS_MAX
    assert "0" not in seen


@pytest.mark.parametrize("value", [True, "1", None, float("nan"), float("inf"), [1], 10**400])
def test_what_is_no_finite_number_is_refused(value: object) -> None:
    with pytest.raises((CelError, OverflowError)):
        runtime.number(value)


@pytest.mark.parametrize(("value", "double"), [(3, 3.0), (2.5, 2.5), (-0.0, 0.0)])
def test_a_number_is_a_double(value: float, double: float) -> None:
    assert runtime.number(value) == double
    assert isinstance(runtime.number(value), float)


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000),
        ("1970-01-02", 86_400_000_000),
        (Timestamp(7), 7),
        (7, NEVER),
        (True, NEVER),
        (None, NEVER),
        ([], NEVER),
    ],
)
def test_a_date_is_an_instant_or_none(value: object, instant: int) -> None:
    assert runtime.instant(value, UTC) == instant


def test_text_that_is_no_date_is_an_error() -> None:
    with pytest.raises(ValueError, match="soon"):
        runtime.instant("soon", UTC)


@pytest.mark.parametrize(
    ("threshold", "now", "flips"),
    [(10, 9, 10), (10, 10, 11), (10, 11, NEVER), (None, 0, NEVER)],
)
def test_a_comparison_changes_at_its_threshold_or_right_after(
    threshold: int | None, now: int, flips: int
) -> None:
    assert runtime.flip(threshold, now) == flips


@pytest.mark.parametrize(
    ("value", "kind", "shown"),
    [
        (0, "timestamp", "1970-01-01T00:00:00Z"),
        (90_000_000, "duration", "90s"),
        (90_000_000, "int", 90_000_000),
        (None, "timestamp", None),
        (Timestamp(0), "dyn", "1970-01-01T00:00:00Z"),
        (Duration(1_500_000), "dyn", "1.5s"),
        (Uint(3), "dyn", 3),
        (b"\x01\xff", "bytes", "01ff"),
        ({"a": [1]}, "dyn", {"a": [1]}),
    ],
)
def test_values_are_shown_as_json(value: object, kind: str, shown: object) -> None:
    assert runtime.plain(value, kind) == shown
