"""A version activated from now on: signals know all of history, transitions only what comes."""

import pytest

from domain.document import parse_model
from domain.events import Event
from domain.machine import Machine, Start, compile_model
from domain.transitions import Cause

DAY = 86_400_000_000


@pytest.fixture(scope="module")
def shop() -> Machine:
    """Return a shop with signals of every scope, and silence counted from entry and from orders."""
    return compile_model(
        parse_model(
            {
                "model": "shop",
                "initial": "lead",
                "signals": {
                    "orders": {"count": "ordered"},
                    "here": {"count": "ordered", "scope": "stage"},
                    "last_order": {"last": "ordered"},
                },
                "stages": [{"id": "lead"}, {"id": "customer"}, {"id": "loyal"}, {"id": "gone"}],
                "transitions": [
                    {"id": "bought", "from": "lead", "to": "customer", "on": "ordered"},
                    {
                        "id": "loyal",
                        "from": "customer",
                        "to": "loyal",
                        "when": "signals.orders >= 4 && traits.consent == true",
                    },
                    {
                        "id": "silent",
                        "from": "customer",
                        "to": "gone",
                        "after": "30d",
                        "since": "last_order",
                    },
                ],
            }
        )
    )


def order(position: int, day: int) -> Event:
    """Return an order."""
    return Event(position, day * DAY, "ordered", f"e{position}")


CONSENT = Event(9, DAY, "$identify", "e9", text='{"consent": true}')
HISTORY = [order(1, 0), CONSENT, order(2, 10), order(3, 20)]


def test_history_makes_no_transition_but_is_known(shop: Machine) -> None:
    start = Start(at=25 * DAY, stage="customer", entered_at=5 * DAY)

    state, recorded = shop.fold_from(start, HISTORY)

    (entry,) = recorded
    assert (entry.from_stage, entry.to_stage, entry.effective_at) == (None, "customer", 25 * DAY)
    assert entry.cause == Cause("model", "$activation", None, {})
    assert state.entered_at == 5 * DAY
    assert state.last_key == (20 * DAY, 3)
    assert shop.view(state, 25 * DAY).signals == {
        "here": 2,
        "last_order": "1970-01-21T00:00:00Z",
        "orders": 3,
    }


def test_what_comes_is_folded_as_ever(shop: Machine) -> None:
    start = Start(at=25 * DAY, stage="customer", entered_at=5 * DAY)

    state, recorded = shop.fold_from(start, [*HISTORY, order(10, 26)])

    assert [record.to_stage for record in recorded] == ["customer", "loyal"]
    assert [record.sequence for record in recorded] == [1, 2]
    assert recorded[1].time_in_previous == 21 * DAY
    assert state.stage_id == "loyal"


def test_a_silence_that_is_over_falls_at_the_activation(shop: Machine) -> None:
    """Not before it: a version says nothing about the time when it was not in force."""
    start = Start(at=60 * DAY, stage="customer", entered_at=0)

    _, recorded = shop.fold_from(start, HISTORY)

    assert [(one.to_stage, one.effective_at) for one in recorded] == [
        ("customer", 60 * DAY),
        ("gone", 60 * DAY),
    ]


def test_a_silence_not_yet_over_keeps_its_date(shop: Machine) -> None:
    start = Start(at=25 * DAY, stage="customer", entered_at=0)

    state, _ = shop.fold_from(start, HISTORY)
    _, later = shop.advance(state, 100 * DAY)

    assert [(one.to_stage, one.effective_at) for one in later] == [("gone", 50 * DAY)]


def test_a_stage_that_is_no_more_is_the_initial_one(shop: Machine) -> None:
    state, _ = shop.fold_from(Start(at=25 * DAY, stage="vip", entered_at=0), HISTORY)

    assert state.stage_id == "lead"


def test_who_comes_later_begins_as_in_any_model(shop: Machine) -> None:
    start = Start(at=5 * DAY, stage="loyal", entered_at=0)
    later = [order(1, 6), order(2, 7)]

    state, recorded = shop.fold_from(start, later)

    assert (shop.encode(state), recorded) == (shop.encode(shop.fold(later)[0]), shop.fold(later)[1])


def test_manual_transitions_of_the_past_count_no_more(shop: Machine) -> None:
    moved = Event(4, 22 * DAY, "$stage.set", "e4", text='{"model": "shop", "stage": "gone"}')

    state, _ = shop.fold_from(Start(25 * DAY, "customer", 5 * DAY), [*HISTORY, moved])

    assert state.stage_id == "customer"
    assert shop.view(state, 25 * DAY).signals["here"] == 2
