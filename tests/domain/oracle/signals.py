"""Signals by plain loops: what each event brought, and which of it counts at an instant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from domain.durations import add
from domain.events import Event
from domain.model import ANY, Model, Signal
from tests.domain.oracle.conditions import ConditionError, Instant, Names, evaluate

ELEMENTS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Taken:
    """An event as it was taken in: what it brought to each signal that took it."""

    event: Event
    brought: Mapping[str, object]


def canonical_type(model: Model, event: Event) -> str:
    """Return the name by which *model* knows the type of *event*."""
    return model.events.get(event.type, event.type)


def is_among(types: Sequence[str], model: Model, event: Event) -> bool:
    """Return whether *event* is of one of *types*; `*` is any behaviour, so nothing with a `$`."""
    name = canonical_type(model, event)
    return name in types or (ANY in types and not name.startswith("$"))


def take(model: Model, event: Event, names: Names) -> Taken:
    """Return *event* with what it brings to each signal under *names*."""
    brought: dict[str, object] = {}
    for signal in model.signals:
        try:
            if is_among(signal.types, model, event) and _is_wanted(signal, names):
                brought[signal.name] = _reading(signal, event, names)
        except ConditionError:
            continue
    return Taken(event, brought)


def _is_wanted(signal: Signal, names: Names) -> bool:
    return signal.where is None or evaluate(signal.where.root, names) is True


def _reading(signal: Signal, event: Event, names: Names) -> object:
    if signal.value is None:
        return event.customer_id if signal.by_customer else None
    value = evaluate(signal.value.root, names)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if signal.kind in ("sum", "avg", "min", "max") and not is_number:
        raise ConditionError("not a number")
    if signal.kind == "distinct" and value is None:
        raise ConditionError("nothing to tell apart")
    return value


def value_at(signal: Signal, history: Sequence[Taken], instant: int, zone: tzinfo) -> object:
    """Return the value of *signal* at *instant*, given the part of the history in its scope."""
    elements: list[tuple[int, object]] = []
    end_of_older = 0
    for taken in history:
        if signal.name not in taken.brought:
            continue
        taken_at = taken.event.effective_at
        if signal.within is not None:
            # Months swap ends around the end of February; no event leaves before an older one.
            end_of_older = max(end_of_older, add(taken_at, signal.within, zone))
            if instant >= end_of_older:
                continue
        elements.append((taken_at, taken.brought[signal.name]))
    if signal.within is not None:
        elements = elements[-ELEMENTS_MAX:]
    return _summary(signal, [x for x, _ in elements], [value for _, value in elements])


def _summary(signal: Signal, instants: list[int], values: list[object]) -> object:
    numbers = [value for value in values if isinstance(value, int | float)]
    if signal.kind in ("count", "distinct", "sum"):
        return _total(signal, values, numbers)
    if not values:
        return None
    answers: dict[str, object] = {
        "first": Instant(instants[0]),
        "last": Instant(instants[-1]),
        "latest": values[-1],
    }
    if numbers:
        answers |= {
            "avg": sum(numbers, 0.0) / len(numbers),
            "min": min(numbers),
            "max": max(numbers),
        }
    return answers[signal.kind]


def _total(signal: Signal, values: list[object], numbers: list[int | float]) -> object:
    if signal.kind == "sum":
        return sum(numbers, 0.0)
    if signal.by_customer:
        return len(set(values) - {None})
    if signal.kind == "distinct":
        return len({(isinstance(value, bool), value) for value in values})
    return len(values)
