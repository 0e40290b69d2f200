"""Source for arithmetic, order, equality and membership.

Where both types are known this is plain Python; a dynamic operand beside a constant is compared in
place after a glance at its class; all else calls the run-time function that sorts it out.
"""

from typing import Final

from domain.cel.code import POISON, UNKNOWN, Code, Scope
from domain.cel.syntax import Node
from domain.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    NUMBERS,
    STRING,
    TIMES,
    TIMESTAMP,
    UINT,
    ListType,
    Type,
    held,
    join,
)
from domain.cel.values import (
    DURATION_MAX,
    INT_MAX,
    INT_MIN,
    TIMESTAMP_MAX,
    TIMESTAMP_MIN,
)

_ON_NUMBERS: Final = {
    ("int", "int"): INT,
    ("uint", "uint"): UINT,
    ("double", "double"): DOUBLE,
    ("int", "double"): DOUBLE,
    ("double", "int"): DOUBLE,
}
_RESULTS: Final[dict[str, dict[tuple[str, str], Type]]] = {
    "+": _ON_NUMBERS
    | {
        ("string", "string"): STRING,
        ("bytes", "bytes"): BYTES,
        ("list", "list"): ListType(DYN),
        ("timestamp", "duration"): TIMESTAMP,
        ("duration", "timestamp"): TIMESTAMP,
        ("duration", "duration"): DURATION,
    },
    "-": _ON_NUMBERS
    | {
        ("timestamp", "timestamp"): DURATION,
        ("timestamp", "duration"): TIMESTAMP,
        ("duration", "duration"): DURATION,
    },
    "*": _ON_NUMBERS,
    "/": _ON_NUMBERS,
    "%": {("int", "int"): INT, ("uint", "uint"): UINT},
}
_FUNCTIONS: Final = {
    "==": "equal",
    "!=": "not_equal",
    "+": "add",
    "-": "subtract",
    "*": "multiply",
    "/": "divide",
    "%": "modulo",
    "<": "less",
    "<=": "less_or_equal",
    ">": "greater",
    ">=": "greater_or_equal",
}
_MIRRORED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_BOUNDS: Final = {
    "int": (INT_MIN, INT_MAX),
    "timestamp": (TIMESTAMP_MIN, TIMESTAMP_MAX),
    "duration": (-DURATION_MAX, DURATION_MAX),
}
_ORDERED: Final = NUMBERS | TIMES | {"string", "bytes", "bool"}
_ONE_CLASS: Final = frozenset({"bool", "int", "double", "string", "bytes", "type"}) | TIMES
"""Kinds whose values Python's == compares exactly as long as both are of the kind, or null."""


def arithmetic(scope: Scope, node: Node, symbol: str, left: Code, right: Code) -> Code:
    """Return the source of `left symbol right` for one of + - * / %."""
    left, right = scope.solid(left), scope.solid(right)
    results = {
        (first, second): result
        for (first, second), result in _RESULTS[symbol].items()
        if left.type.kind in {first, "dyn"} and right.type.kind in {second, "dyn"}
    }
    if not results:
        return _mismatch(scope, node, symbol, left, right)
    function = _FUNCTIONS[symbol]
    if left.is_dyn or right.is_dyn:
        return scope.call(function, left, right, result=_unanimous(set(results.values())))
    (result,) = results.values()
    folded = scope.call(function, left, right, result=result)
    if folded.constant is not UNKNOWN or not _is_plain(symbol, right, result):
        return folded
    return _in_place(scope, symbol, (left, right), result)


def _unanimous(results: set[Type]) -> Type:
    return held(results.pop()) if len(results) == 1 else DYN


def _is_plain(symbol: str, right: Code, result: Type) -> bool:
    """Return whether Python's operator does what CEL's does, errors of range apart."""
    if symbol == "/":
        return result == DOUBLE and right.constant is not UNKNOWN and bool(right.constant)
    return symbol != "%" and result != UINT


def _in_place(scope: Scope, symbol: str, operands: tuple[Code, Code], result: Type) -> Code:
    left, right = operands
    text = f"({left.text} {symbol} {right.text})"
    if isinstance(left.type, ListType) and isinstance(right.type, ListType):
        result = ListType(join(left.type.element, right.type.element))
    instants = left.type.kind == right.type.kind == "timestamp"
    bounds = None if instants else _BOUNDS.get(result.kind)
    if bounds is None:
        return Code(text, result, left.can_fail or right.can_fail)
    return scope.checked(text, *bounds, result)


def negation(scope: Scope, node: Node, operand: Code) -> Code:
    """Return the source of minus *operand*."""
    operand = scope.solid(operand)
    if operand.type.kind not in {"int", "double", "dyn"}:
        message = f"'-' takes a signed number, found {operand.type}"
        return scope.find(node, "type_mismatch", message)
    negated = scope.call("negate", operand, result=operand.type)
    if operand.type == DOUBLE and negated.constant is UNKNOWN:
        return Code(f"(-{operand.text})", DOUBLE, operand.can_fail)
    return negated


def ordering(scope: Scope, node: Node, symbol: str, left: Code, right: Code) -> Code:
    """Return the source of `left symbol right` for one of < <= > >=."""
    left, right = scope.solid(left), scope.solid(right)
    if not _are_ordered(left.type.kind, right.type.kind):
        return _mismatch(scope, node, symbol, left, right)
    if right.is_dyn and left.is_small:
        left, right, symbol = right, left, _MIRRORED[symbol]
    if left.is_dyn and right.is_small:
        return _comparison_in_place(scope, symbol, left, right)
    is_dynamic = left.is_dyn or right.is_dyn
    call = scope.call(_FUNCTIONS[symbol], left, right, result=BOOL, fails=is_dynamic)
    if call.constant is not UNKNOWN or not _compares_plainly(left, right):
        return call
    return Code(f"({left.text} {symbol} {right.text})", BOOL, left.can_fail or right.can_fail)


