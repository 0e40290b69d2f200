"""Compiles a condition to a Python expression.

The result is source text, so that the fold can paste it between its own statements: a condition
over known types costs what the same condition costs in hand-written Python.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import cast

from domain.cel.code import Draft, Scope
from domain.cel.errors import CelCheckError, CelError
from domain.cel.logic import reason
from domain.cel.names import reads
from domain.cel.runtime import ERRORS, GLOBALS
from domain.cel.syntax import Expression
from domain.cel.translation import value_of
from domain.cel.types import Binding, Environment, StructType, Type

__all__ = [
    "ERRORS",
    "GLOBALS",
    "Binding",
    "Compiled",
    "Environment",
    "compile_expression",
    "evaluate",
    "evaluator",
]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A condition as Python.

    Attributes:
        source: An expression for the body of a function whose globals include `GLOBALS`; it may
            bind temporaries named `_cel_…`. An instant or a duration comes out as microseconds.
        type: What the expression yields.
        can_fail: Whether it may raise one of `ERRORS`.
        reads: The names it reads, as far as they are spelled out, in order of first appearance.
    """

    source: str
    type: Type
    can_fail: bool
    reads: tuple[str, ...]


def compile_expression(expression: Expression, environment: Environment) -> Compiled:
    """Return *expression* as Python source over the names of *environment*.

    Raises:
        CelCheckError: names or types do not fit; carries every finding.
    """
    draft = Draft(expression.source, environment)
    code = value_of(expression.root, Scope(draft))
    if draft.findings:
        raise CelCheckError(tuple(sorted(draft.findings, key=lambda one: (one.line, one.column))))
    return Compiled(code.text, code.type, code.can_fail, reads(expression, environment))


Values = Mapping[str, object]


def evaluator(expression: Expression, environment: Environment) -> Callable[[Values], object]:
    """Return a function from the values of the root names to the value of *expression*.

    It reads names from the values, whatever their bindings say: a record is a mapping of its
    members. Instants and durations come out boxed. All failures are CelErrors.

    Raises:
        CelCheckError: names or types do not fit.
    """
    roots = {
        name: _looked_up(binding, f"_cel_values[{name!r}]") for name, binding in environment.items()
    }
    draft = Draft(expression.source, roots)
    code = value_of(expression.root, Scope(draft))
    if draft.findings:
        raise CelCheckError(tuple(draft.findings))
    source = f"lambda _cel_values: {code.boxed().text}"
    function = eval(source, {"__builtins__": {}, **GLOBALS})  # noqa: S307  # our own source
    return _reporting(cast("Callable[[Values], object]", function))


def _looked_up(binding: Binding, source: str) -> Binding:
    """Return *binding* as it reads from a mapping; of a record, the members do."""
    if not isinstance(binding.type, StructType):
        return Binding(source, binding.type)
    members = {
        name: _looked_up(member, f"{source}[{name!r}]")
        for name, member in binding.type.members.items()
    }
    return replace(binding, type=StructType(members))


def _reporting(function: Callable[[Values], object]) -> Callable[[Values], object]:
    """Return *function* with the errors of plain Python operators told as CelErrors."""

    def evaluated(values: Values) -> object:
        try:
            return function(values)
        except ERRORS as error:
            raise CelError(reason(error)) from error

    return evaluated


def evaluate(expression: Expression, environment: Environment, values: Values) -> object:
    """Return the value of *expression* over *values*; see `evaluator`, which serves many times."""
    return evaluator(expression, environment)(values)
