"""Taking a condition apart for an explanation."""

import pytest

from domain.cel.compiler import evaluate, evaluator
from domain.cel.errors import CelCheckError, CelError
from domain.cel.explain import clauses, connective, reason
from domain.cel.parser import parse
from tests.domain.cel.shop import SHOP

SPLITS = [
    ("a == 1", "one", ["a == 1"]),
    ("a && (b || c) && (d && !e)", "all", ["a", "(b || c)", "d", "!e"]),
    (" a == 1 || b in [1, 2] ", "any", ["a == 1", "b in [1, 2]"]),
    ("a ? b && c : d", "one", ["a ? b && c : d"]),
    ("(a && b)", "all", ["a", "b"]),
    ("-a", "one", ["-a"]),
    ("a", "one", ["a"]),
]


@pytest.mark.parametrize(("source", "how", "parts"), SPLITS, ids=[one[0] for one in SPLITS])
def test_a_condition_comes_apart_at_its_outermost_operator(
    source: str, how: str, parts: list[str]
) -> None:
    expression = parse(source)

    assert connective(expression) == how
    assert [clause.source for clause in clauses(expression)] == parts


def test_each_clause_can_be_evaluated_and_says_why_it_has_no_value() -> None:
    expression = parse("properties.kind == 'nps' && properties.score <= 6 && signals.nps > 1")
    values = {"properties": {"kind": "nps"}, "signals": {"nps": None}}
    told = []

    for clause in clauses(expression):
        try:
            told.append(evaluate(clause.expression, SHOP, values))
        except CelError as error:
            told.append(str(error))

    assert told == [
        True,
        "no such key: 'score'",
        "an operator met null, or a value that it does not take",
    ]


def test_findings_in_a_clause_point_into_the_whole_condition() -> None:
    (_, second) = clauses(parse("stage == 'a' &&\n  stage == 1"))

    with pytest.raises(CelCheckError) as raised:
        evaluator(second.expression, SHOP)

    assert [(one.line, one.column) for one in raised.value.findings] == [(2, 3)]


def test_an_evaluator_serves_any_number_of_values() -> None:
    doubled = evaluator(parse("signals.orders * 2"), SHOP)

    assert [doubled({"signals": {"orders": count}}) for count in (1, 2)] == [2, 4]


def test_what_python_raises_is_told_in_the_words_of_conditions() -> None:
    assert reason(KeyError("plan")) == "no such key: 'plan'"
    assert reason(OverflowError("int too large")) == "a result is out of range"
    assert reason(CelError("division by zero")) == "division by zero"
