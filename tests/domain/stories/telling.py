"""The two tellers of a story: the machine that the product runs on, and the oracle."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from domain.document import parse_model
from domain.events import Event, canonical_history
from domain.machine import Machine, compile_model
from domain.model import Model
from domain.transitions import Transition
from tests.builders import Story, numbered
from tests.domain.oracle import live

Teller = Callable[[Story], list[Transition]]

_machines: dict[str, Machine] = {}


def told_by_machine(story: Story) -> list[Transition]:
    """Return what the machine records once the given history is behind it."""
    machine = machine_of(parse_model(story.model))
    events = numbered([*story.given, *([story.when] if story.when else [])])
    given = canonical_history(events[: len(story.given)])
    state, _ = machine.fold(given)
    records: list[Transition] = []
    if given:
        state, _ = machine.advance(state, given[-1].effective_at)
    if story.when:
        state, caused = machine.step(state, events[-1])
        records += caused
    _, later = machine.advance(state, _end(story))
    return [*records, *later]


def told_by_oracle(story: Story) -> list[Transition]:
    """Return what the oracle records once the given history is behind it."""
    events = numbered([*story.given, *([story.when] if story.when else [])])
    life = live(parse_model(story.model), events[: len(story.given)])
    known = len(life.records)
    if story.when:
        life.meet(events[-1])
    life.pass_time(_end(story))
    return life.records[known:]


def _end(story: Story) -> int:
    last = story.when or max(story.given, key=lambda event: event.effective_at)
    return last.effective_at if story.end is None else story.end


def machine_of(model: Model) -> Machine:
    """Return the machine of *model*, compiled once per test run."""
    if model.hash not in _machines:
        _machines[model.hash] = compile_model(model)
    return _machines[model.hash]


both_tellers = pytest.mark.parametrize(
    "tell", [told_by_machine, told_by_oracle], ids=["machine", "oracle"]
)


def history_by_machine(document: object, events: list[Event], until: int) -> list[Transition]:
    """Return what the machine records of *events*, in any order, up to *until*."""
    machine = machine_of(parse_model(document))
    state, records = machine.fold(canonical_history(events))
    _, later = machine.advance(state, until)
    return [*records, *later]


def history_by_oracle(document: object, events: list[Event], until: int) -> list[Transition]:
    """Return what the oracle records of *events*, in any order, up to *until*."""
    return live(parse_model(document), events, until).records


Historian = Callable[[object, list[Event], int], list[Transition]]

both_historians = pytest.mark.parametrize(
    "tell", [history_by_machine, history_by_oracle], ids=["machine", "oracle"]
)
