"""When time alone can change a condition: thresholds of `now`, and counts that only shrink."""

import pytest

from domain.cel.parser import parse
from domain.cel.syntax import Call, Literal, Node, path
from domain.machine.flips import rises_only, thresholds

WINDOWED = {"orders_90d", "spent_90d", "seen"}
COUNTS = {"orders_90d", "seen"}


def spelled(node: Node) -> str:
    """Return *node* as text, operators infix."""
    match node:
        case Call(function=function, args=(left, right)) if function in ("_+_", "_-_"):
            return f"({spelled(left)} {function[1]} {spelled(right)})"
        case Call(function=function, args=args):
            return f"{function}({', '.join(map(spelled, args))})"
        case Literal(value=value):
            return repr(value)
    return path(node) or "?"


@pytest.mark.parametrize(
    ("condition", "threshold"),
    [
        ("now >= entered_at", "entered_at"),
        ("entered_at < now", "entered_at"),
        ('now - entered_at > duration("1h")', "(duration('1h') + entered_at)"),
        ('duration("1h") <= now - entered_at', "(duration('1h') + entered_at)"),
        ('entered_at - now < duration("1h")', "(entered_at - duration('1h'))"),
        ('now + duration("1h") >= entered_at', "(entered_at - duration('1h'))"),
        ('duration("1h") + now >= entered_at', "(entered_at - duration('1h'))"),
        (
            'now - entered_at - duration("1h") > duration("2h")',
            "((duration('2h') + duration('1h')) + entered_at)",
        ),
        ("now == entered_at", "entered_at"),
        ("now != entered_at", "entered_at"),
    ],
)
def test_a_linear_comparison_has_one_threshold(condition: str, threshold: str) -> None:
    """Solved for `now`, whichever side it stands on."""
    found, misused = thresholds(parse(condition).root)

    assert [spelled(node) for node in found] == [threshold]
    assert misused == []


def test_every_comparison_of_a_condition_is_found() -> None:
    condition = "now > entered_at && (cycle > 1 || !(now < signals.last_order))"

    found, misused = thresholds(parse(condition).root)

    assert [spelled(node) for node in found] == ["entered_at", "signals.last_order"]
    assert misused == []


@pytest.mark.parametrize(
    "condition",
    [
        "now.getHours() == 9",
        "string(now) == 'x'",
        "now - entered_at > now - signals.last_order",
        "now in [entered_at]",
        "timestamp(string(now)) > entered_at",
    ],
)
def test_any_other_use_of_now_is_named(condition: str) -> None:
    """The place is kept, so that the check can point at it."""
    _, misused = thresholds(parse(condition).root)

    assert misused
    assert all(condition[use.node.start :].startswith("now") for use in misused)


@pytest.mark.parametrize(
    ("condition", "rises"),
    [
        ("signals.orders_90d >= 2", True),
        ("signals.orders_90d > 2", True),
        ("2 <= signals.orders_90d", True),
        ("2 < signals.orders_90d", True),
        ("signals.orders_90d >= 2 && traits.plan == 'pro'", True),
        ("signals.orders_90d >= 2 || signals.seen >= 3", True),
        ("signals.orders >= 2", True),
        ("signals.orders_90d <= 2", False),
        ("signals.orders_90d < 2", False),
        ("2 >= signals.orders_90d", False),
        ("signals.orders_90d == 2", False),
        ("!(signals.orders_90d >= 2)", False),
        ("signals.orders_90d >= 2 ? false : true", False),
        ("signals.spent_90d >= 2.0", False),
        ("signals.orders_90d >= signals.seen", False),
        ("signals.orders_90d + 1 >= 2", False),
        ("now >= entered_at", False),
        ("signals.orders_90d >= 2 && now >= entered_at", False),
    ],
)
def test_a_count_at_least_so_large_cannot_come_true_by_time(condition: str, *, rises: bool) -> None:
    """Such a condition need not be watched while it is false; any doubt means it must be."""
    assert rises_only(parse(condition).root, WINDOWED, COUNTS) is rises
