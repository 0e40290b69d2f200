"""Atoms: the smallest comparisons of a condition, in a form in which they can contradict.

`signals.a - signals.b >= duration("2160h")` and `signals.a < signals.b + duration("48h")` are both
bounds of one quantity, the difference of a and b. Brought to that form, two atoms contradict where
their intervals do not meet.
"""

from dataclasses import dataclass
from math import ceil, floor, inf
from typing import Final

from domain.cel.syntax import Call, Ident, ListExpr, Literal, Node, Select, children
from domain.check.constants import (
    Number,
    as_number,
    is_constant,
    is_single,
    value_of,
    without_conversion,
)

Terms = tuple[tuple[Node, int], ...]
"""A sum: parts of an expression, each with +1 or -1."""

Quantity = Terms | Node

NEGATED: Final = {"_<_": "_>=_", "_>=_": "_<_", "_>_": "_<=_", "_<=_": "_>_", "_==_": "_!=_"}
_NEGATED_ALL: Final = NEGATED | {"_!=_": "_==_"}
_MIRRORED: Final = {"_<_": "_>_", "_>_": "_<_", "_<=_": "_>=_", "_>=_": "_<=_"}


@dataclass(frozen=True, slots=True)
class Interval:
    """A quantity is a number from *low* to *high*; an open end is not itself included."""

    quantity: Terms
    low: Number = -inf
    high: Number = inf
    is_low_open: bool = False
    is_high_open: bool = False

    def contradicts(self, other: "Interval") -> bool:
        """Return whether no number lies in both."""
        return self.ends_before(other) or other.ends_before(self)

    def ends_before(self, other: "Interval") -> bool:
        """Return whether every number of this one is below every number of the *other*."""
        if self.high != other.low:
            return self.high < other.low
        return self.is_high_open or other.is_low_open

    def of_whole_numbers(self) -> "Interval":
        """Return the interval for a quantity that is always a whole number: closed ends."""
        low = floor(self.low) + 1 if self.is_low_open and self.low != -inf else self.low
        high = ceil(self.high) - 1 if self.is_high_open and self.high != inf else self.high
        low = ceil(low) if low != -inf else low
        high = floor(high) if high != inf else high
        return Interval(self.quantity, low, high)


@dataclass(frozen=True, slots=True)
class Membership:
    """The value of *node* is one of *values* or, negated, none of them."""

    quantity: Node
    values: tuple[object, ...]
    is_negated: bool = False

    def contradicts(self, other: "Membership") -> bool:
        """Return whether no value is allowed by both."""
        if self.is_negated and other.is_negated:
            return False
        if self.is_negated:
            return other.contradicts(self)
        allowed = [value for value in self.values if other.allows(value)]
        return not allowed

    def allows(self, value: object) -> bool:
        """Return whether the value may be *value*."""
        return _is_among(value, self.values) is not self.is_negated


@dataclass(frozen=True, slots=True)
class Opaque:
    """Something we know nothing of but that it is true or, negated, false."""

    quantity: Node
    is_negated: bool = False

    def contradicts(self, other: "Opaque") -> bool:
        """Return whether one says what the other denies."""
        return self.is_negated is not other.is_negated


Atom = Interval | Membership | Opaque


def contradict(one: Atom, other: Atom) -> bool:
    """Return whether *one* and *other* can be shown never to be true together."""
    if one.quantity != other.quantity:
        return False
    match one, other:
        case (Interval(), Interval()) | (Membership(), Membership()) | (Opaque(), Opaque()):
            return one.contradicts(other)  # type: ignore[arg-type]  # the match pairs equal kinds
    return False


def atom_of(node: Node, *, is_negated: bool) -> Atom:
    """Return the atom that *node*, a condition without `&&`, `||` and `!`, is."""
    match node:
        case Call(function=operator, args=(left, right)) if operator in _NEGATED_ALL:
            compared = _comparison(_NEGATED_ALL[operator] if is_negated else operator, left, right)
            return compared or Opaque(node, is_negated)
        case Call(function="_in_", args=(subject, ListExpr(items=items))):
            if items and all(is_constant(item) for item in items):
                values = tuple(value_of(item) for item in items)
                if all(is_single(value) for value in values):
                    return Membership(subject, values, is_negated)
    return Opaque(node, is_negated)


