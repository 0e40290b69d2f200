"""Pieces of generated Python, and the scope in which they are written.

A scope is loud or quiet. Loud source raises where a condition is in error; quiet source yields
POISON instead, which the `&&` or `||` around it may absorb without any exception being raised.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Final, cast

from domain.cel.errors import Finding, FindingCode, line_and_column
from domain.cel.runtime import ERRORS, GLOBALS
from domain.cel.syntax import Node
from domain.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    NULL,
    STRING,
    TIMES,
    TIMESTAMP,
    UINT,
    Environment,
    Type,
)
from domain.cel.values import Duration, Timestamp, Uint

POISON: Final = "_cel_poison"
EXACT_MAX: Final = 2**53
"""Up to here every int is a double, so Python compares ints and doubles as CEL does."""


class Unknown:
    """The constant value of source that has none."""


UNKNOWN: Final = Unknown()

_CONSTANT_TYPES: Final[dict[type, Type]] = {
    type(None): NULL,
    bool: BOOL,
    int: INT,
    Uint: UINT,
    float: DOUBLE,
    str: STRING,
    bytes: BYTES,
    Timestamp: TIMESTAMP,
    Duration: DURATION,
}


@dataclass(frozen=True, slots=True)
class Code:
    """A Python expression, what it yields, and whether it may fail."""

    text: str
    type: Type
    can_fail: bool = False
    constant: object = UNKNOWN

    @property
    def is_dyn(self) -> bool:
        """Whether only run time tells the kind of the value."""
        return self.type.kind == "dyn"

    @property
    def is_certain(self) -> bool:
        """Whether it yields True or False whatever happens."""
        return self.type == BOOL and not self.can_fail

    @property
    def is_small(self) -> bool:
        """Whether it is a constant number that Python compares as CEL does, bools apart."""
        value = self.constant
        return value.__class__ in {int, float} and abs(cast("float", value)) <= EXACT_MAX

    def boxed(self) -> "Code":
        """Return the source of the value as run-time functions and containers expect it."""
        if self.type.kind not in TIMES:
            return self
        return replace(self, text=f"_cel_boxed_{self.type.kind}({self.text})", type=DYN)


def constant(value: object) -> Code:
    """Return the source of *value*, a literal or the result of folding."""
    kind = _CONSTANT_TYPES[value.__class__]
    match value:
        case Timestamp(micros=number) | Duration(micros=number):
            text = repr(number)
        case Uint(value=number):
            text = f"_cel_uint({number})"
        case _:
            text = repr(value)
    return Code(f"({text})" if text.startswith("-") else text, kind, constant=value)


@dataclass(frozen=True, slots=True)
class Draft:
    """What all scopes of one compilation share."""

    source: str
    environment: Environment
    findings: list[Finding] = field(default_factory=list)
    numbers: "count[int]" = field(default_factory=count)


@dataclass(frozen=True, slots=True)
class Scope:
    """Where source is written: the variables in reach, and how errors surface."""

    draft: Draft
    variables: Mapping[str, Code] = field(default_factory=dict)
    quiet: bool = False

    def fresh(self) -> str:
        """Return a name for a temporary of the generated source."""
        return f"_cel_{next(self.draft.numbers)}"

    def find(self, node: Node, code: FindingCode, message: str) -> Code:
        """Note a finding at *node*, and return a stand-in so that checking goes on."""
        line, column = line_and_column(self.draft.source, node.start)
        self.draft.findings.append(Finding(code, message, line, column))
        return Code("None", DYN, can_fail=True)

    def call(self, function: str, *args: Code, result: Type = DYN, fails: bool = True) -> Code:
        """Return the source of a call of the run-time *function*, folded if it is constant.

        A call that yields an instant or a duration is unboxed to microseconds.
        """
        folded = _folded(function, args)
        if folded is not None:
            return folded
        can_fail = fails or any(arg.can_fail for arg in args)
        texts = ", ".join(arg.boxed().text for arg in args)
        text = f"_cel_{function}({texts})"
        if self.quiet and can_fail:
            text = f"_cel_quiet(_cel_{function}, {texts})"
        if result.kind in TIMES:
            text += ".micros"
        return Code(text, result, can_fail)

    def solid(self, code: Code) -> Code:
        """Return *code* where null is an error: loud source then fails by itself in Python."""
        if not code.type.nullable:
            return code
        kind = replace(code.type, nullable=False)
        if not self.quiet:
            return replace(code, type=kind, can_fail=True)
        name = self.fresh()
        text = f"({name} if ({name} := {code.text}) is not None else {POISON})"
        return replace(code, text=text, type=kind, can_fail=True)

    def checked(self, text: str, low: int, high: int, result: Type) -> Code:
        """Return the source of the arithmetic *text*, an error unless within *low* and *high*."""
        name = self.fresh()
        otherwise = POISON if self.quiet else f"_cel_out_of_range({name})"
        text = f"({name} if {low} <= ({name} := {text}) <= {high} else {otherwise})"
        return Code(text, result, can_fail=True)


_UNFOLDED: Final = frozenset({"to_dyn", "type_of", "matches"})


def _folded(function: str, args: tuple[Code, ...]) -> Code | None:
    """Return the constant that *function* makes of constant *args*, or None."""
    if function in _UNFOLDED or not args or any(arg.constant is UNKNOWN for arg in args):
        return None
    try:
        value = cast("Callable[..., object]", GLOBALS[f"_cel_{function}"])(
            *(arg.constant for arg in args)
        )
    except ERRORS:
        return None
    finite = value.__class__ is not float or abs(value) < float("inf")
    return constant(value) if finite and value.__class__ in _CONSTANT_TYPES else None
