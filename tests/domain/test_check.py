"""The check of a model looks at every expression: its names, its types, and whether it can hold."""

import pytest

from domain.check import check_document, check_model
from domain.document import parse_model
from domain.model import Model
from service.modelling.model_files import load_ready_models
from tests.domain.checking import found_in, journey, of_code, way
from tests.domain.shop_document import shop, with_transition


@pytest.mark.parametrize("model", load_ready_models().values(), ids=lambda model: model.key)
def test_nothing_is_found_in_a_ready_made_model(model: Model) -> None:
    assert check_model(model) == ()


def test_what_is_no_model_is_told_by_its_problems() -> None:
    model, findings = check_document(shop(subject="company", initial="gone"))

    assert model is None
    assert {(f.severity, f.path, f.code) for f in findings} == {
        ("error", "initial", "unknown_stage"),
        ("error", "subject", "bad_choice"),
    }


# ---------------------------------------------------------------- expressions


@pytest.mark.parametrize(
    ("rule", "path", "code"),
    [
        (way("a", "b", "signals.m > 1"), "transitions[0].when", "unknown_name"),
        (way("a", "b", "signal.n > 1"), "transitions[0].when", "unknown_name"),
        (way("a", "b", "properties.x == 1"), "transitions[0].when", "unknown_name"),
        (way("a", "b", 'signals.n == "many"'), "transitions[0].when", "type_mismatch"),
        (way("a", "b", "explode(signals.n)"), "transitions[0].when", "unknown_function"),
        (way("a", "b", "signals.n"), "transitions[0].when", "wrong_result"),
        (way("a", "b", at="signals.n"), "transitions[0].at", "wrong_result"),
        (way("a", "b", "now.getHours() == 9"), "transitions[0].when", "now_not_compared"),
        (way("a", "b", "now - now > now - now"), "transitions[0].when", "now_not_compared"),
    ],
)
def test_an_expression_that_cannot_mean_anything_is_an_error(
    rule: dict[str, object],
    path: str,
    code: str,
) -> None:
    assert ("error", path, code) in found_in(journey(rule))


@pytest.mark.parametrize(
    ("signals", "path", "code"),
    [
        ({"x": {"count": "e", "where": "signals.y > 1"}}, "signals.x.where", "unknown_name"),
        ({"x": {"count": "e", "where": "event.type"}}, "signals.x.where", "wrong_result"),
        ({"x": {"sum": "event.type", "on": "e"}}, "signals.x.sum", "wrong_result"),
        ({"x": {"count": "e", "by": "customer"}}, "signals.x.by", "members_of_customer"),
    ],
)
def test_a_signal_that_cannot_be_kept_is_an_error(
    signals: dict[str, object],
    path: str,
    code: str,
) -> None:
    assert ("error", path, code) in found_in(journey(signals=signals, alerts=[], personas=[]))


def test_a_finding_knows_its_line_and_column() -> None:
    (finding,) = of_code(
        journey(way("a", "b", "signals.n > 1 &&\n  signals.m > 1")), "unknown_name"
    )

    assert finding.line == 2
    assert str(finding).startswith("error: transitions[0].when (line 2, column ")


@pytest.mark.parametrize(
    "rule",
    [
        way("a", "b", "now - signals.last >= duration('24h')"),
        way("a", "b", "signals.last + duration('24h') <= now && signals.n >= 0 + 1"),
        way("a", "b", "now.getHours() == 9", on="x"),
        way("a", "b", "now.getHours() == 9", after="3d"),
    ],
)
def test_now_may_be_compared_anywhere_and_used_freely_at_events_and_deadlines(
    rule: dict[str, object],
) -> None:
    assert not of_code(journey(rule), "now_not_compared")