def difference(later: Node, earlier: Node, span: Number) -> Interval:
    """Return the atom that *later* is less than *span* after *earlier*."""
    return _bounded(((later, 1), (earlier, -1)), "_<_", span)


def elapsed(later: Node, earlier: Node, span: Number) -> Interval:
    """Return the atom that *later* is *span* or more after *earlier*."""
    return _bounded(((later, 1), (earlier, -1)), "_>=_", span)


def signal_node(name: str) -> Node:
    """Return how a condition reads the signal *name*."""
    return Select(Ident("signals", start=0, end=0), name, start=0, end=0)


def _comparison(operator: str, left: Node, right: Node) -> Atom | None:
    if operator in ("_==_", "_!=_"):
        for subject, other in ((left, right), (right, left)):
            value = value_of(other) if is_constant(other) else 0
            if as_number(value) is None:
                return (
                    Membership(subject, (value,), operator == "_!=_") if is_single(value) else None
                )
    terms, constant = _sum_of(left, 1)
    subtracted, offset = _sum_of(right, -1)
    collected = [*terms, *subtracted]
    if operator == "_!=_" or not collected:
        return None
    if any(is_constant(node) for node, _ in collected):  # a text or null, compared by order
        return None
    return _bounded(tuple(collected), operator, -(constant + offset))


def _bounded(terms: Terms, operator: str, bound: Number) -> Interval:
    """Return the interval of *terms*, ordered so that one quantity has one form."""
    ordered = tuple(sorted(terms, key=lambda term: _spelling(term[0])))
    if ordered[0][1] < 0:
        ordered = tuple((node, -sign) for node, sign in ordered)
        operator, bound = _MIRRORED.get(operator, operator), -bound
    match operator:
        case "_<_" | "_<=_":
            return Interval(ordered, high=bound, is_high_open=operator == "_<_")
        case "_>_" | "_>=_":
            return Interval(ordered, low=bound, is_low_open=operator == "_>_")
    return Interval(ordered, low=bound, high=bound)


def _spelling(node: Node) -> str:
    """Return text that is the same for equal nodes, wherever they stand in their source."""
    match node:
        case Ident(name=name):
            return name
        case Select(operand=operand, field=field):
            return f"{_spelling(operand)}.{field}"
        case Literal(value=value):
            return repr(value)
        case Call(function=function):
            name = function
        case _:
            name = type(node).__name__
    return f"{name}({', '.join(map(_spelling, children(node)))})"


def _sum_of(node: Node, sign: int) -> tuple[list[tuple[Node, int]], Number]:
    """Return *node* as a sum of parts and a number; only what is surely numeric is taken apart."""
    if is_constant(node):
        number = as_number(value_of(node))
        return ([], number * sign) if number is not None else ([(node, sign)], 0)
    match node:
        case Call(function="_-_", args=(left, right)):
            return _joined(_sum_of(left, sign), _sum_of(right, -sign))
        case Call(function="_+_", args=(left, right)) if _is_number(left) or _is_number(right):
            return _joined(_sum_of(left, sign), _sum_of(right, sign))
    return [(without_conversion(node), sign)], 0


def _joined(
    one: tuple[list[tuple[Node, int]], Number],
    other: tuple[list[tuple[Node, int]], Number],
) -> tuple[list[tuple[Node, int]], Number]:
    return [*one[0], *other[0]], one[1] + other[1]


def _is_number(node: Node) -> bool:
    return is_constant(node) and as_number(value_of(node)) is not None


def _is_among(value: object, values: tuple[object, ...]) -> bool:
    number = as_number(value)
    if number is not None:
        return any(as_number(one) == number for one in values)
    return any(type(value) is type(one) and value == one for one in values)


def single_name(quantity: Quantity) -> str | None:
    """Return the name that a *quantity* is, such as `signals.orders`, where it is only that."""
    if not isinstance(quantity, tuple) or len(quantity) != 1:
        return None
    match quantity[0]:
        case (Select(operand=Ident(name=root), field=field), 1):
            return f"{root}.{field}"
        case (Ident(name=name), 1):
            return name
    return None
