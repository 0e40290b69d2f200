"""States travel as canonical bytes that know which model version wrote them."""

import json
import pickle

import pytest

from domain.document import parse_model
from domain.events import Event
from domain.machine import Machine, StateCodecError, compile_model

DAY = 86_400_000_000

DOCUMENT = {
    "model": "shop",
    "initial": "lead",
    "signals": {
        "orders_30d": {"count": "ordered", "within": "30d"},
        "spent_30d": {"sum": "properties.amount", "on": "ordered", "within": "30d"},
        "colours_30d": {"distinct": "properties.colour", "on": "ordered", "within": "30d"},
    },
    "stages": [{"id": "lead"}, {"id": "customer"}],
    "transitions": [{"id": "bought", "from": "lead", "to": "customer", "on": "ordered"}],
}


def machine(**changes: object) -> Machine:
    """Return the machine of the document with *changes*."""
    return compile_model(parse_model({**DOCUMENT, **changes}))


def order(position: int, day: int) -> Event:
    """Return an order of one blue thing."""
    text = '{"amount": 10, "colour": "blue"}'
    return Event(position, day * DAY, "ordered", f"e{position}", text=text)


def test_what_has_left_a_window_is_not_written() -> None:
    """Bytes do not grow with history."""
    shop = machine()
    state, _ = shop.fold([order(1, 0), order(2, 10), Event(3, 35 * DAY, "visited", "e3")])

    row = json.loads(shop.encode(state))

    assert row[-4:] == [{"blue": 40 * DAY}, [40 * DAY], [40 * DAY], [10.0]]


def test_reading_what_was_written_changes_no_answer() -> None:
    shop = machine()
    state, _ = shop.fold([order(1, 0), order(2, 10)])

    again = shop.decode(shop.encode(state))

    assert shop.encode(again) == shop.encode(state)
    assert shop.view(again, 11 * DAY) == shop.view(state, 11 * DAY)
    assert shop.step(again, order(3, 12))[1] == shop.step(state, order(3, 12))[1]


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"[1]", b"\xff", b"null"],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(StateCodecError, match=r"^state: expected"):
        machine().decode(data)


def test_another_models_bytes_are_refused() -> None:
    """A changed rule makes another version, and its states are not interchangeable."""
    renamed = machine(stages=[{"id": "lead", "title": "Lead"}, {"id": "customer"}])
    data = machine().encode(machine().initial())

    with pytest.raises(StateCodecError, match="expected format and model"):
        renamed.decode(data)


def test_a_machine_travels_to_another_process() -> None:
    shop = machine()
    history = [order(1, 0), order(2, 10)]

    arrived: Machine = pickle.loads(pickle.dumps(shop))  # noqa: S301 - our own bytes

    assert arrived.encode(arrived.fold(history)[0]) == shop.encode(shop.fold(history)[0])
