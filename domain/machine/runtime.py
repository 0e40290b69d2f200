"""What generated code calls: windows, sets of values, numbers, instants.

Everything here is a plain function over the state's lists and dictionaries; nothing reads a clock.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from math import fsum, isfinite
from typing import TYPE_CHECKING

from domain.cel.errors import CelError
from domain.cel.values import Duration, Timestamp, Uint
from domain.instants import format_instant, parse_date_or_instant
from domain.machine.signals import WINDOW_ELEMENTS_MAX
from domain.machine.state import NEVER

if TYPE_CHECKING:
    from datetime import tzinfo

Window = list[int]


def following(window: Window, now: int) -> int:
    """Return when the next element leaves *window* after *now*."""
    place = bisect_right(window, now)
    return window[place] if place < len(window) else NEVER


def window_sum(window: Window, values: list[float], now: int) -> float:
    """Return the sum of what is in the window, exactly rounded (it does not depend on order)."""
    try:
        return fsum(values[bisect_right(window, now) :])
    except OverflowError:
        return float("inf")


def window_avg(window: Window, values: list[float], now: int) -> float | None:
    """Return the mean of what is in the window, None where it is empty."""
    count = len(window) - bisect_right(window, now)
    return window_sum(window, values, now) / count if count else None


def window_min(window: Window, values: list[float], now: int) -> float | None:
    """Return the smallest value in the window, None where it is empty."""
    return min(values[bisect_right(window, now) :], default=None)


def window_max(window: Window, values: list[float], now: int) -> float | None:
    """Return the largest value in the window, None where it is empty."""
    return max(values[bisect_right(window, now) :], default=None)


def window_first(window: Window, values: list[int], now: int) -> int | None:
    """Return the instant of the oldest element in the window, None where it is empty."""
    place = bisect_right(window, now)
    return values[place] if place < len(values) else None


def take_in(window: Window, values: list[object], leaving: int, value: object, now: int, /) -> bool:
    """Add an element, drop those that have left; return whether the bound pushed one out."""
    window.append(leaving if not window or window[-1] <= leaving else window[-1])
    values.append(value)
    left = bisect_right(window, now)
    crowded = len(window) - left > WINDOW_ELEMENTS_MAX
    left += crowded
    if left:
        del window[:left]
        del values[:left]
    return crowded


def take_apart(leaving_of: dict[str, int], value: object, leaving: int, now: int) -> bool:
    """Note that *value* was seen; return whether the bound pushed one out.

    The dictionary stays in the order in which its values leave. An unwindowed set (*leaving* 0)
    that is full takes no further value.
    """
    key = value if type(value) is str else _distinguishing(value)
    if leaving == 0:
        if key in leaving_of:
            return False
        if len(leaving_of) >= WINDOW_ELEMENTS_MAX:
            return True
        leaving_of[key] = 0
        return False
    leaving_of.pop(key, None)
    newest = next(reversed(leaving_of.values()), 0)
    leaving_of[key] = max(leaving, newest)
    while leaving_of[oldest := next(iter(leaving_of))] <= now:
        del leaving_of[oldest]
    if len(leaving_of) > WINDOW_ELEMENTS_MAX:
        del leaving_of[next(iter(leaving_of))]
        return True
    return False


def live(leaving_of: dict[str, int], now: int) -> int:
    """Return how many values of a windowed set have not left by *now*."""
    if not leaving_of or next(iter(leaving_of.values())) > now:
        return len(leaving_of)
    return sum(leaving > now for leaving in leaving_of.values())


def next_live(leaving_of: dict[str, int], now: int) -> int:
    """Return when the next value leaves a windowed set after *now*."""
    return next((leaving for leaving in leaving_of.values() if leaving > now), NEVER)


def _distinguishing(value: object) -> str:
    if value is None:
        message = "null cannot be told apart from a missing value"
        raise CelError(message)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "\x00" + json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


def number(value: object) -> float:
    """Return *value* as a double.

    Raises:
        CelError: It is not a finite number.
    """
    if type(value) is float and value - value == 0.0:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        message = f"expected a number, found {type(value).__name__}"
        raise CelError(message)
    double = float(value)
    if not isfinite(double):
        message = "expected a finite number"
        raise CelError(message)
    return double


def instant(value: object, zone: tzinfo) -> int:
    """Return the instant that a dynamic `at` expression yielded, NEVER where it yielded none.

    Text is read as RFC 3339, or as a date, which begins at midnight in the model's time zone.
    """
    if isinstance(value, str):
        return parse_date_or_instant(value, zone)
    return value.micros if isinstance(value, Timestamp) else NEVER


def micros(value: object) -> int | None:
    """Return the microseconds of a dynamic instant, None for anything else."""
    return value.micros if isinstance(value, Timestamp) else None


def flip(threshold: int | None, now: int) -> int:
    """Return when a comparison of `now` with *threshold* next changes, after *now*."""
    if threshold is None or threshold < now:
        return NEVER
    return max(threshold, now + 1)


_PLAIN = frozenset({bool, int, float, str, type(None)})
_INSTANTS = frozenset({"timestamp", "duration"})
"""Kinds whose whole numbers are told in another way."""


def plain(value: object, kind: str) -> object:
    """Return *value*, of static type *kind*, as JSON: instants as RFC 3339 text.

    A duration becomes ISO-like seconds, such as `3600s`.
    """
    if type(value) in _PLAIN and kind not in _INSTANTS:
        return value  # most are; to match types one after another takes four times as long
    return _written(value, kind)


def _written(value: object, kind: str) -> object:
    match value:
        case Timestamp(micros=at):
            return format_instant(at)
        case Duration(micros=length):
            return f"{length / 1_000_000:g}s"
        case Uint(value=number_):
            return number_
        case bytes():
            return value.hex()
        case int() if kind == "timestamp":
            return format_instant(value)
        case int() if kind == "duration":
            return f"{value / 1_000_000:g}s"
        case None | bool() | int() | float() | str() | list() | dict():
            return value
    return str(value)
