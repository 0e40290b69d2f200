"""The named functions: what they take, what they yield, and the source of a call."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from domain.cel.code import UNKNOWN, Code, Scope
from domain.cel.conversions import to_duration, to_timestamp
from domain.cel.errors import CelError
from domain.cel.instants import FIELDS
from domain.cel.regex import compiled
from domain.cel.syntax import Call
from domain.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    STRING,
    TIMESTAMP,
    TYPE,
    UINT,
    Kind,
    Type,
)


@dataclass(frozen=True, slots=True)
class Overload:
    """The kinds a function takes; a *total* one never fails for them."""

    parameters: tuple[Kind, ...]
    total: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the language: *runtime* names what generated source calls."""

    runtime: str
    result: Type
    overloads: tuple[Overload, ...]
    is_method: bool = False
    is_global: bool = True


def _conversion(
    runtime: str, result: Type, total: Sequence[Kind], partial: Sequence[Kind]
) -> Function:
    overloads = [Overload((kind,), total=True) for kind in total]
    overloads += [Overload((kind,)) for kind in partial]
    return Function(runtime, result, tuple(overloads))


def _on_texts(runtime: str, *, total: bool, is_global: bool = False) -> Function:
    overload = Overload(("string", "string"), total)
    return Function(runtime, BOOL, (overload,), is_method=True, is_global=is_global)


def _field(name: str) -> Function:
    overloads = [Overload(("timestamp",), total=True), Overload(("timestamp", "string"))]
    if name in {"getHours", "getMinutes", "getSeconds", "getMilliseconds"}:
        overloads.append(Overload(("duration",), total=True))
    return Function(name, INT, tuple(overloads), is_method=True, is_global=False)


_SIZED: Final[tuple[Kind, ...]] = ("string", "bytes", "list", "map")

FUNCTIONS: Final[dict[str, Function]] = {
    "size": Function(
        "size", INT, tuple(Overload((kind,), total=True) for kind in _SIZED), is_method=True
    ),
    "contains": _on_texts("text_contains", total=True),
    "startsWith": _on_texts("starts_with", total=True),
    "endsWith": _on_texts("ends_with", total=True),
    "matches": _on_texts("matches", total=False, is_global=True),
    "bool": _conversion("to_bool", BOOL, ["bool"], ["string"]),
    "bytes": _conversion("to_bytes", BYTES, ["bytes"], ["string"]),
    "double": _conversion("to_double", DOUBLE, ["double", "int", "uint"], ["string"]),
    "duration": _conversion("to_duration", DURATION, ["duration"], ["string"]),
    "dyn": _conversion("to_dyn", DYN, ["dyn"], []),
    "int": _conversion("to_int", INT, ["int", "timestamp"], ["double", "string", "uint"]),
    "string": _conversion(
        "to_string",
        STRING,
        ["string", "bool", "int", "uint", "double", "timestamp", "duration"],
        ["bytes"],
    ),
    "timestamp": _conversion("to_timestamp", TIMESTAMP, ["timestamp"], ["string", "int"]),
    "type": _conversion("type_of", TYPE, ["dyn"], []),
    "uint": _conversion("to_uint", UINT, ["uint"], ["int", "double", "string"]),
} | {name: _field(name) for name in sorted(FIELDS)}


def call(scope: Scope, node: Call, args: tuple[Code, ...]) -> Code:
    """Return the source of the call *node*; *args* begin with the target of a method."""
    function = FUNCTIONS.get(node.function)
    if function is None:
        return scope.find(node, "unknown_function", _unknown(node.function))
    form = function.is_global if node.target is None else function.is_method
    if not form:
        return scope.find(node, "unknown_function", _other_form(node))
    overloads = [one for one in function.overloads if len(one.parameters) == len(args)]
    if not overloads:
        return scope.find(node, "wrong_arity", _arity(node, function, len(args)))
    overloads = [one for one in overloads if _takes(one, args)]
    if not overloads:
        return scope.find(node, "type_mismatch", _mismatch(node, function, args))
    fails = not all(one.total for one in overloads) or _is_doubtful(overloads[0], args)
    result = scope.call(function.runtime, *args, result=function.result, fails=fails)
    return _refused(scope, node, args) or result


def _takes(overload: Overload, args: tuple[Code, ...]) -> bool:
    return all(
        "dyn" in {arg.type.kind, kind} or arg.type.kind == kind
        for arg, kind in zip(args, overload.parameters, strict=True)
    )


def _is_doubtful(overload: Overload, args: tuple[Code, ...]) -> bool:
    """Return whether an argument may at run time be of a kind that is not taken."""
    return overload.parameters != ("dyn",) and any(arg.is_dyn or arg.type.nullable for arg in args)


def _refused(scope: Scope, node: Call, args: tuple[Code, ...]) -> Code | None:
    """Note a constant that can never be read, such as `duration("60x")`, if there is one."""
    value = args[-1].constant
    if value is UNKNOWN or node.function not in {"timestamp", "duration", "matches"}:
        return None
    try:
        _read_constant(node.function, value)
    except CelError as error:
        return scope.find(node, "invalid_constant", str(error))
    return None


def _read_constant(function: str, value: object) -> None:
    if function == "matches":
        compiled(str(value))
    elif function == "timestamp":
        to_timestamp(value)
    else:
        to_duration(value)


def _unknown(name: str) -> str:
    near = get_close_matches(name, FUNCTIONS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(FUNCTIONS))}"
    return f"there is no function {name}(): {hint}"


def _other_form(node: Call) -> str:
    if node.target is None:
        return f"{node.function}() is written after its first argument: x.{node.function}(…)"
    return f"{node.function}() is not written after a value: {node.function}(x)"


def _arity(node: Call, function: Function, found: int) -> str:
    implied = node.target is not None
    counts = sorted({len(one.parameters) - implied for one in function.overloads})
    expected = " or ".join(map(str, counts))
    return f"{node.function}() takes {expected} arguments, found {found - implied}"


def _mismatch(node: Call, function: Function, args: tuple[Code, ...]) -> str:
    found = ", ".join(str(arg.type) for arg in args)
    taken = " or ".join(f"({', '.join(one.parameters)})" for one in function.overloads)
    return f"{node.function}() takes {taken}, found ({found})"
