"""Where to look: every length of time and every date that a model mentions anywhere."""

from __future__ import annotations

from collections.abc import Iterator

from domain.cel.syntax import Call, Expression, Literal, walk
from domain.durations import Duration
from domain.instants import parse_instant
from domain.model import Model, Trigger
from tests.domain.oracle.conditions import span


def durations_of(model: Model) -> list[Duration]:
    """Return each duration in *model*, those in conditions also backwards, and none at all."""
    found = {signal.within for signal in model.signals}
    for trigger in triggers_of(model):
        found |= {trigger.after, trigger.offset, trigger.hold}
    for argument in _arguments(model, "duration"):
        length = Duration(microseconds=span(argument).count)
        found |= {length, -length}
    return [duration for duration in found if duration is not None]


def literal_instants_of(model: Model) -> set[int]:
    """Return the instants that conditions of *model* name."""
    return {parse_instant(argument) for argument in _arguments(model, "timestamp")}


def triggers_of(model: Model) -> list[Trigger]:
    """Return the triggers of the rules and alerts of *model*."""
    return [rule.trigger for rule in model.transitions] + [a.trigger for a in model.alerts]


def _arguments(model: Model, function: str) -> Iterator[str]:
    for expression in _expressions(model):
        for node in walk(expression.root):
            match node:
                case Call(function=name, args=(Literal(value=str(text)),)) if name == function:
                    yield text


def _expressions(model: Model) -> list[Expression]:
    conditions = [trigger.when for trigger in triggers_of(model)]
    dates = [trigger.at for trigger in triggers_of(model)]
    return [expression for expression in (*conditions, *dates) if expression is not None]
