"""What was asked for of late stays in memory; what nobody asks for makes room."""

from __future__ import annotations

from service.recent import Recent


def filled(at_most: int) -> Recent[int, str]:
    """Return as many values as fit."""
    recent = Recent[int, str](at_most)
    for number in range(at_most):
        recent.keep(number, f"value {number}")
    return recent


def test_the_quarter_that_nobody_asked_for_the_longest_leaves() -> None:
    recent = filled(8)
    assert recent.asked(0) == "value 0"

    recent.keep(8, "value 8")

    assert list(recent) == [3, 4, 5, 6, 7, 0, 8]
    assert recent.asked(1) is None


def test_a_value_kept_again_takes_the_place_of_the_one_before() -> None:
    recent = filled(2)

    recent.keep(0, "another")

    assert dict(recent) == {1: "value 1", 0: "another"}


def test_a_table_for_one_holds_the_newest() -> None:
    recent = filled(1)

    recent.keep(7, "value 7")

    assert dict(recent) == {7: "value 7"}
