"""A document becomes a model, and its canonical form is the same model in one spelling."""

import json
import pickle
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.document import ModelError, model_hash, parse_model, to_document
from domain.durations import parse_duration
from domain.model import Model
from tests.domain.shop_document import SHOP, shop


def parsed() -> Model:
    """Return the shop's model."""
    return parse_model(shop())


def test_other_names_of_an_event_are_resolved() -> None:
    model = parsed()

    assert model.events == {"Order Completed": "order_completed", "purchase": "order_completed"}
    assert {s.name: s.types for s in model.signals}["orders_90d"] == ("order_completed",)


def test_signals_are_ordered_by_name_since_their_order_means_nothing() -> None:
    names = [signal.name for signal in parsed().signals]

    assert names == sorted(names)


def test_sources_stand_in_model_order() -> None:
    silence = parsed().transitions[2]

    assert silence.sources == ("purchase", "loyalty")


def test_any_stage_is_spelled_out_without_the_target() -> None:
    cancelled = parsed().transitions[4]

    assert cancelled.sources == ("awareness", "purchase", "loyalty")


def test_any_stage_includes_the_final_one() -> None:
    stages = [{"id": "a"}, {"id": "b", "kind": "final"}, {"id": "c", "kind": "stopped"}]
    rules = [{"id": "t", "from": "*", "to": "c", "on": "x"}]

    model = parse_model({"model": "m", "stages": stages, "transitions": rules})

    assert model.transitions[0].sources == ("a", "b")


def test_an_alert_without_stages_watches_everywhere() -> None:
    everywhere, stuck = parsed().alerts

    assert everywhere.stages == ("awareness", "purchase", "loyalty", "dormant")
    assert stuck.stages == ("purchase",)


def test_triggers_have_one_kind_each() -> None:
    model = parsed()

    triggers = [rule.trigger for rule in model.transitions]
    triggers += [alert.trigger for alert in model.alerts]

    kinds = ["on", "when", "after", "on", "on", "at", "after"]
    assert [trigger.kind for trigger in triggers] == kinds


def test_a_metric_may_stand_in_its_stage() -> None:
    inside, outside = parsed().metrics

    assert (inside.id, inside.stage, inside.reached) == ("second_order", "purchase", "loyalty")
    assert inside.within == parse_duration("30d")
    assert (outside.id, outside.target) == ("repeat_rate", 0.25)


def test_what_is_left_out_has_a_default() -> None:
    model = parse_model({"model": "tiny", "stages": [{"id": "only"}]})

    assert (model.initial, model.subject, model.direction) == ("only", "customer", "free")
    assert (model.timezone, dict(model.title)) == ("UTC", {"en": "tiny"})
    assert dict(model.stages[0].title) == {"en": "only"}


def test_the_canonical_form_reads_back_as_the_same_model() -> None:
    model = parsed()

    assert parse_model(to_document(model)) == model
    assert model.document == to_document(model)


def test_two_spellings_of_one_meaning_have_one_hash() -> None:
    other = shop(direction="free", timezone="UTC", subject="customer")
    stages = other["stages"]
    assert isinstance(stages, list)
    stages[0]["title"] = {"en": "Awareness"}
    other["signals"] = dict(reversed(list(deepcopy(parsed().document)["signals"].items())))  # type: ignore[attr-defined] # the canonical form of signals is a mapping

    assert parse_model(other).hash == parsed().hash


@pytest.mark.parametrize(
    "change",
    [
        {"model": "other"},
        {"subject": "account"},
        {"direction": "forward_only"},
        {"timezone": "Asia/Tokyo"},
        {"initial": "purchase"},
        {"alerts": []},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_meaning_has_another_hash(change: dict[str, object]) -> None:
    assert parse_model(shop(**change)).hash != parsed().hash


def test_the_hash_is_that_of_sorted_json() -> None:
    digest = model_hash({"b": "購入", "a": 1})

    assert digest == model_hash(json.loads('{"a": 1, "b": "\\u8cfc\\u5165"}'))
    assert len(digest) == 64


def test_a_model_can_be_sent_to_another_process() -> None:
    model = parsed()

    assert pickle.loads(pickle.dumps(model)) == model  # noqa: S301 -- our own bytes


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
keys = st.sampled_from(sorted(SHOP))


@given(keys, plain)
def test_no_document_is_met_with_anything_but_a_model_or_its_problems(
    key: str,
    value: object,
) -> None:
    """Arbitrary values under known keys never raise anything else."""
    assert is_model_or_has_problems(shop(**{key: value}))


def is_model_or_has_problems(document: object) -> bool:
    """Return whether *document* is met as promised: a model that reads back, or its problems."""
    try:
        model = parse_model(document)
    except ModelError as error:
        return bool(error.problems)
    return parse_model(model.document) == model


def places_in(value: object) -> list[Any]:
    """Return the keys or indexes under which *value* holds others."""
    if isinstance(value, dict):
        return sorted(value)
    return list(range(len(value))) if isinstance(value, list) else []


@given(st.data())
def test_breaking_any_one_value_inside_never_breaks_the_parser(data: st.DataObject) -> None:
    """One value anywhere in a good document is replaced by an arbitrary one."""
    document = shop()
    place: Any = document
    index = data.draw(st.sampled_from(places_in(place)))
    for _ in range(data.draw(st.integers(0, 3))):
        if places_in(place[index]):
            place = place[index]
            index = data.draw(st.sampled_from(places_in(place)))
    place[index] = data.draw(plain)

    assert is_model_or_has_problems(document)
