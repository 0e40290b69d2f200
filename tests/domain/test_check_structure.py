"""The check of a model looks at its stages and ways as a whole: gaps, loops without time, ties."""

from itertools import combinations, pairwise

import pytest

from domain.check import FINDINGS_MAX
from domain.check.rules import LOOPS_MAX
from tests.domain.checking import found_in, journey, of_code, way


def test_a_stage_that_no_path_leads_to_is_an_error() -> None:
    document = journey(stages=[{"id": "a"}, {"id": "b"}, {"id": "c"}, {"id": "d"}, {"id": "e"}])
    document["transitions"] = [{"id": "x", "from": "d", "to": "e", "on": "x"}]

    assert [path for severity, path, code in found_in(document) if code == "unreachable_stage"] == [
        f"stages[{index}]" for index in (1, 2, 3, 4)
    ]


def test_a_path_over_a_condition_that_is_never_true_is_none() -> None:
    document = journey(stages=[{"id": "a"}, {"id": "b"}])
    document["transitions"] = [{"id": "x", "from": "a", "to": "b", "when": "1 > 2"}]

    assert ("error", "stages[1]", "unreachable_stage") in found_in(document)


def test_a_stage_that_only_a_suppressed_transition_leads_to_is_an_error() -> None:
    document = journey(initial="b", direction="forward_only")

    found = found_in(document)

    assert ("error", "stages[0]", "unreachable_stage") in found
    assert ("warning", "transitions[2]", "always_suppressed") in found


def test_a_stage_that_nobody_leaves_is_a_warning_unless_it_is_final() -> None:
    stages = [{"id": "a"}, {"id": "b"}, {"id": "c", "kind": "final"}]
    ways = [way("a", "b", on="x"), way("a", "c", on="y")]
    rules = [{"id": f"r{index}", **rule} for index, rule in enumerate(ways)]

    found = found_in({"model": "m", "stages": stages, "transitions": rules})

    assert found == [("warning", "stages[1]", "dead_end")]


def test_a_final_stage_that_is_left_is_a_warning() -> None:
    stages = [{"id": "a"}, {"id": "b"}, {"id": "c", "kind": "final"}]

    assert ("warning", "stages[2]", "final_left") in found_in(journey(stages=stages))


def test_a_signal_that_nothing_reads_is_a_warning() -> None:
    document = journey(
        way("a", "b", "signals.n > 1"),
        way("b", "c", after="3d", since="last"),
        personas=[{"id": "p", "when": "signals.total > 1"}],
        alerts=[{"id": "x", "at": "signals.first"}],
    )

    unread = [finding.path for finding in of_code(document, "unread_signal")]

    assert unread == ["signals.here"]


def test_a_metric_that_nobody_reaches_is_a_warning() -> None:
    metric = {"id": "x", "stage": "c", "of": {"reached": "a", "within": "1d"}}
    stages = [{"id": "a"}, {"id": "b"}, {"id": "c"}]
    rules = [{"id": "x", "from": "a", "to": "c", "on": "x"}]

    found = found_in({"model": "m", "stages": stages, "transitions": rules, "metrics": [metric]})

    assert ("warning", "metrics.x", "unreachable_metric") in found


# ---------------------------------------------------------------- loops


@pytest.mark.parametrize(
    ("there", "back"),
    [
        ("signals.n >= 2", "signals.n < 3"),
        ("signals.n >= 2", "signals.total < 3"),
        ("traits.vip", "signals.n == 0"),
        ("signals.here >= 1", "signals.here == 0"),
        ('stage == "a"', 'stage == "b"'),
        ("now - entered_at >= duration('1h')", "now - entered_at < duration('1h')"),
        ("cycle == 1", "cycle == 2"),
    ],
)
def test_conditions_that_could_go_round_in_one_instant_are_an_error(there: str, back: str) -> None:
    """What a transition itself changes (stage, entry, cycle, scoped signals) proves nothing."""
    document = journey(way("a", "b", there), way("b", "a", back))

    (loop,) = of_code(document, "timeless_loop")

    assert (loop.severity, loop.path) == ("error", "transitions[0]")
    assert "a (r0) -> b (r1) -> a" in loop.message


@pytest.mark.parametrize(
    ("there", "back"),
    [
        ("signals.n >= 2", "signals.n < 2"),
        ("signals.n >= 2", "!(signals.n >= 2)"),
        ("signals.n >= 2 || traits.vip", "signals.n < 2 && !traits.vip"),
        ('traits.plan == "pro"', 'traits.plan != "pro"'),
        ("signals.n >= 1", "now - signals.last >= duration('720h')"),
        ("now >= timestamp(traits.end)", "now < timestamp(traits.end)"),
        ("signals.last > signals.first", "signals.first >= signals.last"),
    ],
)
def test_conditions_that_exclude_each_other_cannot_loop(there: str, back: str) -> None:
    document = journey(way("a", "b", there), way("b", "a", back))

    assert not of_code(document, "timeless_loop")


def test_a_loop_of_three_is_found_once() -> None:
    rules = [way("a", "b", "traits.x"), way("b", "c", "traits.y"), way("c", "a", "traits.z")]

    (loop,) = of_code(journey(*rules), "timeless_loop")

    assert "a (r0) -> b (r1) -> c (r2) -> a" in loop.message


