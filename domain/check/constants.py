"""Constants in conditions: parts that read no name have a value before any event arrives."""

from domain.cel.compiler import evaluate
from domain.cel.errors import CelCheckError, CelError
from domain.cel.syntax import Call, Expression, Ident, Node, Select, walk
from domain.cel.values import Duration, Timestamp, Uint

Number = int | float


def is_constant(node: Node) -> bool:
    """Return whether *node* reads no name."""
    return not any(isinstance(part, Ident) for part in walk(node))


def value_of(node: Node) -> object | None:
    """Return the value of constant *node*; None where it has none, or null."""
    try:
        return evaluate(Expression("", node), {}, {})
    except (CelCheckError, CelError):
        return None


def as_number(value: object) -> Number | None:
    """Return *value* as a number to compare with: of instants and durations, their microseconds."""
    match value:
        case bool():
            return None
        case int() | float():
            return value
        case Duration(micros=micros) | Timestamp(micros=micros):
            return micros
        case Uint(value=count):
            return count
    return None


def is_single(value: object) -> bool:
    """Return whether *value* is one value, not a list or a map of them."""
    return not isinstance(value, list | dict)


def without_conversion(node: Node) -> Node:
    """Return what *node* converts to an instant, where it does nothing else."""
    match node:
        case Call(function="timestamp", args=(Select() as inner,), target=None):
            return inner
    return node
