"""Versions that took over from one another: each tells of its own time, all of it is one fold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.document import parse_model
from domain.events import Event
from domain.lineage import ALWAYS, Era, Lineage, of_one
from domain.machine import Machine, compile_model
from tests.builders import DAY

VERSIONS = 3


def machine_of(version: int) -> Machine:
    """Return a version of the shop: each later one is content with less, and calls loyal vip."""
    best = "loyal" if version == 1 else "vip"
    document: dict[str, Any] = {
        "model": "shop",
        "initial": "lead",
        "signals": {"orders": {"count": "ordered"}, "last_order": {"last": "ordered"}},
        "stages": [{"id": stage} for stage in ("lead", "customer", best, "gone")],
        "transitions": [
            {"id": "bought", "from": "lead", "to": "customer", "on": "ordered"},
            {
                "id": "best",
                "from": "customer",
                "to": best,
                "when": f"signals.orders >= {5 - version}",
            },
            {"id": "silent", "from": ["customer", best], "to": "gone", "after": "20d"},
            {"id": "back", "from": "gone", "to": "lead", "on": "visited"},
        ],
    }
    return compile_model(parse_model(document))


MACHINES = [machine_of(version) for version in range(1, VERSIONS + 1)]
RENAMED = {"loyal": "vip"}
LINEAGE = Lineage(
    [
        Era(1, MACHINES[0]),
        Era(2, MACHINES[1], 30 * DAY, RENAMED),
        Era(3, MACHINES[2], 60 * DAY),
    ]
)

facts = st.lists(
    st.tuples(st.integers(0, 90), st.sampled_from(["ordered", "ordered", "visited"])), max_size=15
)


def history_of(found: list[tuple[int, str]]) -> list[Event]:
    """Return what was drawn as a history in fold order."""
    return [
        Event(position, day * DAY, name, f"e{position}")
        for position, (day, name) in enumerate(sorted(found), 1)
    ]


@given(facts, st.integers(0, 29))
def test_the_past_stays_as_the_version_before_told_it(
    found: list[tuple[int, str]], day: int
) -> None:
    history = history_of(found)

    told = LINEAGE.told_at(history, day * DAY)

    alone = of_one(1, MACHINES[0]).told_at(history, day * DAY)
    assert told.era.version == 1
    assert told.recorded == alone.recorded
    assert MACHINES[0].encode(told.state) == MACHINES[0].encode(alone.state)


@given(facts, st.integers(0, 120), st.integers(0, 120))
def test_what_was_told_of_an_instant_is_never_told_otherwise(
    found: list[tuple[int, str]], one: int, other: int
) -> None:
    """The records up to an instant are the beginning of the records up to a later one."""
    earlier, later = sorted((one, other))
    history = history_of(found)

    short = LINEAGE.told_at(history, earlier * DAY).recorded
    long = LINEAGE.told_at(history, later * DAY).recorded

    assert long[: len(short)] == short
    assert all(record.effective_at > earlier * DAY for record in long[len(short) :])


@given(facts)
def test_records_tell_by_their_instant_which_version_made_them(
    found: list[tuple[int, str]],
) -> None:
    _, recorded = LINEAGE.fold(history_of(found))

    for record in recorded:
        machine = LINEAGE.era_at(record.effective_at).machine
        assert record.to_stage in [stage.id for stage in machine.model.stages]
    assert [record.sequence for record in recorded] == list(range(1, len(recorded) + 1))


@given(facts, st.integers(0, 15))
def test_a_history_folds_on_from_any_point_behind_the_last_activation(
    found: list[tuple[int, str]], cut: int
) -> None:
    history = history_of(found)
    begun = [event for event in history if event.effective_at < 60 * DAY]
    begun = history[: max(cut, len(begun))]

    state, recorded = LINEAGE.fold(begun)
    state, later = LINEAGE.fold(history[len(begun) :], state)

    whole, all_recorded = LINEAGE.fold(history)
    assert LINEAGE.machine.encode(state) == LINEAGE.machine.encode(whole)
    assert [*recorded, *later] == all_recorded


def test_a_stage_with_another_name_is_carried_over_with_its_age() -> None:
    history = [Event(n, n * DAY, "ordered", f"e{n}") for n in range(20, 24)]

    told = LINEAGE.told_at(history, 35 * DAY)

    carried = told.recorded[-1]
    assert (carried.from_stage, carried.to_stage) == ("loyal", "vip")
    assert (carried.sequence, carried.cause.rule) == (4, "$activation")
    assert carried.time_in_previous == 7 * DAY
    assert told.state.entered_at == 23 * DAY


def test_an_event_at_the_activation_is_told_by_the_new_version() -> None:
    history = [Event(1, 10 * DAY, "visited", "e1"), Event(2, 30 * DAY, "ordered", "e2")]

    told = LINEAGE.told_at(history, 30 * DAY)

    assert [(record.cause.rule, record.effective_at) for record in told.recorded] == [
        ("$initial", 10 * DAY),
        ("$activation", 30 * DAY),
        ("bought", 30 * DAY),
    ]


def test_versions_must_follow_upon_one_another() -> None:
    with pytest.raises(ValueError, match="expected ALWAYS and then later and later"):
        Lineage([Era(1, MACHINES[0], ALWAYS), Era(2, MACHINES[1], ALWAYS)])
