"""Everything that is wrong with a document is named at its path, with a cure."""

import pickle

import pytest

from domain.document import ModelError, Problem, parse_model
from tests.domain.shop_document import shop, with_signal, with_transition


def problems_of(document: object) -> list[Problem]:
    """Return everything that is wrong with *document*."""
    with pytest.raises(ModelError) as caught:
        parse_model(document)
    return list(caught.value.problems)


BROKEN = [
    # The whole document.
    ([], "", "not_a_mapping"),
    ({}, "model", "missing"),
    ({"model": "m"}, "stages", "missing"),
    (shop(stages=[]), "stages", "missing"),
    (shop(stages={"a": {}}), "stages", "wrong_type"),
    (shop(stages=["awareness"]), "stages[0]", "wrong_type"),
    (shop(model="Shop"), "model", "bad_id"),
    (shop(model="-shop"), "model", "bad_id"),
    (shop(model="x" * 65), "model", "bad_id"),
    (shop(model=7), "model", "wrong_type"),
    (shop(stage=[]), "stage", "unknown_key"),
    (shop(subject="company"), "subject", "bad_choice"),
    (shop(direction="backward"), "direction", "bad_choice"),
    (shop(initial="awarness"), "initial", "unknown_stage"),
    (shop(timezone="Tokyo"), "timezone", "unknown_timezone"),
    (shop(timezone="../etc/passwd"), "timezone", "unknown_timezone"),
    (shop(timezone="Asia"), "timezone", "unknown_timezone"),
    (shop(title={"english": "Shop"}), "title.english", "bad_language"),
    (shop(title={"en": "two\nlines"}), "title.en", "bad_title"),
    (shop(title="x" * 201), "title", "bad_title"),
    (shop(title={"en": ""}), "title.en", "wrong_type"),
    (shop(title=[]), "title", "wrong_type"),
    (shop(title={f"a{chr(97 + i // 26)}{chr(97 + i % 26)}": "x" for i in range(33)}), "title",
     "too_many"),
    # Bounds.
    (shop(stages=[{"id": f"s{i}"} for i in range(65)]), "stages", "too_many"),
    (shop(signals={f"s{i}": {"count": "a"} for i in range(129)}), "signals", "too_many"),
    (shop(transitions=[{}] * 257), "transitions", "too_many"),
    (shop(alerts=[{}] * 129), "alerts", "too_many"),
    (shop(personas=[{}] * 65), "personas", "too_many"),
    (shop(metrics=[{}] * 129), "metrics", "too_many"),
    (shop(events={f"e{i}": [] for i in range(513)}), "events", "too_many"),
    (shop(events={"e": [f"e{i}" for i in range(33)]}), "events.e", "too_many"),
    (shop(events={"e": ["x"] * 20_001}), "", "too_large"),
    (shop(title="x" * 8193), "title", "too_long"),
    (shop(title="\ud800"), "title", "not_json"),
    (shop(title=float("nan")), "title", "not_json"),
    (shop(title=b"bytes"), "title", "not_json"),
    # Keys.
    ({True: "x"}, "", "key_not_text"),
    ({7: "x"}, "", "key_not_text"),
    (with_transition() | {"transitions": [{True: "x"}]}, "transitions[0]", "key_not_text"),
    # Events.
    (shop(events=["a"]), "events", "wrong_type"),
    (shop(events={"a": [1]}), "events.a", "wrong_type"),
    (shop(events={"a": "b", "b": []}), "events.a", "name_taken"),
    (shop(events={"a": "c", "b": ["c"]}), "events.b", "name_taken"),
    (shop(events={"a": ["c", "c"]}), "events.a", "repeated"),
    (shop(events={"$void": []}), "events.$void", "reserved_event"),
    (shop(events={"a": ["$identify"]}), "events.a", "reserved_event"),
    (shop(events={"x" * 129: []}), "events." + "x" * 80, "bad_event_type"),
    # Signals.
    (shop(signals=[]), "signals", "wrong_type"),
    (shop(signals={"x": "count"}), "signals.x", "wrong_type"),
    (shop(signals={"x": None}), "signals.x", "missing"),
    (with_signal(), "signals.x", "signal_kind"),
    (with_signal(count="a", sum="b"), "signals.x", "signal_kind"),
    (with_signal(count="a", window="3d"), "signals.x.window", "unknown_key"),
    (with_signal(count="a", on="b"), "signals.x.on", "on_not_needed"),
    (with_signal(count=["*", "a"]), "signals.x.count", "any_and_more"),
    (with_signal(count="$alias"), "signals.x.count", "reserved_event"),
    (with_signal(count=[]), "signals.x.count", "wrong_type"),
    (with_signal(sum="properties.amount"), "signals.x.on", "missing"),
    (with_signal(sum=None, on="a"), "signals.x.sum", "missing"),
    (with_signal(sum="properties.", on="a"), "signals.x.sum", "bad_expression"),
    (with_signal(sum=1, on="a"), "signals.x.sum", "wrong_type"),
    (with_signal(count="a", within="fortnight"), "signals.x.within", "bad_duration"),
    (with_signal(count="a", within="0d"), "signals.x.within", "bad_duration"),
    (with_signal(count="a", within="-1d"), "signals.x.within", "bad_duration"),
    (with_signal(count="a", scope="year"), "signals.x.scope", "bad_choice"),
    (with_signal(count="a", by="member"), "signals.x.by", "bad_choice"),
    (with_signal(last="a", by="customer"), "signals.x.by", "by_without_count"),
    (with_signal(count="a", where=True), "signals.x.where", "wrong_type"),
    (shop(signals={"Orders": {"count": "a"}}), "signals.Orders", "bad_name"),
    (shop(signals={"in": {"count": "a"}}), "signals.in", "bad_name"),
    # Stages.
    (shop(stages=[{}]), "stages[0].id", "missing"),
    (shop(stages=[{"id": "a"}, {"id": "a"}]), "stages[1].id", "repeated"),
    (shop(stages=[{"id": "a", "kind": "done"}]), "stages[0].kind", "bad_choice"),
    (shop(stages=[{"id": "a", "name": "A"}]), "stages[0].name", "unknown_key"),
    (shop(stages=[{"id": "a", "kind": "final"}, {"id": "b", "kind": "final"}]), "stages",
     "two_finals"),
    # Transitions.
    (with_transition(), "transitions[0]", "no_trigger"),
    (with_transition(on="a", after="3d"), "transitions[0]", "two_triggers"),
    (with_transition(since="last_order"), "transitions[0].since", "since_without_after"),
    (with_transition(on="a", offset="3d"), "transitions[0].offset", "offset_without_at"),
    (with_transition(on="a", **{"for": "0s"}), "transitions[0].for", "bad_duration"),
    (with_transition(on=1), "transitions[0].on", "wrong_type"),
    (with_transition(after="soon"), "transitions[0].after", "bad_duration"),
    (with_transition(after="3d", since="last_oder"), "transitions[0].since", "unknown_signal"),
    (with_transition(after="3d", since="spent"), "transitions[0].since", "since_not_instant"),
    (with_transition(after="3d", since="x") | {"signals": {"x": {"last": "a", "within": "9d"}}},
     "transitions[0].since", "since_windowed"),
    (with_transition(at="traits.", offset="-1d"), "transitions[0].at", "bad_expression"),
    (with_transition(at="traits.x", offset="d"), "transitions[0].offset", "bad_duration"),
    (with_transition(when="signals.spent >"), "transitions[0].when", "bad_expression"),
    (with_transition(when="true", **{"in": "x"}), "transitions[0].in", "unknown_key"),
    (with_transition(on="a", to="purchse"), "transitions[0].to", "unknown_stage"),
    (with_transition(on="a", to=None), "transitions[0].to", "missing"),
    (with_transition(on="a", **{"from": None}), "transitions[0].from", "missing"),
    (with_transition(on="a", **{"from": ["gone"]}), "transitions[0].from", "unknown_stage"),
    (with_transition(on="a", **{"from": ["*", "loyalty"]}), "transitions[0].from", "any_and_more"),
    (with_transition(on="a", **{"from": "purchase"}), "transitions[0].to", "self_transition"),
    (with_transition(on="a", id="T"), "transitions[0].id", "bad_id"),
    # Alerts, personas, metrics.
    (shop(alerts=[{"id": "a", "on": "x", "to": "purchase"}]), "alerts[0].to", "unknown_key"),
    (shop(alerts=[{"id": "a", "on": "x", "in": "gone"}]), "alerts[0].in", "unknown_stage"),
    (shop(alerts=[{"id": "a", "on": "x"}] * 2), "alerts[1].id", "repeated"),
    (shop(personas=[{"id": "p"}]), "personas[0].when", "missing"),
    (shop(metrics=[{"id": "m", "stage": "loyalty"}]), "metrics[0].of", "missing"),
    (shop(metrics=[{"id": "m", "stage": "x", "of": {}}]), "metrics[0].stage", "unknown_stage"),
    (shop(metrics=[{"id": "m", "stage": "loyalty", "of": {"reached": "dormant"}}]),
     "metrics[0].of.within", "missing"),
    (shop(metrics=[{"id": "m", "stage": "loyalty", "of": {}, "target": 25}]),
     "metrics[0].target", "bad_share"),
    (shop(metrics=[{"id": "second_order"}]), "metrics[0].id", "repeated"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "path", "code"), BROKEN)
def test_a_problem_is_found_at_its_path(document: object, path: str, code: str) -> None:
    found = [(problem.path, problem.code) for problem in problems_of(document)]

    assert (path, code) in found


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


def test_a_cycle_of_values_ends_at_a_bound() -> None:
    endless: dict[str, object] = {"model": "m"}
    endless["stages"] = [endless]

    codes = {problem.code for problem in problems_of(endless)}

    assert codes <= {"too_deep", "too_large"}
    assert codes


def test_a_flood_of_problems_ends_at_a_bound() -> None:
    assert len(problems_of({f"key{i}": 1 for i in range(5000)})) == 200
