"""When time alone can change a condition: windows that shrink, and comparisons of `now`.

A comparison must be linear in `now` (`now - x >= d`, `now < x + d`, …). Solved for `now` it gives
one threshold, at or right after which the comparison changes. A condition is then constant between
the instants so found, which is what lets the fold look only there and still date it exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.cel.syntax import Call, Ident, Node, Select, children, walk

if TYPE_CHECKING:
    from collections.abc import Collection

_COMPARISONS = frozenset({"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_"})
_RISING = {"_>_": (0, 1), "_>=_": (0, 1), "_<_": (1, 0), "_<=_": (1, 0)}


@dataclass(frozen=True, slots=True)
class NowMisused:
    """A place where a condition reads `now` otherwise than in a linear comparison."""

    node: Node


def thresholds(root: Node) -> tuple[list[Node], list[NowMisused]]:
    """Return the instants with which *root* compares `now`, and where it misuses `now`."""
    found: list[Node] = []
    misused: list[NowMisused] = []
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Ident) and node.name == "now":
            misused.append(NowMisused(node))
            continue
        solved = _solve(node) if reads_now(node) else None
        if solved is not None:
            found.append(solved)
        else:
            waiting.extend(reversed(children(node)))
    return found, misused


def reads_now(node: Node) -> bool:
    """Whether `now` occurs in *node*."""
    return any(isinstance(part, Ident) and part.name == "now" for part in walk(node))


def _solve(node: Node) -> Node | None:
    if not isinstance(node, Call) or node.function not in _COMPARISONS:
        return None
    left, right = node.args
    if reads_now(left) and reads_now(right):
        return None
    return _isolate(left, right) if reads_now(left) else _isolate(right, left)


def _isolate(side: Node, other: Node) -> Node | None:
    """Return what `now` equals where *side* equals *other*; None where that is not linear."""
    while not (isinstance(side, Ident) and side.name == "now"):
        if not isinstance(side, Call) or side.function not in ("_+_", "_-_"):
            return None
        first, second = side.args
        if reads_now(first) and reads_now(second):
            return None
        if side.function == "_+_":
            side, other = _unplus(first, second, other)
        elif reads_now(first):
            side, other = first, _call("_+_", other, second)
        else:
            side, other = second, _call("_-_", first, other)
    return other


def _unplus(first: Node, second: Node, other: Node) -> tuple[Node, Node]:
    if reads_now(first):
        return first, _call("_-_", other, second)
    return second, _call("_-_", other, first)


def _call(function: str, left: Node, right: Node) -> Call:
    return Call(function, (left, right), start=left.start, end=right.end)


def rises_only(node: Node, shrinking: Collection[str], counts: Collection[str]) -> bool:
    """Whether time alone can make *node* false but never true.

    So it is for `count >= n` joined by `&&` and `||`: an event makes the count larger, time makes
    it smaller. *shrinking* are the names of windowed signals, *counts* those among them that count.
    """
    if not reads_now(node) and not reads_any(node, shrinking):
        return True
    if not isinstance(node, Call):
        return False
    if node.function in ("_&&_", "_||_"):
        return all(rises_only(part, shrinking, counts) for part in node.args)
    if node.function not in _RISING:
        return False
    larger, smaller = (node.args[place] for place in _RISING[node.function])
    constant = not reads_now(smaller) and not reads_any(smaller, shrinking)
    return constant and signal_name(larger) in counts


def signal_name(node: Node) -> str | None:
    """Return the name that `signals.<name>` reads, None for any other node."""
    match node:
        case Select(operand=Ident(name="signals"), field=name):
            return name
    return None


def reads_any(node: Node, names: Collection[str]) -> bool:
    """Whether one of the signals *names* occurs in *node*."""
    return any(signal_name(part) in names for part in walk(node))
