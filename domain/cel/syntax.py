"""The syntax tree of a condition: small frozen nodes that know where they stand in the source.

Equality ignores positions, so two spellings of one condition compare equal.
Operators are calls with the names of the CEL specification ("_+_", "_&&_", "_[_]", "-_"; membership
is "_in_", which no written call can be); `has()` and the bounded macros have nodes of their own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal as OneOf

LiteralKind = OneOf["null", "bool", "int", "uint", "double", "string", "bytes"]
LiteralValue = None | bool | int | float | str | bytes
MacroName = OneOf["all", "exists", "exists_one", "filter", "map"]


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression: the characters from *start* up to, not including, *end*."""

    start: int = field(kw_only=True, compare=False)
    end: int = field(kw_only=True, compare=False)


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A constant; an integer constant beyond its 64 bits never reaches the tree."""

    value: LiteralValue
    kind: LiteralKind


@dataclass(frozen=True, slots=True)
class Ident(Node):
    """A name standing alone."""

    name: str


@dataclass(frozen=True, slots=True)
class Select(Node):
    """A member by its name: `operand.field`."""

    operand: Node
    field: str


@dataclass(frozen=True, slots=True)
class Has(Node):
    """Whether a member is there: `has(operand.field)`."""

    operand: Node
    field: str


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function, method (then with a *target*) or operator applied to its arguments."""

    function: str
    args: tuple[Node, ...]
    target: Node | None = None


@dataclass(frozen=True, slots=True)
class ListExpr(Node):
    """A list in brackets."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class MapExpr(Node):
    """A map in braces: pairs of key and value."""

    entries: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True)
class Comprehension(Node):
    """A bounded macro: *condition* or *result*, or both, for each item of *operand*.

    `all`, `exists`, `exists_one` and `filter` have a condition; `map` has a result, and a condition
    where it was written with three arguments.
    """

    macro: MacroName
    operand: Node
    variable: str
    condition: Node | None
    result: Node | None


@dataclass(frozen=True, slots=True)
class Expression:
    """A whole condition: its text and its tree."""

    source: str
    root: Node


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes directly below *node*, in source order."""
    match node:
        case Select(operand=operand) | Has(operand=operand):
            return (operand,)
        case Call(args=args, target=None):
            return args
        case Call(args=args, target=Node() as target):
            return (target, *args)
        case ListExpr(items=items):
            return items
        case MapExpr(entries=entries):
            return tuple(part for entry in entries for part in entry)
        case Comprehension(operand=operand, condition=condition, result=result):
            return (operand, *(part for part in (condition, result) if part is not None))
    return ()


def walk(node: Node) -> Iterator[Node]:
    """Yield *node* and everything below it, parents first, in source order."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(reversed(children(current)))


def operands(node: Node, function: str) -> list[Node]:
    """Return what a chain of one operator joins: `a && b && c` gives a, b and c."""
    match node:
        case Call(function=name, args=(left, right)) if name == function:
            return operands(left, function) + operands(right, function)
    return [node]


def path(node: Node) -> str | None:
    """Return the dotted name that *node* spells, such as `signals.orders`, or None."""
    fields: list[str] = []
    while isinstance(node, Select):
        fields.append(node.field)
        node = node.operand
    if not isinstance(node, Ident):
        return None
    return ".".join((node.name, *reversed(fields)))
