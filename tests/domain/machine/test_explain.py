"""Why a subject is where it is: every rule that leaves its stage, clause by clause."""

from typing import TYPE_CHECKING

import pytest

from domain.document import parse_model
from domain.events import Event
from domain.machine import Machine, compile_model

if TYPE_CHECKING:
    from domain.machine.explain import RuleExplanation

DAY = 86_400_000_000


@pytest.fixture(scope="module")
def shop() -> Machine:
    """Return a shop whose customers become loyal by two orders and dormant by silence."""
    return compile_model(
        parse_model(
            {
                "model": "shop",
                "initial": "lead",
                "signals": {
                    "orders_90d": {"count": "ordered", "within": "90d"},
                    "last_order": {"last": "ordered"},
                },
                "stages": [{"id": "lead"}, {"id": "customer"}, {"id": "loyal"}, {"id": "gone"}],
                "transitions": [
                    {
                        "id": "bought",
                        "from": "lead",
                        "to": "customer",
                        "on": "ordered",
                        "when": "properties.amount >= 10 && properties.currency == 'EUR'",
                    },
                    {
                        "id": "returns",
                        "from": "customer",
                        "to": "loyal",
                        "when": "signals.orders_90d >= 2 && traits.consent == true",
                    },
                    {
                        "id": "silent",
                        "from": ["customer", "loyal"],
                        "to": "gone",
                        "after": "60d",
                        "since": "last_order",
                    },
                ],
                "alerts": [
                    {
                        "id": "eager",
                        "in": "customer",
                        "when": "signals.orders_90d >= 1",
                        "for": "7d",
                    }
                ],
            }
        )
    )


def explained(shop: Machine, *events: Event, day: int) -> "dict[str, RuleExplanation]":
    """Return the explanation at *day* by rule, the newest event given."""
    state, _ = shop.fold(events)
    state, _ = shop.advance(state, day * DAY)
    return {one.rule: one for one in shop.explain(state, day * DAY, events[-1])}


ORDER = Event(1, 0, "ordered", "e1", text='{"amount": 10, "currency": "EUR"}')


def test_each_clause_tells_its_value(shop: Machine) -> None:
    returns = explained(shop, ORDER, day=1)["returns"]

    assert not returns.matched
    assert [(clause.source, clause.value) for clause in returns.clauses] == [
        ("signals.orders_90d >= 2", False),
        ("traits.consent == true", None),
    ]
    assert returns.clauses[0].reads == {"signals.orders_90d": 1}
    assert returns.clauses[1].error
    assert returns.clauses[0].error is None


def test_a_deadline_tells_when_it_falls_due(shop: Machine) -> None:
    silent = explained(shop, ORDER, day=1)["silent"]

    assert (silent.to, silent.due_at, silent.matched) == ("gone", 60 * DAY, False)
    assert silent.changes_at == 60 * DAY


def test_a_hold_tells_since_when(shop: Machine) -> None:
    eager = explained(shop, ORDER, day=1)["eager"]

    assert (eager.to, eager.holds_since, eager.changes_at) == (None, 0, 7 * DAY)
    assert eager.matched


def test_an_event_is_asked_as_if_it_arrived_now(shop: Machine) -> None:
    small = Event(1, 0, "ordered", "e1", text='{"amount": 9, "currency": "EUR"}')

    bought = explained(shop, small, day=0)["bought"]

    assert not bought.matched
    assert [clause.value for clause in bought.clauses] == [False, True]
    assert bought.on == ("ordered",)


def test_only_rules_that_leave_the_stage_are_told(shop: Machine) -> None:
    assert set(explained(shop, ORDER, day=70)) == set()
    assert set(explained(shop, ORDER, day=1)) == {"returns", "silent", "eager"}


def test_nothing_is_told_before_the_first_event(shop: Machine) -> None:
    assert shop.explain(shop.initial(), 0) == ()
