"""Takes a condition apart, so that an explanation can show what each part of it says."""

from dataclasses import dataclass
from typing import Literal

from domain.cel.logic import reason
from domain.cel.syntax import Call, Expression, operands

__all__ = ["Clause", "Connective", "clauses", "connective", "reason"]


@dataclass(frozen=True, slots=True)
class Clause:
    """An operand of the outermost `&&` or `||`: its text, and the expression it is by itself."""

    source: str
    expression: Expression


Connective = Literal["all", "any", "one"]


def connective(expression: Expression) -> Connective:
    """Return how the clauses decide: all must hold (`&&`), any may (`||`), or there is one."""
    match expression.root:
        case Call(function="_&&_"):
            return "all"
        case Call(function="_||_"):
            return "any"
    return "one"


def clauses(expression: Expression) -> list[Clause]:
    """Return the operands of the outermost `&&` or `||` of *expression*, in source order.

    A condition with neither is its own only clause. The expressions keep the whole text, so that
    errors in them point at their place in the condition.
    """
    root = expression.root
    function = root.function if isinstance(root, Call) else ""
    parts = operands(root, function) if function in {"_&&_", "_||_"} else [root]
    return [
        Clause(expression.source[part.start : part.end], Expression(expression.source, part))
        for part in parts
    ]
