"""Upcasts: an event of an older schema version counts as if it had been sent in the newest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.check import check_model
from domain.document import ModelError, parse_model
from domain.document.canonical import to_document
from domain.events import Event
from domain.machine import Machine, compile_model
from domain.machine.explain import RuleExplanation
from domain.machine.upcasting import schema_version
from tests.builders import at, lifecycle, rule

STEPS: list[tuple[str, list[dict[str, Any]], dict[str, Any], dict[str, Any]]] = [
    ("a value gets another name", [{"rename": "sum", "to": "n"}], {"sum": 1}, {"n": 1}),
    ("what is missing is not renamed", [{"rename": "sum", "to": "n"}], {"a": 1}, {"a": 1}),
    (
        "what was sent under the new name stays",
        [{"rename": "sum", "to": "n"}],
        {"sum": 1, "n": 2},
        {"n": 2},
    ),
    (
        "inside an object the new name stays inside",
        [{"rename": "order.sum", "to": "n"}],
        {"order": {"sum": 1, "x": 2}},
        {"order": {"n": 1, "x": 2}},
    ),
    (
        "a value goes elsewhere",
        [{"move": "sum", "to": "order.total"}],
        {"sum": 1},
        {"order": {"total": 1}},
    ),
    (
        "nothing is lost where something is in the way",
        [{"move": "sum", "to": "order.total"}],
        {"sum": 1, "order": "x"},
        {"order": "x", "sum": 1},
    ),
    ("a value goes away", [{"drop": "a.b"}], {"a": {"b": 1, "c": 2}}, {"a": {"c": 2}}),
    ("what is missing is given", [{"default": "a", "value": [1]}], {}, {"a": [1]}),
    ("null is missing", [{"default": "a", "value": "x"}], {"a": None}, {"a": "x"}),
    ("what is there stays", [{"default": "a", "value": "x"}], {"a": 0}, {"a": 0}),
    (
        "a value is converted",
        [{"convert": "a", "by": "double(properties.a) / 100.0"}],
        {"a": 4800},
        {"a": 48.0},
    ),
    ("what is missing is not converted", [{"convert": "a", "by": "1"}], {}, {}),
    (
        "what cannot be converted stays",
        [{"convert": "a", "by": "int(properties.a)"}],
        {"a": "x"},
        {"a": "x"},
    ),
    (
        "steps follow one another",
        [{"rename": "a", "to": "b"}, {"convert": "b", "by": "properties.b + 1"}, {"drop": "c"}],
        {"a": 1, "c": 2},
        {"b": 2},
    ),
]


def shop(*upcasts: dict[str, Any], **sections: object) -> Machine:
    """Return a machine whose stage tells what it read."""
    document = lifecycle(
        "lead buyer loyal",
        rule("bought", "lead", "buyer", on="ordered", when="properties.amount > 10.0"),
        rule("spent", "buyer", "loyal", when="signals.spent > 100.0"),
        upcasts=list(upcasts),
        signals={"spent": {"sum": "properties.amount", "on": "ordered"}},
        **sections,
    )
    return compile_model(parse_model(document))


def event(
    number: int, name: str = "ordered", *, version: int | None = 1, **properties: object
) -> Event:
    """Return an event of some schema version."""
    item = {} if version is None else {"schema_version": version}
    return Event(
        position=number,
        effective_at=at(number),
        type=name,
        event_id=f"e{number}",
        text=json.dumps({**item, "properties": properties}),
        decode=lambda text: json.loads(text)["properties"],
    )


TO_AMOUNT = {"event": "ordered", "from": 1, "steps": [{"rename": "cents", "to": "amount"}]}
TO_MONEY = {
    "event": "ordered",
    "from": 2,
    "steps": [{"convert": "amount", "by": "double(properties.amount) / 100.0"}],
}


@pytest.mark.parametrize(
    ("steps", "sent", "read"), [each[1:] for each in STEPS], ids=[each[0] for each in STEPS]
)
def test_steps(steps: list[dict[str, Any]], sent: dict[str, Any], read: dict[str, Any]) -> None:
    machine = shop({"event": "ordered", "from": 1, "steps": steps})
    one = event(1, **sent)

    found = machine.upcaster.view(one)

    assert found == read
    assert one.properties == sent


@pytest.mark.parametrize("version", [None, 1, 2, 3])
def test_upcasts_are_chained_from_the_version_that_was_sent(version: int | None) -> None:
    sent = {"cents": 4800} if version in (None, 1) else {"amount": 4800 if version == 2 else 48.0}
    machine = shop(TO_AMOUNT, TO_MONEY)

    state, (entered, bought) = machine.fold([event(1, version=version, **sent)])

    assert (entered.to_stage, bought.to_stage) == ("lead", "buyer")
    assert bought.cause.evidence == {"properties.amount": 48.0}
    assert machine.view(state, at(1)).signals["spent"] == 48.0


def test_other_types_and_other_names_of_a_type() -> None:
    machine = shop(TO_AMOUNT, events={"ordered": ["purchased"]})

    _, other = machine.fold([event(1, "visited", cents=50)])
    _, alias = machine.fold([event(1, "purchased", cents=50)])

    assert [each.to_stage for each in other] == ["lead"]
    assert [each.to_stage for each in alias] == ["lead", "buyer"]


def test_an_explanation_reads_what_the_fold_reads() -> None:
    machine = shop(TO_AMOUNT)
    state, _ = machine.fold([event(1, "visited")])
    told: tuple[RuleExplanation, ...] = machine.explain(state, at(2), event(2, cents=50))

    assert told[0].matched
    assert told[0].clauses[0].reads == {"properties.amount": 50}


def test_another_upcast_is_another_model() -> None:
    plain, upcast = shop(), shop(TO_AMOUNT)

    assert plain.hash != upcast.hash
    assert to_document(parse_model(dict(upcast.model.document))) == upcast.model.document


amounts = st.one_of(st.integers(-(10**6), 10**6), st.floats(-1e6, 1e6), st.text(max_size=3))
versions = st.sampled_from([None, 1, 2, 3, 4])


def _field_of(version: int | None) -> str:
    return "cents" if version in {None, 1} else "amount"


@given(st.lists(st.tuples(versions, amounts), max_size=8), st.integers(0, 8))
def test_upcast_then_fold_is_fold_then_upcast(
    sent: list[tuple[int | None, object]], cut: int
) -> None:
    """A history whose events were rewritten once and for all gives the same life, in any pieces."""
    machine = shop(TO_AMOUNT, TO_MONEY)
    history = [
        event(number, "ordered", version=version, **{_field_of(version): amount})
        for number, (version, amount) in enumerate(sent, 1)
    ]
    rewritten = [
        event(one.position, "ordered", version=3, **machine.upcaster.view(one)) for one in history
    ]

    state, recorded = shop().fold(rewritten)
    first, begun = machine.fold(history[:cut])
    last, rest = machine.fold(history[cut:], first)

    assert [*begun, *rest] == recorded
    assert machine.view(last, at(9)) == shop().view(state, at(9))


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (None, 1),
        ("{}", 1),
        ('{"schema_version": 7}', 7),
        ('{"schemaversion": "3"}', 3),
        ('{"schema_version": 0}', 1),
        ('{"schema_version": true}', 1),
        ('{"schema_version": "x"}', 1),
        ('{"properties": {"schema_version": 7}}', 1),
        ('{"sch\\u0065ma_version": 7}', 7),
        (b'{"schema_version": 7}', 7),
        ('["schema_version"]', 1),
    ],
)
def test_the_version_of_an_event(text: str | bytes | None, version: int) -> None:
    assert schema_version(text) == version


@pytest.mark.parametrize(
    ("upcast", "path", "code"),
    [
        ({"from": 1, "steps": []}, "upcasts[0].event", "missing"),
        ({"event": "a", "from": 0, "steps": []}, "upcasts[0].from", "bad_version"),
        ({"event": "$identify", "from": 1, "steps": []}, "upcasts[0].event", "reserved_event"),
        ({"event": "a", "from": 1}, "upcasts[0].steps", "missing"),
        ({"event": "a", "from": 1, "steps": [{}]}, "upcasts[0].steps[0]", "bad_step"),
        (
            {"event": "a", "from": 1, "steps": [{"drop": "a", "move": "b"}]},
            "upcasts[0].steps[0]",
            "bad_step",
        ),
        (
            {"event": "a", "from": 1, "steps": [{"drop": "a..b"}]},
            "upcasts[0].steps[0].drop",
            "bad_path",
        ),
        (
            {"event": "a", "from": 1, "steps": [{"rename": "a", "to": "b.c"}]},
            "upcasts[0].steps[0].to",
            "bad_path",
        ),
        (
            {"event": "a", "from": 1, "steps": [{"default": "a"}]},
            "upcasts[0].steps[0].value",
            "missing",
        ),
        (
            {"event": "a", "from": 1, "steps": [{"convert": "a", "by": "1 +"}]},
            "upcasts[0].steps[0].by",
            "bad_expression",
        ),
    ],
)
def test_what_is_no_upcast_is_named(upcast: dict[str, Any], path: str, code: str) -> None:
    document = lifecycle("lead", upcasts=[upcast])

    with pytest.raises(ModelError) as refused:
        parse_model(document)

    assert (path, code) in [(each.path, each.code) for each in refused.value.problems]


def test_one_upcast_leads_on_from_a_version() -> None:
    with pytest.raises(ModelError, match="already at"):
        parse_model(lifecycle("lead", upcasts=[TO_AMOUNT, TO_AMOUNT]))


def test_a_conversion_reads_properties_only() -> None:
    steps = [{"convert": "a", "by": "signals.spent"}, {"convert": "b", "by": "properties.b"}]
    model = parse_model(lifecycle("lead", upcasts=[{"event": "a", "from": 1, "steps": steps}]))

    errors = [each.path for each in check_model(model) if each.severity == "error"]

    assert errors == ["upcasts[0].steps[0].by"]
