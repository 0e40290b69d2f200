"""Bounds and accounts: what a window may hold, and members told apart."""

from __future__ import annotations

from domain.document import parse_model
from tests.builders import (
    DAY,
    START,
    alert,
    alerted,
    at,
    by_member,
    did,
    lifecycle,
    numbered,
    rule,
    told,
)
from tests.domain.stories.telling import Historian, both_historians, machine_of

ELEMENTS_MAX = 10_000

ACTIVE = lifecycle(
    "any",
    subject="account",
    signals={
        "members": {"count": "*", "within": "30d", "by": "customer"},
        "ever": {"count": "visited", "by": "customer"},
    },
    alerts=[
        alert("two", when="signals.members == 2"),
        alert("alone", when="signals.members == 1 && signals.ever >= 2"),
    ],
)

COUNTED = lifecycle(
    "any",
    rule("never", "any", "never", when="signals.visits > 10000"),
    signals={
        "visits": {"count": "visited", "within": "30d"},
        "total": {"sum": "properties.n", "on": "visited", "within": "30d"},
    },
) | {"stages": [{"id": "any"}, {"id": "never"}]}


@both_historians
def test_an_account_counts_its_members_not_their_events(tell: Historian) -> None:
    """A member who is silent for the length of the window leaves the count."""
    events = numbered(
        [
            by_member("ann", did("visited", 0)),
            by_member("ann", did("visited", 1)),
            by_member("bob", did("visited", 2)),
            by_member("ann", did("visited", 5)),
        ]
    )

    assert told(tell(ACTIVE, events, at(34)))[1:] == [alerted("two", 2), alerted("alone", 32)]


def test_a_window_holds_ten_thousand_events_and_the_oldest_leaves_early() -> None:
    """The bound keeps a state small; counts stop growing at it."""
    machine = machine_of(parse_model(COUNTED))
    events = numbered(did("visited", 0, number, n=1) for number in range(ELEMENTS_MAX + 5))

    state, records = machine.fold(events)

    signals = machine.view(state, at(1)).signals
    assert [record.to_stage for record in records] == ["any"]
    assert (signals["visits"], signals["total"]) == (ELEMENTS_MAX, float(ELEMENTS_MAX))


def test_what_a_full_window_holds_leaves_it_when_it_is_time() -> None:
    machine = machine_of(parse_model(COUNTED))
    events = numbered(did("visited", 0, number, n=1) for number in range(ELEMENTS_MAX + 5))
    state, _ = machine.fold(events)

    end = START + 30 * DAY
    before, _ = machine.advance(state, end + 4)
    later, _ = machine.advance(before, end + 5)
    empty, _ = machine.advance(later, end + ELEMENTS_MAX + 4)

    assert machine.view(before, end + 4).signals["visits"] == ELEMENTS_MAX
    assert machine.view(later, end + 5).signals["visits"] == ELEMENTS_MAX - 1
    assert machine.view(empty, end + ELEMENTS_MAX + 4).signals["visits"] == 0
    assert machine.view(empty, end + ELEMENTS_MAX + 4).signals["total"] == 0.0


def test_a_sum_that_has_been_empty_owes_nothing_to_rounding() -> None:
    """Adding and taking away thirds and tenths leaves exactly nothing, and then exactly one."""
    machine = machine_of(parse_model(COUNTED))
    thirds = [did("visited", day, n=1 / 3 + day / 10) for day in range(10)]
    state, _ = machine.fold(numbered([*thirds, did("visited", 100, n=0.1)]))

    signals = machine.view(state, at(100)).signals

    assert signals["total"] == 0.1
