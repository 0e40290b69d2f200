"""The static types of conditions, and how a name reads in generated Python.

A type says what a value can be *before* any event arrives, so `signals.orders >= 2` compiles to one
comparison. What cannot be known is DYN. A nullable type also admits null: an instant signal is null
until its first event.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

Kind = Literal[
    "dyn",
    "null",
    "bool",
    "int",
    "uint",
    "double",
    "string",
    "bytes",
    "timestamp",
    "duration",
    "type",
    "list",
    "map",
    "struct",
]


@dataclass(frozen=True, slots=True)
class Type:
    """A static type; `nullable` admits null beside the values of `kind`."""

    kind: Kind
    nullable: bool = field(default=False, kw_only=True)

    def __str__(self) -> str:
        """Return the name that messages use."""
        return f"{self.kind} or null" if self.nullable else self.kind


@dataclass(frozen=True, slots=True)
class ListType(Type):
    """A list whose items are all of type *element*."""

    kind: Kind = field(default="list", init=False)
    element: Type

    def __str__(self) -> str:
        """Return the name that messages use."""
        return f"list({self.element})"


@dataclass(frozen=True, slots=True)
class MapType(Type):
    """A map from *key* to *value*."""

    kind: Kind = field(default="map", init=False)
    key: Type
    value: Type

    def __str__(self) -> str:
        """Return the name that messages use."""
        return f"map({self.key}, {self.value})"


@dataclass(frozen=True, slots=True)
class Binding:
    """How one name reads: *source* is a Python expression, cheap and without side effects.

    An instant or a duration reads as a plain int of microseconds; a nullable type may read as None.
    """

    source: str
    type: Type


@dataclass(frozen=True, slots=True)
class StructType(Type):
    """A record of named members known beforehand, such as `signals`; it is not itself a value."""

    kind: Kind = field(default="struct", init=False)
    members: Mapping[str, Binding]


Environment = Mapping[str, Binding]

DYN: Final = Type("dyn")
NULL: Final = Type("null")
BOOL: Final = Type("bool")
INT: Final = Type("int")
UINT: Final = Type("uint")
DOUBLE: Final = Type("double")
STRING: Final = Type("string")
BYTES: Final = Type("bytes")
TIMESTAMP: Final = Type("timestamp")
DURATION: Final = Type("duration")
TYPE: Final = Type("type")

NUMBERS: Final = frozenset({"int", "uint", "double"})
TIMES: Final = frozenset({"timestamp", "duration"})


def nullable(kind: Type) -> Type:
    """Return *kind* with null admitted; DYN and NULL admit it already."""
    return kind if kind.kind in {"dyn", "null"} else replace(kind, nullable=True)


def join(one: Type, other: Type) -> Type:
    """Return the narrowest type that admits the values of both."""
    if one == other:
        return one
    if one.kind == "null":
        return nullable(other)
    if other.kind == "null":
        return nullable(one)
    if replace(one, nullable=False) == replace(other, nullable=False):
        return nullable(one)
    return DYN


def item_type(kinds: list[Type]) -> Type:
    """Return the type of what a list holds: the join of its items, as a container keeps them.

    Instants and durations lie boxed in containers, so they come out as DYN.
    """
    joined = kinds[0] if kinds else DYN
    for kind in kinds[1:]:
        joined = join(joined, kind)
    return held(joined)


def held(kind: Type) -> Type:
    """Return the type of *kind* once it lies in a list or map."""
    return DYN if kind.kind in TIMES else kind
