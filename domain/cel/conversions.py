"""Conversions between types, such as `int("42")`, and `type(x)`.

Each is a table from the class of its operand to what it does.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from domain.cel.errors import CelError
from domain.cel.instants import read_duration, read_timestamp, write_duration, write_timestamp
from domain.cel.numbers import instant, int64, uint64, widened
from domain.cel.values import Duration, Timestamp, TypeValue, Uint, kind_name, no_overload

_SECOND: Final = 1_000_000
_DIGITS_MAX: Final = 64
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,64}")
_NATURAL: Final = re.compile(r"[0-9]{1,64}")
_DECIMAL: Final = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|inf|infinity|nan)", re.IGNORECASE
)
_BOOLS: Final = dict.fromkeys(("1", "t", "true", "TRUE", "True"), True) | dict.fromkeys(
    ("0", "f", "false", "FALSE", "False"), False
)


Conversion = Callable[[Any], Any]


def _conversion(name: str, overloads: Mapping[type, Conversion]) -> Conversion:
    def convert(value: Any) -> Any:  # noqa: ANN401  # sorted by class below
        value = widened(value)
        overload = overloads.get(value.__class__)
        if overload is None:
            raise no_overload(name, value)
        return overload(value)

    return convert


def _unreadable(kind: str, text: str) -> CelError:
    return CelError(f"expected the text of a {kind}, found {text[:_DIGITS_MAX]!r}")


def _same(value: object) -> object:
    return value


def _int_of_double(number: float) -> int:
    if -(2.0**63) < number < 2.0**63:
        return int(number)
    raise CelError(f"the double {number} does not fit an int")


def _uint_of_double(number: float) -> Uint:
    if 0 <= number < 2.0**64:
        return Uint(int(number))
    raise CelError(f"the double {number} does not fit a uint")


def _read_int(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise _unreadable("int", text)
    return int64(int(text))


def _read_uint(text: str) -> Uint:
    if not _NATURAL.fullmatch(text):
        raise _unreadable("uint", text)
    return uint64(int(text))


def _read_double(text: str) -> float:
    if len(text) > _DIGITS_MAX or not _DECIMAL.fullmatch(text):
        raise _unreadable("double", text)
    return float(text)


def _read_bool(text: str) -> bool:
    if text not in _BOOLS:
        raise _unreadable("bool", text)
    return _BOOLS[text]


def _write_double(number: float) -> str:
    """Return the shortest decimal that reads back as *number*."""
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "+Inf" if number > 0 else "-Inf"
    return repr(number).removesuffix(".0")


def _decoded(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        raise CelError(f"the bytes are not UTF-8: {error.reason}") from error


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise CelError(f"the string is not Unicode: {error.reason}") from error


to_int: Final = _conversion(
    "int",
    {
        int: _same,
        Uint: lambda number: int64(number.value),
        float: _int_of_double,
        Timestamp: lambda moment: moment.micros // _SECOND,
        str: _read_int,
    },
)
to_uint: Final = _conversion(
    "uint", {int: uint64, Uint: _same, float: _uint_of_double, str: _read_uint}
)
to_double: Final = _conversion(
    "double",
    {int: float, Uint: lambda number: float(number.value), float: _same, str: _read_double},
)
to_string: Final = _conversion(
    "string",
    {
        str: _same,
        bool: lambda claim: "true" if claim else "false",
        int: str,
        Uint: lambda number: str(number.value),
        float: _write_double,
        bytes: _decoded,
        Timestamp: write_timestamp,
        Duration: write_duration,
    },
)
to_bytes: Final = _conversion("bytes", {bytes: _same, str: _encoded})
to_bool: Final = _conversion("bool", {bool: _same, str: _read_bool})
to_timestamp: Final = _conversion(
    "timestamp",
    {
        Timestamp: _same,
        str: read_timestamp,
        int: lambda seconds: instant(seconds * _SECOND),
    },
)
to_duration: Final = _conversion("duration", {Duration: _same, str: read_duration})


def to_dyn(value: object) -> object:
    """Return *value*: only its static type is forgotten."""
    return value


def type_of(value: object) -> TypeValue:
    """Return the type of *value*, as a value."""
    return TypeValue(kind_name(widened(value)))
