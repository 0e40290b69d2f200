"""The demo's customers are always the same, and show something in every ready-made model."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping

import pytest

from domain.events import Event
from domain.instants import DAY
from domain.machine import compile_model
from domain.model import Model
from service.demo.journeys import SEGMENTS
from service.demo.life import Fact
from service.demo.population import Population, populate
from service.door.bounds import Bounds
from service.door.events import Door, Origin, Refused
from service.modelling.model_files import load_ready_models

NOW = 1_795_217_400_000_000
MODELS = load_ready_models()
# A stage passed in days holds few people at one instant; that some have been there must do.
SHORT_STAGES = {("b2b-6", "decision")}


@pytest.fixture(scope="module")
def population() -> Population:
    """Return the demo as it starts."""
    return populate(NOW)


def test_the_same_seed_and_instant_give_the_same_lives() -> None:
    first, second = populate(NOW, customers=40), populate(NOW, customers=40)

    assert first == second


def test_dates_follow_the_present() -> None:
    first, later = populate(NOW, customers=40), populate(NOW + DAY, customers=40)

    shifted = [fact.at - DAY for fact in later.past]

    assert shifted == [fact.at for fact in first.past]


def test_about_two_thousand_customers_have_come(population: Population) -> None:
    customers = {fact.person.id for fact in population.past}

    assert 1_900 <= len(customers) <= 2_100


def test_the_past_ends_where_the_future_begins(population: Population) -> None:
    assert max(fact.at for fact in population.past) <= NOW
    assert min(fact.at for fact in population.future) > NOW


def test_shares_of_segments_are_percentages() -> None:
    assert sum(segment.share for segment in SEGMENTS) == 100


def test_people_speak_two_languages(population: Population) -> None:
    languages = Counter({fact.person.id: fact.person.language for fact in population.past}.values())

    assert min(languages["en"], languages["ja"]) > 500


def test_the_strict_door_lets_every_event_in(population: Population) -> None:
    door = Door(Bounds(), Origin("default", "demo", NOW, lambda: "made"))

    refused = [
        answer
        for fact in (*population.past, *population.future)
        if isinstance(answer := door.check(fact.text(at=min(fact.at, NOW))), Refused)
    ]

    assert not refused


def test_event_ids_are_unique(population: Population) -> None:
    ids = Counter(json.loads(fact.text())["id"] for fact in population.past)

    assert max(ids.values()) == 1


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_nearly_every_stage_of_a_ready_made_model_has_somebody(
    model: Model, population: Population
) -> None:
    machine = compile_model(model)
    there: Counter[str | None] = Counter()

    for events in _histories(population, model).values():
        state, _ = machine.advance(machine.fold(events)[0], NOW)
        there[state.stage_id] += 1

    empty = {stage.id for stage in model.stages if not there[stage.id]}
    assert {(model.key, stage) for stage in empty} <= SHORT_STAGES


def _histories(population: Population, model: Model) -> Mapping[str, list[Event]]:
    histories: dict[str, list[Event]] = defaultdict(list)
    for position, fact in enumerate(population.past, 1):
        subject = fact.person.account_id if model.subject == "account" else fact.person.id
        if subject is not None:
            histories[subject].append(_event(fact, position))
    return histories


def _event(fact: Fact, position: int) -> Event:
    properties = dict(fact.properties)
    named = {"traits": properties} if fact.type == "$identify" else properties
    return Event(
        position=position,
        effective_at=fact.at,
        type=fact.type,
        event_id=f"{fact.person.id}-{fact.number}",
        source="demo",
        occurred_at=fact.at,
        customer_id=fact.person.id,
        text=json.dumps(named),
    )