@pytest.mark.parametrize(
    "back",
    [
        way("b", "a", on="x"),
        way("b", "a", after="3d"),
        way("b", "a", "traits.y", **{"for": "3d"}),
        way("b", "a", after="3d", since="here"),
    ],
    ids=["an event", "a silence", "a hold", "a silence counted within the stage"],
)
def test_whatever_takes_time_breaks_a_loop(back: dict[str, object]) -> None:
    document = journey(way("a", "b", "traits.x"), back)
    signals = document["signals"]
    assert isinstance(signals, dict)
    signals["here"] = {"last": "x", "scope": "stage"}

    found = {code for _, _, code in found_in(document)}

    assert not found & {"timeless_loop", "overdue_loop"}


@pytest.mark.parametrize(
    "back",
    [way("b", "a", after="9d", since="last"), way("b", "a", "traits.x"), way("b", "a", at="now")],
    ids=["another deadline", "a condition", "a date"],
)
def test_a_deadline_that_may_be_over_on_entry_is_a_warning(back: dict[str, object]) -> None:
    there = way("a", "b", after="30d", since="last")

    (loop,) = of_code(journey(there, back), "overdue_loop")

    assert loop.severity == "warning"
    assert not of_code(journey(there, back), "timeless_loop")


def test_a_deadline_that_a_fresh_event_puts_off_cannot_loop() -> None:
    there, back = way("a", "b", after="30d", since="last"), way("b", "a", "signals.n >= 1")

    assert not of_code(journey(there, back), "overdue_loop")


def test_a_forward_only_model_cannot_loop() -> None:
    document = journey(way("a", "b", "traits.x"), way("b", "a", "traits.y"))

    assert not of_code(document | {"direction": "forward_only"}, "timeless_loop")


def test_many_conditions_are_refused_in_good_time() -> None:
    names = [f"s{index}" for index in range(16)]
    rules = [
        {"id": f"{x}-{y}", "from": x, "to": y, "when": f"traits.{x}{y}"}
        for x in names
        for y in names
        if x != y
    ]
    document = {"model": "m", "stages": [{"id": name} for name in names], "transitions": rules}

    assert len(of_code(document, "timeless_loop")) == LOOPS_MAX


def test_many_ways_that_only_lead_forwards_are_no_loop() -> None:
    names = [f"s{index}" for index in range(24)]
    rules = [
        {"id": f"{x}-{y}", "from": x, "to": y, "when": f"traits.{x}{y}"}
        for x, y in combinations(names, 2)
    ]
    document = {"model": "m", "stages": [{"id": name} for name in names], "transitions": rules}

    assert not of_code(document, "timeless_loop")


def test_what_cannot_be_shown_in_good_time_counts_as_a_loop() -> None:
    """Two ways from each stage to the next, and a way back that only the first way denies."""
    names = [f"s{index}" for index in range(17)]
    first, last = way(names[0], names[1], "traits.on"), way(names[-1], names[0], "!traits.on")
    pairs = [(x, y, which) for x, y in pairwise(names[1:]) for which in "pq"]
    doubled = [way(x, y, f"traits.{x}{which}") for x, y, which in pairs]
    rules = [{"id": f"r{i}", **rule} for i, rule in enumerate([first, *doubled, last])]
    document = {"model": "m", "stages": [{"id": name} for name in names], "transitions": rules}

    (finding,) = of_code(document, "timeless_loop")

    assert (finding.severity, finding.path) == ("error", "transitions")


# ---------------------------------------------------------------- overlaps


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (way("a", "b", on="x"), way("a", "c", on=["x", "y"])),
        (way("a", "b", on="x"), way("a", "c", on="*")),
        (way("*", "b", on="x"), way("a", "c", on="x")),
        (way("a", "b", "signals.n > 1", on="x"), way("a", "c", "signals.n > 2", on="x")),
        (way("a", "b", "signals.n > 1"), way("a", "c", "signals.total > 2")),
        (way("a", "b", after="3d"), way("a", "c", after="3d")),
        (way("a", "b", at="traits.x"), way("a", "c", at="traits.x")),
    ],
)
def test_two_transitions_between_which_only_order_decides_are_a_warning(
    one: dict[str, object],
    other: dict[str, object],
) -> None:
    assert ("warning", "transitions[1]", "overlap") in found_in(journey(one, other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (way("a", "b", on="x"), way("a", "c", on="y")),
        (way("a", "b", on="x"), way("b", "c", on="x")),
        (way("a", "b", on="x"), way("a", "b", on="x")),
        (way("a", "b", on="x"), way("a", "c", "signals.n > 1")),
        (way("a", "b", "signals.n > 1", on="x"), way("a", "c", "signals.n <= 1", on="x")),
        (way("a", "b", "properties.k == 1", on="x"), way("a", "c", "properties.k == 2", on="x")),
        (way("a", "b", 'properties.k == "p"', on="x"), way("a", "c", "!has(traits.k)", on="y")),
        (way("a", "b", after="3d"), way("a", "c", after="4d")),
        (way("a", "b", after="3d"), way("a", "c", after="3d", since="last")),
        (way("a", "b", at="traits.x"), way("a", "c", at="traits.x", offset="1d")),
    ],
)
def test_transitions_that_never_compete_are_no_overlap(
    one: dict[str, object],
    other: dict[str, object],
) -> None:
    assert not of_code(journey(one, other), "overlap")


def test_a_flood_of_overlaps_ends_at_a_bound() -> None:
    rules = [way("a", "bc"[place % 2], "signals.n > 1", on="x") for place in range(80)]

    assert len(of_code(journey(*rules), "overlap")) == FINDINGS_MAX


def test_a_hold_without_a_condition_is_a_warning() -> None:
    document = journey(way("a", "b", after="3d", **{"for": "1d"}))

    assert ("warning", "transitions[0].for", "hold_without_condition") in found_in(document)