def _are_ordered(left: str, right: str) -> bool:
    if not {left, right} <= _ORDERED | {"dyn"}:
        return False
    return left == right or "dyn" in {left, right} or {left, right} <= NUMBERS


def _compares_plainly(left: Code, right: Code) -> bool:
    kinds = {left.type.kind, right.type.kind}
    if kinds == {"int", "double"}:
        return left.is_small or right.is_small
    return len(kinds) == 1 and not kinds & {"uint", "dyn"}


def _comparison_in_place(scope: Scope, symbol: str, left: Code, right: Code) -> Code:
    """Compare a dynamic value with a constant where it stands if it is a plain number."""
    name = scope.fresh()
    function = f"_cel_{_FUNCTIONS[symbol]}"
    arguments = f"{name}, {right.text}"
    otherwise = (
        f"_cel_quiet({function}, {arguments})" if scope.quiet else f"{function}({arguments})"
    )
    text = (
        f"({name} {symbol} {right.text} if ({name} := {left.text}).__class__ is _cel_int"
        f" or {name}.__class__ is _cel_float else {otherwise})"
    )
    return Code(text, BOOL, can_fail=left.can_fail or symbol not in {"==", "!="})


def equality(scope: Scope, node: Node, symbol: str, left: Code, right: Code) -> Code:
    """Return the source of `left symbol right` for == or !=."""
    if _never_equal(left.type, right.type):
        return _mismatch(scope, node, symbol, left, right)
    if left.constant is not UNKNOWN:
        left, right = right, left
    if left.constant is not UNKNOWN:
        return scope.call(_FUNCTIONS[symbol], left, right, result=BOOL, fails=False)
    can_fail = left.can_fail or right.can_fail
    if right.constant is None and not (scope.quiet and can_fail):
        return Code(f"({left.text} {'is' if symbol == '==' else 'is not'} None)", BOOL, can_fail)
    if _equals_plainly(left, right):
        return Code(f"({left.text} {symbol} {right.text})", BOOL, can_fail)
    if right.type == BOOL and right.constant is not UNKNOWN:
        return _equality_to_bool(scope, symbol, left, right)
    if left.is_dyn and right.is_small:
        return _comparison_in_place(scope, symbol, left, right)
    return scope.call(_FUNCTIONS[symbol], left, right, result=BOOL, fails=_may_nest(left, right))


def _never_equal(left: Type, right: Type) -> bool:
    """Return whether the types alone forbid a comparison; null may be compared with anything."""
    kinds = {left.kind, right.kind}
    return not (len(kinds) == 1 or kinds & {"dyn", "null"} or kinds <= NUMBERS)


def _equals_plainly(left: Code, right: Code) -> bool:
    kinds = {left.type.kind, right.type.kind}
    if kinds <= {"string", "bytes", "null", "dyn"} and kinds & {"string", "bytes", "null"}:
        return True
    if kinds <= {"int", "double", "dyn"} and right.is_small:
        return kinds <= {"int", "double"} or right.constant not in {0, 1}
    return len(kinds) == 1 and kinds <= _ONE_CLASS


def _equality_to_bool(scope: Scope, symbol: str, left: Code, right: Code) -> Code:
    test = "is" if symbol == "==" else "is not"
    if not (scope.quiet and left.can_fail):
        return Code(f"({left.text} {test} {right.text})", BOOL, left.can_fail)
    name = scope.fresh()
    text = f"({name} {test} {right.text} if ({name} := {left.text}) is not {POISON} else {POISON})"
    return Code(text, BOOL, can_fail=True)


def _may_nest(left: Code, right: Code) -> bool:
    """Return whether equality has lists or maps to descend, whose depth is bounded."""
    return {left.type.kind, right.type.kind} <= {"list", "map", "dyn"}


def membership(scope: Scope, node: Node, element: Code, container: Code) -> Code:
    """Return the source of `element in container`."""
    if container.type.kind not in {"list", "map", "dyn"}:
        message = f"'in' looks into a list or a map, found {container.type}"
        return scope.find(node, "type_mismatch", message)
    if _is_plain_key(element, container):
        return Code(f"({element.text} in {container.text})", BOOL)
    return scope.call("contains", element, container, result=BOOL)


def _is_plain_key(element: Code, container: Code) -> bool:
    is_map = container.type.kind == "map" and not container.type.nullable
    return is_map and element.type == STRING and not (element.can_fail or container.can_fail)


def membership_of_texts(scope: Scope, element: Code, texts: list[str]) -> Code:
    """Return the source of `element in [...]` for a list of constant strings."""
    options = f"({', '.join(map(repr, texts))},)"
    element = element.boxed()
    if not (scope.quiet and element.can_fail):
        return Code(f"({element.text} in {options})", BOOL, element.can_fail)
    name = scope.fresh()
    text = f"({name} in {options} if ({name} := {element.text}) is not {POISON} else {POISON})"
    return Code(text, BOOL, can_fail=True)


def _mismatch(scope: Scope, node: Node, symbol: str, left: Code, right: Code) -> Code:
    message = f"'{symbol}' does not take {left.type} and {right.type}"
    return scope.find(node, "type_mismatch", message)
