"""The values that plain Python cannot tell apart, and the one that stands for an error.

JSON values are themselves. An unsigned integer, an instant or a duration that must live beside
plain numbers (in a list, as an argument of `dyn`) is boxed here, so it is never taken for an int.
"""

from dataclasses import dataclass
from typing import Final

from domain.cel.errors import CelError

INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1
UINT_MAX: Final = 2**64 - 1
TIMESTAMP_MIN: Final = -62_135_596_800_000_000
"""The first microsecond of the year 1."""
TIMESTAMP_MAX: Final = 253_402_300_799_999_999
"""The last microsecond of the year 9999."""
DURATION_MAX: Final = 315_576_000_000_000_000
"""Ten thousand years: the longest duration, and negated the shortest."""


@dataclass(frozen=True, slots=True)
class Uint:
    """An unsigned 64-bit integer; equal to, and hashed like, the other numbers of its value."""

    value: int

    def __eq__(self, other: object) -> bool:
        """Compare as CEL does: a double decides by its nearest double."""
        match other:
            case Uint(value=value):
                return self.value == value
            case bool():
                return False
            case int():
                return self.value == other
            case float():
                return float(self.value) == other
        return NotImplemented

    def __hash__(self) -> int:
        """Agree with the equal int, so that either finds the other's map entry."""
        return hash(self.value)


@dataclass(frozen=True, slots=True, order=True)
class Timestamp:
    """An instant: microseconds since the Unix epoch, UTC."""

    micros: int


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A length of time in microseconds."""

    micros: int


@dataclass(frozen=True, slots=True)
class TypeValue:
    """A type as a value, as `type(x)` yields it."""

    name: str


@dataclass(frozen=True, slots=True)
class BoolKey:
    """A bool as the key of a map: in Python's dict True and 1 would be one key."""

    value: bool


TRUE_KEY: Final = BoolKey(value=True)
FALSE_KEY: Final = BoolKey(value=False)


class Poison:
    """An error on its way to an `&&` or `||` that may absorb it.

    It answers every operator with itself, so generated arithmetic carries it along at no cost to
    the values that are well; it is neither True nor False, so whoever asks for a bool notices.
    """

    __slots__ = ()

    def _itself(self, _other: object = None) -> "Poison":
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = _itself
    __rtruediv__ = __neg__ = __lt__ = __le__ = __gt__ = __ge__ = _itself
    __eq__ = __ne__ = _itself  # type: ignore[assignment]  # deliberately answers with itself
    __hash__ = None  # type: ignore[assignment]  # an error is no key of a map

    @property
    def micros(self) -> "Poison":
        """Itself: the instant of an error is the error."""
        return self


POISON: Final = Poison()


def kind_name(value: object) -> str:
    """Return the CEL name of the type of *value*."""
    return _KINDS.get(value.__class__, "unknown")


_KINDS: Final[dict[type, str]] = {
    type(None): "null_type",
    bool: "bool",
    int: "int",
    Uint: "uint",
    float: "double",
    str: "string",
    bytes: "bytes",
    list: "list",
    dict: "map",
    Timestamp: "google.protobuf.Timestamp",
    Duration: "google.protobuf.Duration",
    TypeValue: "type",
}


def no_overload(function: str, *args: object) -> CelError:
    """Return the error for *function* applied to types it does not take."""
    kinds = ", ".join(kind_name(arg) for arg in args)
    return CelError(f"{function} does not take ({kinds})")
