"""Properties inside items, and when two items say the same."""

from __future__ import annotations

import pytest

from domain.events import traits_in
from projections.asking import Question, Script, ask, run
from projections.events.log import SubjectKey
from projections.events.payloads import decoder, same_content


@pytest.mark.parametrize(
    ("api_format", "item", "properties"),
    [
        ("native", '{"properties":{"a":1}}', {"a": 1}),
        ("native", '{"type":"x"}', {}),
        ("native", '{"properties":null}', {}),
        ("native", '{"properties":{"a":1},"traits":{"b":2}}', {"a": 1, "traits": {"b": 2}}),
        ("segment", '{"event":"x","properties":{"a":1}}', {"a": 1}),
        ("cloudevents", '{"data":{"a":1},"properties":{"b":1}}', {"a": 1}),
        (
            "native",
            '{"properties":{"n":123456789012345678901234567890}}',
            {"n": 123456789012345678901234567890},
        ),
    ],
)
def test_properties_are_found_where_the_format_has_them(
    api_format: str, item: str, properties: dict[str, object]
) -> None:
    assert decoder(api_format)(item) == properties


def test_traits_are_named_or_are_all_there_is() -> None:
    assert traits_in({"traits": {"plan": "vip"}, "x": 1}) == {"plan": "vip"}
    assert traits_in({"plan": "vip"}) == {"plan": "vip"}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('{"a":1,"b":2}', '{ "b": 2, "a": 1 }', True),
        ('"\\u00e9"', '"é"', True),
        ("1e2", "100.0", True),
        ("1", "1.0", False),
        ("1", "true", False),
        ('{"a":null}', "{}", False),
        ("[1,2]", "[2,1]", False),
    ],
)
def test_content_is_what_was_said_not_how(one: str, other: str, same: bool) -> None:  # noqa: FBT001 -- a table
    assert same_content(one, other) is same


def test_an_unknown_visitor_is_shown_and_found_with_a_prefix() -> None:
    visitor = SubjectKey("anonymous", "a1")

    assert visitor.text == "anon:a1"
    assert SubjectKey.of_customer("anon:a1") == visitor
    assert SubjectKey.of_customer("ann") == SubjectKey("customer", "ann")


class Square(Question[int]):
    """How much is *side* squared?"""

    def __init__(self, side: int) -> None:
        self.side = side


def test_a_script_is_answered_question_by_question() -> None:
    def script() -> Script[int]:
        one = yield from ask(Square(2))
        other = yield from ask(Square(one))
        return one + other

    assert run(script(), lambda question: question.side**2) == 20  # type: ignore[attr-defined] # a Square
