"""Everything that is wrong with a document is named at its path, with a cure."""

import pickle

import pytest

from domain.document import ModelError, Problem, parse_model
from tests.domain.broken_documents import BROKEN
from tests.domain.shop_document import shop, with_transition


def problems_of(document: object) -> list[Problem]:
    """Return everything that is wrong with *document*."""
    with pytest.raises(ModelError) as caught:
        parse_model(document)
    return list(caught.value.problems)


@pytest.mark.parametrize(("document", "path", "code"), BROKEN)
def test_a_problem_is_found_at_its_path(document: object, path: str, code: str) -> None:
    found = [(problem.path, problem.code) for problem in problems_of(document)]

    assert (path, code) in found


def test_metrics_are_counted_wherever_they_stand() -> None:
    share = {"of": {"reached": "loyalty", "within": "1d"}}
    inside = {f"inside{number}": share for number in range(65)}
    stages = [{"id": "awareness", "metrics": inside}, {"id": "loyalty"}]
    outside = [{"id": f"outside{n}", "stage": "awareness", **share} for n in range(64)]
    document = {"model": "m", "stages": stages, "metrics": outside}

    assert [(found.path, found.code) for found in problems_of(document)] == [
        ("metrics", "too_many"),
    ]


def test_an_event_may_be_listed_among_its_own_names() -> None:
    model = parse_model(shop(events={"order_completed": ["order_completed", "Order Completed"]}))

    assert model.events == {"Order Completed": "order_completed"}


def test_every_problem_is_reported_not_the_first() -> None:
    document = shop(
        subject="company",
        initial="gone",
        signals={"spent": {"sum": "1 +", "on": "a"}, "x": {}},
        transitions=[{"id": "t", "from": "awareness", "to": "gone", "when": "1 +"}],
        alerts=[],
        personas=[],
    )

    found = {(problem.path, problem.code) for problem in problems_of(document)}

    assert found == {
        ("subject", "bad_choice"),
        ("initial", "unknown_stage"),
        ("signals.spent.sum", "bad_expression"),
        ("signals.x", "signal_kind"),
        ("transitions[0].to", "unknown_stage"),
        ("transitions[0].when", "bad_expression"),
    }


def test_a_signal_that_cannot_be_read_is_not_also_unknown() -> None:
    document = with_transition(after="3d", since="x") | {"signals": {"x": {"last": 7}}}

    assert {problem.path for problem in problems_of(document)} == {"signals.x.last"}


@pytest.mark.parametrize(
    ("document", "cure"),
    [
        (shop(trasitions=[]), "did you mean 'transitions'?"),
        (shop(initial="awarness"), "did you mean 'awareness'?"),
        (with_transition(after="3d", since="last_oder"), "did you mean 'last_order'?"),
        (with_transition(on="a", **{"if": "true"}), "conditions stand under `when:`"),
        ({True: 1}, "write 'on': in quotes"),
        (with_transition(on="a", after="1d"), "make them rules of their own"),
    ],
)
def test_a_message_offers_a_cure(document: object, cure: str) -> None:
    assert any(cure in problem.message for problem in problems_of(document))


def test_a_syntax_error_knows_its_line_and_column() -> None:
    (problem,) = problems_of(with_transition(when="signals.spent > 3 &&\n  signals.nps >"))

    assert (problem.line, problem.column) == (2, 16)
    assert str(problem).startswith("transitions[0].when (line 2, column 16): ")


def test_the_error_names_all_its_problems_and_survives_pickling() -> None:
    error = ModelError(problems_of(shop(subject="company", initial="gone")))

    again = pickle.loads(pickle.dumps(error))  # noqa: S301 -- our own bytes

    assert again.problems == error.problems
    assert str(again).splitlines()[0] == "model document: 2 problems"


def test_a_document_may_be_as_large_as_the_bounds() -> None:
    stages = [{"id": f"s{number}"} for number in range(64)]
    rules = [{"id": f"t{n}", "from": "s0", "to": "s1", "on": "x"} for n in range(256)]
    signals = {f"n{number}": {"count": "x"} for number in range(128)}
    alerts = [{"id": f"a{number}", "on": "x"} for number in range(128)]

    model = parse_model(
        {"model": "m", "stages": stages, "transitions": rules, "signals": signals, "alerts": alerts}
    )

    assert len(model.stages) == 64
    assert len(model.transitions) == 256
    assert (len(model.signals), len(model.alerts)) == (128, 128)


def test_nesting_ends_at_a_bound() -> None:
    nested: object = "x"
    for _ in range(16):
        nested = [nested]

    assert "too_deep" in {problem.code for problem in problems_of(shop(title=nested))}
    assert "too_deep" not in {problem.code for problem in problems_of(shop(title=[[["x"]]]))}


def test_a_cycle_of_values_ends_at_a_bound() -> None:
    endless: dict[str, object] = {"model": "m"}
    endless["stages"] = [endless]

    codes = {problem.code for problem in problems_of(endless)}

    assert codes <= {"too_deep", "too_large"}
    assert codes


def test_a_flood_of_problems_ends_at_a_bound() -> None:
    assert len(problems_of({f"key{i}": 1 for i in range(5000)})) == 200
