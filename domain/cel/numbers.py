"""Arithmetic and order of values whose types only show at run time.

Each operator is a table from the classes of its operands to what it does, so what is not in the
table is an error. Integers have 64 bits and never wrap; doubles follow IEEE 754. Ints and doubles
mix (an extension), and a JSON integer beyond 64 bits acts as a double.
"""

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from domain.cel.errors import CelError
from domain.cel.values import (
    DURATION_MAX,
    INT_MAX,
    INT_MIN,
    TIMESTAMP_MAX,
    TIMESTAMP_MIN,
    UINT_MAX,
    Duration,
    Timestamp,
    Uint,
    no_overload,
)

Binary = Callable[[Any, Any], Any]
"""Operands are whatever an event carried: the tables below sort them by class."""
Overloads = Mapping[tuple[type, type], Binary]


def int64(value: int) -> int:
    """Return *value* if it fits a signed integer of 64 bits."""
    if INT_MIN <= value <= INT_MAX:
        return value
    raise CelError(f"the int {value} does not fit 64 bits")


def uint64(value: int) -> Uint:
    """Return *value* as an unsigned integer if it fits 64 bits."""
    if 0 <= value <= UINT_MAX:
        return Uint(value)
    raise CelError(f"the uint {value} does not fit 64 bits")


def instant(micros: int) -> Timestamp:
    """Return the instant *micros* if it lies in the years 1 to 9999."""
    if TIMESTAMP_MIN <= micros <= TIMESTAMP_MAX:
        return Timestamp(micros)
    raise CelError("the timestamp lies outside the years 1 to 9999")


def span(micros: int) -> Duration:
    """Return the duration *micros* if it is at most 10,000 years."""
    if -DURATION_MAX <= micros <= DURATION_MAX:
        return Duration(micros)
    raise CelError("the duration is longer than 10,000 years")


def out_of_range(value: int) -> object:
    """Refuse the result *value* of arithmetic on known types."""
    raise CelError(f"the result {value} is out of range")


def widened(value: Any) -> Any:  # noqa: ANN401  # any value of any event
    """Return *value*, or the nearest double where it is an integer beyond 64 bits."""
    if value.__class__ is int and not INT_MIN <= value <= INT_MAX:
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    return value


def _int_quotient(left: int, right: int) -> int:
    if right == 0:
        raise CelError("division by zero")
    quotient = abs(left) // abs(right)
    return int64(quotient if (left < 0) == (right < 0) else -quotient)


def _int_remainder(left: int, right: int) -> int:
    if right == 0:
        raise CelError("modulus by zero")
    return int(math.copysign(1, left)) * (abs(left) % abs(right))


def _double_quotient(left: float, right: float) -> float:
    if right != 0:
        return left / right
    if left == 0 or math.isnan(left) or math.isnan(right):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1, right)


def _arithmetic(ints: Binary, doubles: Binary | None) -> dict[tuple[type, type], Binary]:
    overloads: dict[tuple[type, type], Binary] = {
        (int, int): lambda left, right: int64(ints(left, right)),
        (Uint, Uint): lambda left, right: uint64(ints(left.value, right.value)),
    }
    if doubles is not None:
        overloads |= dict.fromkeys([(float, float), (int, float), (float, int)], doubles)
    return overloads


def _operator(symbol: str, overloads: Overloads) -> Binary:
    def apply(left: Any, right: Any) -> Any:  # noqa: ANN401  # sorted by class below
        left, right = widened(left), widened(right)
        overload = overloads.get((left.__class__, right.__class__))
        if overload is None:
            raise no_overload(symbol, left, right)
        return overload(left, right)

    return apply


add: Final = _operator(
    "+",
    _arithmetic(operator.add, operator.add)
    | {
        (str, str): operator.add,
        (bytes, bytes): operator.add,
        (list, list): operator.add,
        (Timestamp, Duration): lambda left, right: instant(left.micros + right.micros),
        (Duration, Timestamp): lambda left, right: instant(left.micros + right.micros),
        (Duration, Duration): lambda left, right: span(left.micros + right.micros),
    },
)
subtract: Final = _operator(
    "-",
    _arithmetic(operator.sub, operator.sub)
    | {
        (Timestamp, Timestamp): lambda left, right: span(left.micros - right.micros),
        (Timestamp, Duration): lambda left, right: instant(left.micros - right.micros),
        (Duration, Duration): lambda left, right: span(left.micros - right.micros),
    },
)
multiply: Final = _operator("*", _arithmetic(operator.mul, operator.mul))
divide: Final = _operator("/", _arithmetic(_int_quotient, _double_quotient))
modulo: Final = _operator("%", _arithmetic(_int_remainder, None))


def negate(value: object) -> object:
    """Return minus *value*, an int or a double."""
    match widened(value):
        case bool():
            raise no_overload("-", value)
        case int() as number:
            return int64(-number)
        case float() as number:
            return -number
    raise no_overload("-", value)


def _as_doubles(compare: Binary) -> Binary:
    return lambda left, right: compare(_double(left), _double(right))


def _double(value: float | Uint) -> float:
    return float(value.value if value.__class__ is Uint else value)  # type: ignore[arg-type]  # the class decides


def _order(symbol: str, compare: Binary) -> Binary:
    same = (int, float, str, bytes, bool, Timestamp, Duration)
    mixed = [(int, float), (float, int), (Uint, float), (float, Uint)]
    return _operator(
        symbol,
        {(kind, kind): compare for kind in same}
        | dict.fromkeys(mixed, _as_doubles(compare))
        | {
            (Uint, Uint): lambda left, right: compare(left.value, right.value),
            (Uint, int): lambda left, right: compare(left.value, right),
            (int, Uint): lambda left, right: compare(left, right.value),
        },
    )


less: Final = _order("<", operator.lt)
less_or_equal: Final = _order("<=", operator.le)
greater: Final = _order(">", operator.gt)
greater_or_equal: Final = _order(">=", operator.ge)