def test_every_expression_of_a_model_is_looked_at() -> None:
    document = journey(
        way("a", "b", "signals.oops > 1"),
        alerts=[{"id": "x", "at": "signals.oops", "when": "signals.oops > 1"}],
        personas=[{"id": "x", "when": "signals.oops > 1"}],
        signals={"n": {"sum": "oops", "on": "e", "where": "oops"}},
    )

    paths = {path for _, path, code in found_in(document) if code == "unknown_name"}

    assert paths == {
        "transitions[0].when",
        "alerts[0].at",
        "alerts[0].when",
        "personas[0].when",
        "signals.n.sum",
        "signals.n.where",
    }


# ---------------------------------------------------------------- truth


@pytest.mark.parametrize(
    "when",
    [
        "false",
        "1 > 2",
        "signals.n == 1u && signals.n == 2",
        "signals.n < 0",
        "signals.n > 5 && signals.n < 3",
        "signals.n > 1 && signals.n < 2",
        "signals.n == 1 && signals.n == 2",
        "!(signals.n >= 0)",
        "signals.total > 3 && signals.total <= 3",
        "cycle < 1",
        'traits.plan == "pro" && traits.plan == "free"',
        'traits.plan in ["a", "b"] && traits.plan == "c"',
        'traits.plan in ["a"] && !(traits.plan in ["a", "b"])',
        "traits.vip && !traits.vip",
        "has(traits.x) && !has(traits.x)",
        "traits.x == null && traits.x != null",
        "signals.last - signals.first > duration('48h') && signals.first >= signals.last",
        "signals.n >= 1 && now - signals.last >= duration('720h')",
        "(signals.n > 1 || signals.n == 1) && signals.n == 0",
    ],
)
def test_a_condition_that_can_never_be_true_is_found(when: str) -> None:
    document = journey(way("a", "b", when))

    assert ("warning", "transitions[0].when", "never_true") in found_in(document)


@pytest.mark.parametrize(
    "when",
    [
        "true",
        "signals.n >= 0",
        "signals.n > -1",
        "cycle >= 1",
        "signals.n < 5 || signals.n >= 5",
        "traits.vip || !traits.vip",
    ],
)
def test_a_condition_that_is_always_true_is_found(when: str) -> None:
    document = journey(way("a", "b", when))

    assert ("warning", "transitions[0].when", "always_true") in found_in(document)


@pytest.mark.parametrize(
    "when",
    [
        "signals.n >= 1",
        "signals.n > 1 && signals.n < 3",
        "signals.total > 1 && signals.total < 2",
        "signals.total >= 3.0 && signals.total <= 3",
        'traits.plan != "pro" && traits.plan != "free"',
        'traits.plan in ["a", "b"] && traits.plan == "b"',
        "traits.x > 1 && traits.y < 1",
        "traits.x in [1] && traits.x in [1.0] && traits.x in [1u]",
        'traits.x > "b" && traits.x < "a"',
        "traits.x == 1 / 0 || signals.n > 3",
        "{1: traits.x} == {1: 2} && {1: traits.x} == {1: 3} && traits.x[0] > 1",
        " && ".join(f"traits.a{i} > {i}" for i in range(70)),
        "traits.x == true && traits.y == false",
        "traits.x == 1 || traits.x == 2",
        "signals.n >= 1 && now - signals.last >= duration('719h')",
        "signals.first - signals.last < duration('1h') && signals.last > signals.first",
        "traits.a + traits.b > 1 && traits.b + traits.a < 1",
        "[1, 2].exists(i, i == signals.n) && signals.n > 5",
        " || ".join(f"(traits.a{i} && traits.b{i})" for i in range(40)),
        " && ".join(f"(traits.a{i} || traits.b{i})" for i in range(40)),
    ],
)
def test_nothing_is_claimed_of_a_condition_that_may_be_true_or_not(when: str) -> None:
    document = journey(way("a", "b", when))

    assert not of_code(document, "never_true")
    assert not of_code(document, "always_true")


def test_errors_come_first_and_all_are_reported() -> None:
    model = parse_model(with_transition(when="signals.oops > 1"))

    severities = [finding.severity for finding in check_model(model)]

    assert severities == sorted(severities)
    assert {"error", "warning"} <= set(severities)
