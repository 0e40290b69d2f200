"""Source for `&&`, `||`, `!` and the conditional.

`false && error` is false and `true || error` is true on whichever side the error stands. So an
operand that might fail is written quietly and its verdict kept in a temporary: while no operand
decides, evaluation goes on, and at the end all verdicts must have been plain bools.
"""

from collections.abc import Sequence

from domain.cel.code import POISON, Code, Scope
from domain.cel.syntax import Node
from domain.cel.types import BOOL, DYN, TIMES, join


def require_bool(scope: Scope, node: Node, what: str, code: Code) -> Code:
    """Return *code* if it can be a bool; otherwise note that *what* takes none other."""
    if code.type.kind in {"bool", "dyn"}:
        return code
    return scope.find(node, "type_mismatch", f"{what} takes a bool, found {code.type}")


def conjunction(scope: Scope, operands: Sequence[Code]) -> Code:
    """Return the source of the `&&` of *operands*; all but the last were written quietly."""
    parts, doubts = _parts(scope, operands, "is not False")
    if doubts:
        agreed = " is ".join(doubts) + " is True"
        refusal = f"_cel_refuse({', '.join(doubts)})"
        parts.append(f"(True if {agreed} else {POISON if scope.quiet else refusal})")
    return Code(f"({' and '.join(parts)})", BOOL, _can_fail(operands))


def disjunction(scope: Scope, operands: Sequence[Code]) -> Code:
    """Return the source of the `||` of *operands*; all but the last were written quietly."""
    parts, doubts = _parts(scope, operands, "is True")
    if doubts:
        agreed = " is ".join(doubts) + " is False"
        refusal = f"_cel_refuse({', '.join(doubts)})"
        parts.append(f"(False if {agreed} else {POISON if scope.quiet else refusal})")
    return Code(f"({' or '.join(parts)})", BOOL, _can_fail(operands))


def _can_fail(operands: Sequence[Code]) -> bool:
    return not all(operand.is_certain for operand in operands)


def _parts(scope: Scope, operands: Sequence[Code], test: str) -> tuple[list[str], list[str]]:
    """Return the tests of *operands*, and the temporaries that hold the doubtful verdicts."""
    parts: list[str] = []
    doubts: list[str] = []
    for operand in operands:
        if operand.is_certain:
            parts.append(operand.text)
        elif operand is operands[-1] and not scope.quiet:
            parts.append(as_bool(operand))
        else:
            doubts.append(scope.fresh())
            parts.append(f"({doubts[-1]} := {operand.text}) {test}")
    return parts, doubts


def as_bool(code: Code) -> str:
    """Return loud source that fails unless *code* yields a bool."""
    return code.text if code.type == BOOL else f"_cel_boolean({code.text})"


def opposite(scope: Scope, operand: Code) -> Code:
    """Return the source of `!operand`."""
    if operand.is_certain or (operand.type == BOOL and not scope.quiet):
        return Code(f"(not {operand.text})", BOOL, operand.can_fail)
    return scope.call("invert", operand, result=BOOL)


def conditional(scope: Scope, test: Code, then: Code, otherwise: Code) -> Code:
    """Return the source of `test ? then : otherwise`."""
    kind = join(then.type, otherwise.type)
    if kind == DYN and {then.type.kind, otherwise.type.kind} & TIMES:
        then, otherwise = then.boxed(), otherwise.boxed()
    can_fail = then.can_fail or otherwise.can_fail or not test.is_certain
    if test.is_certain or not scope.quiet:
        text = f"({then.text} if {as_bool(test)} else {otherwise.text})"
        return Code(text, kind, can_fail)
    name = scope.fresh()
    text = (
        f"({then.text} if ({name} := {test.text}) is True"
        f" else {otherwise.text} if {name} is False else {POISON})"
    )
    return Code(text, kind, can_fail)
