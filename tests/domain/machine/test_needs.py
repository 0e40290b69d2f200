"""A machine says what it looks at in an event, and looks at nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

import pytest
from hypothesis import given

from domain.document import parse_model
from domain.events import Event, canonical_history
from domain.machine import compile_model
from domain.machine.needs import Needs
from tests.domain.ready_made import ready_cases
from tests.domain.stories.telling import machine_of
from tests.domain.strategies import Case, cases

WEB = 'properties.on == "web"'
OURS = frozenset({"$identify", "$stage.set"})


def unread(_text: str | bytes) -> NoReturn:
    """Fail: whoever reads this was not to."""
    raise AssertionError("properties were read that nobody needs")


def without_what_is_not_needed(event: Event, needs: Needs) -> Event:
    """Return *event* as whoever reads a log by *needs* makes it."""
    if not needs.origin:
        event = replace(event, source="", occurred_at=0)
    if needs.reads(event.type):
        return event
    return replace(event, text="unread", decode=unread, _properties=None)


@given(cases() | ready_cases())
def test_what_is_not_needed_makes_no_difference(case: Case) -> None:
    machine = machine_of(case.model)
    history = canonical_history(case.history)

    spare = [without_what_is_not_needed(event, machine.needs) for event in history]
    state, recorded = machine.fold(spare)

    expected, told = machine.fold(history)
    assert recorded == told
    assert machine.encode(state) == machine.encode(expected)


READ: list[tuple[str, dict[str, object], Needs]] = [
    ("no more than it has to", {"on": "looked"}, Needs(OURS)),
    ("a condition on a type", {"on": "looked", "when": WEB}, Needs(OURS | {"looked"})),
    (
        "a type by the names it is sent as",
        {"on": "bought", "when": WEB},
        Needs(OURS | {"bought", "Bought"}),
    ),
    ("a condition on any type", {"on": "*", "when": WEB}, Needs(None)),
    ("who said so", {"on": "looked", "when": 'event.source == "web"'}, Needs(OURS, origin=True)),
    (
        "when that says it was",
        {"on": "looked", "when": "event.occurred_at < now"},
        Needs(OURS, origin=True),
    ),
]


@pytest.mark.parametrize(("keys", "needs"), [row[1:] for row in READ], ids=[row[0] for row in READ])
def test_a_machine_needs(keys: dict[str, object], needs: Needs) -> None:
    document = {
        "model": "m",
        "initial": "a",
        "events": {"bought": ["Bought"]},
        "stages": [{"id": "a"}, {"id": "b"}],
        "transitions": [{"id": "t", "from": "a", "to": "b", **keys}],
    }

    machine = compile_model(parse_model(document))

    assert machine.needs == needs


def test_a_signal_needs_what_it_asks_of_an_event() -> None:
    document = {
        "model": "m",
        "initial": "a",
        "signals": {"spent": {"sum": "properties.amount", "on": "bought"}},
        "stages": [{"id": "a"}, {"id": "b"}],
        "transitions": [{"id": "t", "from": "a", "to": "b", "when": "signals.spent > 1.0"}],
    }

    assert compile_model(parse_model(document)).needs == Needs(OURS | {"bought"})


def test_together_they_need_what_either_needs() -> None:
    looked, origin = Needs(frozenset({"looked"})), Needs(frozenset({"bought"}), origin=True)

    both = looked | origin

    assert both == Needs(frozenset({"looked", "bought"}), origin=True)
    assert (both | Needs(None)).reads("anything")
