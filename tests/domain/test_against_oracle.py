"""The machine and the oracle, two readings of one specification, tell every life alike."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from domain.events import canonical_history
from domain.transitions import Transition
from tests.domain.oracle import live
from tests.domain.ready_made import READY, ready_cases
from tests.domain.stories.telling import machine_of
from tests.domain.strategies import Case, cases, looping_cases


@settings(max_examples=5 * settings().max_examples)
@given(cases())
def test_the_machine_tells_the_life_that_the_oracle_tells(case: Case) -> None:
    """Stages, alerts, refusals, dates, causes, cycles and positions are the same."""
    assert_told_alike(case)


@settings(max_examples=2 * settings().max_examples)
@given(looping_cases())
def test_rules_that_lead_in_a_circle_end_alike(case: Case) -> None:
    """What no check would let pass still ends: a stage is entered once per settling."""
    assert_told_alike(case)


@pytest.mark.parametrize("key", READY)
@settings(max_examples=settings().max_examples // 5)
@given(data=st.data())
def test_the_oracle_agrees_on_every_ready_made_model(key: str, data: st.DataObject) -> None:
    """Histories meet the thresholds and deadlines of the model itself."""
    assert_told_alike(data.draw(ready_cases(key)))


def assert_told_alike(case: Case) -> None:
    """Fail unless both tell the same records, and end with the same view."""
    note(case.told())
    machine = machine_of(case.model)

    state, records = machine.fold(canonical_history(case.history))
    state, later = machine.advance(state, case.until)

    life = live(case.model, case.history, case.until)
    view = machine.view(state, case.until)
    told = [*records, *later]
    assert list(map(without_evidence, told)) == list(map(without_evidence, life.records))
    assert [untrue(*pair) for pair in zip(told, life.records, strict=True)] == [{}] * len(told)
    assert dict(view.signals) == life.signals(case.until)
    assert {stage: n for stage, n in view.entries.items() if n} == life.entries
    assert (view.stage, view.entered_at, view.cycle) == (life.stage, life.entered_at, life.cycle)
    assert view.sequence == life.sequence
    assert machine.personas(state, case.until) == life.personas(case.until)


def without_evidence(record: Transition) -> Transition:
    """Return *record* without what its rule had read."""
    return replace(record, cause=replace(record.cause, evidence={}))


def untrue(record: Transition, seen: Transition) -> dict[str, object]:
    """Return the evidence of *record* that was not so in the eyes of the oracle."""
    return {
        name: value
        for name, value in record.cause.evidence.items()
        if name not in seen.cause.evidence or seen.cause.evidence[name] != value
    }
