"""The machine and the oracle, two readings of one specification, tell every life alike."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, note, settings

from domain.events import canonical_history
from domain.machine import compile_model
from domain.transitions import Transition
from tests.domain.oracle import live
from tests.domain.strategies import Case, cases


def without_evidence(records: list[Transition]) -> list[Transition]:
    """Return *records* as the oracle writes them: it leaves out what a rule had read."""
    return [replace(record, cause=replace(record.cause, evidence={})) for record in records]


@settings(max_examples=400)
@given(cases())
def test_the_machine_tells_the_life_that_the_oracle_tells(case: Case) -> None:
    """Stages, alerts, refusals, dates, causes, cycles and positions are the same."""
    machine = compile_model(case.model)

    state, records = machine.fold(canonical_history(case.history))
    state, later = machine.advance(state, case.until)

    note(case.told())
    life = live(case.model, case.history, case.until)
    assert without_evidence([*records, *later]) == life.records
    view = machine.view(state, case.until)
    assert dict(view.signals) == life.signals(case.until)
    assert {stage: n for stage, n in view.entries.items() if n} == life.entries
    assert (view.stage, view.entered_at) == (life.stage, life.entered_at)
    assert machine.personas(state, case.until) == life.personas(case.until)
