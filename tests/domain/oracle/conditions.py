"""Conditions by walking their tree: as much of CEL as models of the tests use, one arm per node."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from domain.cel.syntax import Call, Has, Ident, ListExpr, Literal, Node, Select
from domain.instants import parse_instant

_TYPE_ERROR = "no such overload"
_UNITS = {"h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "ms": 1_000}


class ConditionError(Exception):
    """The condition has no value here: it is not matched."""


@dataclass(frozen=True, slots=True, order=True)
class Instant:
    """A CEL timestamp, in microseconds since the epoch."""

    count: int


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A CEL duration, in microseconds."""

    count: int


Names = Mapping[str, object]


def evaluate(node: Node, names: Names) -> object:
    """Return the value of *node*, or raise `ConditionError`."""
    match node:
        case Literal(value=value):
            return value
        case Ident(name=name):
            return _member(names, name)
        case Select(operand=operand, field=field):
            return _member(evaluate(operand, names), field)
        case Has(operand=operand, field=field):
            holder = evaluate(operand, names)
            if not isinstance(holder, Mapping):
                raise ConditionError(_TYPE_ERROR)
            return field in holder
        case ListExpr(items=items):
            return [evaluate(item, names) for item in items]
        case Call():
            return _call(node, names)
    raise NotImplementedError(node)


def _member(holder: object, name: str) -> object:
    if not isinstance(holder, Mapping) or name not in holder:
        message = f"no such key: {name}"
        raise ConditionError(message)
    return holder[name]


def _call(node: Call, names: Names) -> object:
    match node.function, node.args:
        case "_&&_", (left, right):
            return _either(left, right, names, decisive=False)
        case "_||_", (left, right):
            return _either(left, right, names, decisive=True)
        case "_?_:_", (condition, yes, no):
            return evaluate(yes if _truth(evaluate(condition, names)) else no, names)
    parts = [node.target, *node.args] if node.target is not None else list(node.args)
    return _FUNCTIONS[node.function](*(evaluate(part, names) for part in parts))


def _either(left: Node, right: Node, names: Names, *, decisive: bool) -> bool:
    """Return *decisive* if one side has that value, whatever becomes of the other."""
    failure: ConditionError | None = None
    for side in (left, right):
        try:
            value = _truth(evaluate(side, names))
        except ConditionError as error:
            failure = error
        else:
            if value is decisive:
                return decisive
    if failure is not None:
        raise failure
    return not decisive


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _equal(left: object, right: object) -> bool:
    if _is_number(left) and _is_number(right):
        return left == right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    return type(left) is type(right) and left == right


def _ordered(compare: Callable[..., bool]) -> Callable[[object, object], bool]:
    def ordered(left: object, right: object) -> bool:
        comparable = isinstance(left, bool | str | Instant | Span) and type(left) is type(right)
        if not comparable and not (_is_number(left) and _is_number(right)):
            raise ConditionError(_TYPE_ERROR)
        return compare(left, right)

    return ordered


def _arithmetic(compute: Callable[..., object]) -> Callable[[object, object], object]:
    def arithmetic(left: object, right: object) -> object:
        if not (_is_number(left) and _is_number(right)):
            raise ConditionError(_TYPE_ERROR)
        try:
            return compute(left, right)
        except ZeroDivisionError:
            raise ConditionError("division by zero") from None

    return arithmetic


def _add(left: object, right: object) -> object:
    match left, right:
        case (Instant(count=x), Span(count=y)) | (Span(count=y), Instant(count=x)):
            return Instant(x + y)
        case Span(count=x), Span(count=y):
            return Span(x + y)
        case (str(x), str(y)):
            return x + y
    return _arithmetic(operator.add)(left, right)


def _subtract(left: object, right: object) -> object:
    match left, right:
        case Instant(count=x), Instant(count=y):
            return Span(x - y)
        case Instant(count=x), Span(count=y):
            return Instant(x - y)
        case Span(count=x), Span(count=y):
            return Span(x - y)
    return _arithmetic(operator.sub)(left, right)


def _divide(left: float, right: float) -> float:
    if isinstance(left, int) and isinstance(right, int):
        quotient = abs(left) // abs(right)
        return quotient if (left < 0) == (right < 0) else -quotient
    if right == 0:  # IEEE 754: doubles divide by zero
        sign = math.copysign(1.0, left) * math.copysign(1.0, right)
        return math.nan if left == 0 or math.isnan(left) else sign * math.inf
    return left / right


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ConditionError(_TYPE_ERROR)
    return value


def _not(value: object) -> bool:
    return not _truth(value)


def _in(item: object, holder: object) -> bool:
    if isinstance(holder, list | dict):
        return any(_equal(item, other) for other in holder)
    raise ConditionError(_TYPE_ERROR)


def _size(value: object) -> int:
    if isinstance(value, str | list | dict):
        return len(value)
    raise ConditionError(_TYPE_ERROR)


def _double(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise NotImplementedError(value)


def _timestamp(value: object) -> Instant:
    if isinstance(value, Instant):
        return value
    if not isinstance(value, str):
        raise ConditionError(_TYPE_ERROR)
    try:
        return Instant(parse_instant(value))
    except ValueError as error:
        raise ConditionError(str(error)) from None


def span(value: object) -> Span:
    """Return the CEL duration that text such as `720h` or `1h30m` names."""
    if isinstance(value, Span):
        return value
    parts = re.findall(r"(\d+)(ms|h|m|s)", value) if isinstance(value, str) else []
    if not parts or "".join(map("".join, parts)) != value:
        raise ConditionError(_TYPE_ERROR)
    return Span(sum(int(count) * _UNITS[unit] for count, unit in parts))


def _text(compute: Callable[[str, str], bool]) -> Callable[[object, object], bool]:
    def test(text: object, part: object) -> bool:
        if not isinstance(text, str) or not isinstance(part, str):
            raise ConditionError(_TYPE_ERROR)
        return compute(text, part)

    return test


_FUNCTIONS: dict[str, Callable[..., object]] = {
    "!_": _not,
    "_==_": _equal,
    "_!=_": lambda left, right: not _equal(left, right),
    "_<_": _ordered(operator.lt),
    "_<=_": _ordered(operator.le),
    "_>_": _ordered(operator.gt),
    "_>=_": _ordered(operator.ge),
    "_in_": _in,
    "_+_": _add,
    "_-_": _subtract,
    "_*_": _arithmetic(operator.mul),
    "_/_": _arithmetic(_divide),
    "size": _size,
    "double": _double,
    "timestamp": _timestamp,
    "duration": span,
    "contains": _text(lambda text, part: part in text),
    "startsWith": _text(str.startswith),
    "endsWith": _text(str.endswith),
}
