"""Which names a condition reads."""

from collections.abc import Mapping
from typing import Final

from domain.cel.syntax import (
    Call,
    Comprehension,
    Expression,
    Has,
    Ident,
    Literal,
    Node,
    Select,
    children,
)

_NOTHING: Final[frozenset[str]] = frozenset()


def reads(expression: Expression, roots: Mapping[str, object]) -> tuple[str, ...]:
    """Return the paths that *expression* reads from *roots*, in order of first appearance.

    A path goes as far as it is spelled out: `signals.orders`, `properties.address.city`, `now`.
    """
    found: dict[str, None] = {}
    waiting: list[tuple[Node, frozenset[str]]] = [(expression.root, _NOTHING)]
    while waiting:
        node, variables = waiting.pop()
        root, path = _spelled(node)
        if root is not None:
            if root not in variables and root in roots:
                found.setdefault(path)
            continue
        waiting.extend((part, inner) for part, inner in reversed(_parts(node, variables)))
    return tuple(found)


def _parts(node: Node, variables: frozenset[str]) -> list[tuple[Node, frozenset[str]]]:
    if not isinstance(node, Comprehension):
        return [(part, variables) for part in children(node)]
    inside = variables | {node.variable}
    return [(part, variables if part is node.operand else inside) for part in children(node)]


def _spelled(node: Node) -> tuple[str | None, str]:
    """Return the root name and the whole path that *node* spells, or None."""
    fields: list[str] = []
    while True:
        match node:
            case Ident(name=name):
                return name, ".".join((name, *reversed(fields)))
            case Select(operand=operand, field=field) | Has(operand=operand, field=field):
                fields.append(field)
            case Call(function="_[_]", args=(operand, Literal(value=str() as field))):
                fields.append(field)
            case _:
                return None, ""
        node = operand
