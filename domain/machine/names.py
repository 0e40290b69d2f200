"""Which names a condition may read, and how each reads in generated Python.

Generated functions call the state `s`, the event `e`, its properties `p` and the instant `now`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.cel.types import DYN, INT, STRING, TIMESTAMP, Binding, MapType, StructType
from domain.machine import signals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.cel.types import Environment
    from domain.machine.signals import Slot
    from domain.model import Model

_JSON = MapType(STRING, DYN)


def slots(model: Model) -> tuple[Slot, ...]:
    """Return the model's signals with their places in the state."""
    return tuple(signals.Slot(index, signal) for index, signal in enumerate(model.signals))


def of_properties() -> Environment:
    """Return the one name that an upcast may read: the properties as they are at that step."""
    return {"properties": Binding("p", _JSON)}


def of_event() -> Environment:
    """Return the names an event brings: what a signal's `where` and value may read."""
    return {
        "event": Binding(
            "e",
            StructType(
                {
                    "type": Binding("_type(e)", STRING),
                    "occurred_at": Binding("e.occurred_at", TIMESTAMP),
                    "source": Binding("e.source", STRING),
                    "id": Binding("e.event_id", STRING),
                    "customer_id": Binding("e.customer_id", DYN),
                }
            ),
        ),
        "properties": Binding("p", _JSON),
        "traits": Binding("s.traits", _JSON),
        "now": Binding("now", TIMESTAMP),
    }


def of_state(places: Sequence[Slot]) -> Environment:
    """Return the names a state brings: what a condition without an event may read."""
    members = {place.signal.name: signals.binding(place) for place in places}
    return {
        "signals": Binding("s", StructType(members)),
        "traits": Binding("s.traits", _JSON),
        "stage": Binding("_stages[s.stage]", STRING),
        "cycle": Binding("s.cycle", INT),
        "entered_at": Binding("s.entered_at", TIMESTAMP),
        "now": Binding("now", TIMESTAMP),
    }


def of_both(places: Sequence[Slot]) -> Environment:
    """Return the names of event and state: what the condition of an `on` trigger may read."""
    return {**of_state(places), **of_event()}
