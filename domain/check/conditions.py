"""The expressions of a model, one by one: do the names exist, do the types fit, can they hold?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from domain.cel.compiler import compile_expression
from domain.cel.errors import CelCheckError, line_and_column
from domain.cel.syntax import Expression
from domain.cel.types import Environment
from domain.check.findings import Finding, warning
from domain.check.proofs import Proofs
from domain.machine import flips, names
from domain.model import Model, Signal, Trigger

Role = Literal["condition", "instant", "number", "value"]

_EXPECTED: dict[Role, tuple[str, frozenset[str]]] = {
    "condition": ("a condition, true or false", frozenset({"bool"})),
    "instant": ("an instant, or text that names one", frozenset({"timestamp", "string"})),
    "number": ("a number", frozenset({"int", "uint", "double"})),
    "value": ("one value", frozenset({"bool", "int", "uint", "double", "string", "timestamp"})),
}


@dataclass(frozen=True, slots=True)
class Place:
    """An expression of a model: where it stands, what it has to yield and what it may read.

    Attributes:
        is_level: It is tested whenever it may have changed, not at an event or a deadline.
    """

    path: str
    expression: Expression
    role: Role
    environment: Environment
    is_level: bool = False


def triggers(model: Model) -> Iterator[tuple[str, Trigger]]:
    """Yield the triggers of *model* with the paths of their transitions and alerts."""
    for index, rule in enumerate(model.transitions):
        yield f"transitions[{index}]", rule.trigger
    for index, alert in enumerate(model.alerts):
        yield f"alerts[{index}]", alert.trigger


def places(model: Model) -> Iterator[Place]:
    """Yield every expression of *model*, in document order."""
    slots = names.slots(model)
    of_event, of_state, of_both = names.of_event(), names.of_state(slots), names.of_both(slots)
    for signal in model.signals:
        yield from _of_signal(signal, of_event)
    for path, trigger in triggers(model):
        yield from _of_trigger(path, trigger, of_both if trigger.kind == "on" else of_state)
    for index, upcast in enumerate(model.upcasts):
        for number, step in enumerate(upcast.steps):
            if step.expression is not None:
                path = f"upcasts[{index}].steps[{number}].by"
                yield Place(path, step.expression, "value", names.of_properties())
    for index, persona in enumerate(model.personas):
        yield Place(f"personas[{index}].when", persona.when, "condition", of_state)


def check_conditions(model: Model, proofs: Proofs) -> Iterator[Finding]:
    """Yield what is wrong with the expressions of *model*, each by itself."""
    for place in places(model):
        findings = [*_types(place), *_time(place)]
        yield from findings
        if not findings and place.role == "condition":
            yield from _truth(place, proofs)


def _of_signal(signal: Signal, environment: Environment) -> Iterator[Place]:
    path = f"signals.{signal.name}"
    if signal.value is not None:
        role: Role = "value" if signal.kind in ("distinct", "latest") else "number"
        yield Place(f"{path}.{signal.kind}", signal.value, role, environment)
    if signal.where is not None:
        yield Place(f"{path}.where", signal.where, "condition", environment)


def _of_trigger(path: str, trigger: Trigger, environment: Environment) -> Iterator[Place]:
    if trigger.at is not None:
        yield Place(f"{path}.at", trigger.at, "instant", environment)
    if trigger.when is not None:
        is_level = trigger.kind == "when" or (trigger.hold is not None and trigger.kind != "on")
        yield Place(f"{path}.when", trigger.when, "condition", environment, is_level)


def _types(place: Place) -> Iterator[Finding]:
    try:
        compiled = compile_expression(place.expression, place.environment)
    except CelCheckError as error:
        for one in error.findings:
            yield Finding("error", place.path, one.code, one.message, one.line, one.column)
        return
    wording, allowed = _EXPECTED[place.role]
    if compiled.type.kind not in allowed | {"dyn"}:
        message = f"expected {wording}, found {compiled.type}"
        yield Finding("error", place.path, "wrong_result", message, 1, 1)


def _time(place: Place) -> Iterator[Finding]:
    if not place.is_level:
        return
    for misused in flips.thresholds(place.expression.root)[1]:
        message = (
            'here `now` can only be compared, as in now - signals.last_order >= duration("30d"), '
            "because the instant at which the condition changes has to be computable"
        )
        line, column = line_and_column(place.expression.source, misused.node.start)
        yield Finding("error", place.path, "now_not_compared", message, line, column)


def _truth(place: Place, proofs: Proofs) -> Iterator[Finding]:
    if proofs.is_never_true(place.expression):
        message = f"can never be true: {place.expression.source}"
        yield warning(place.path, "never_true", message)
    elif proofs.is_always_true(place.expression):
        message = f"is always true, so it decides nothing: {place.expression.source}"
        yield warning(place.path, "always_true", message)
