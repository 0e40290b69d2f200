"""What a machine explains is what it does: rules said to match fire, and at the instant said."""

from __future__ import annotations

from hypothesis import assume, given

from domain.document import parse_model
from domain.events import canonical_history
from domain.machine import Machine, State
from domain.machine.explain import RuleExplanation
from domain.model import Rule
from tests.builders import at, did, lifecycle, numbered, rule
from tests.domain.ready_made import ready_cases
from tests.domain.stories.telling import machine_of
from tests.domain.strategies import Case, cases

any_cases = cases() | ready_cases()


def settled(case: Case) -> tuple[Machine, State]:
    """Return the machine of *case* and the state at the instant at which somebody looks."""
    machine = machine_of(case.model)
    state, _ = machine.fold(canonical_history(case.history))
    state, _ = machine.advance(state, case.until)
    return machine, state


def rules_of(case: Case) -> dict[str, Rule]:
    """Return the rules of the model of *case* by id."""
    return {rule.id: rule for rule in case.model.transitions}


@given(any_cases)
def test_every_rule_that_leaves_the_stage_is_explained_in_document_order(case: Case) -> None:
    machine, state = settled(case)
    stage = machine.view(state, case.until).stage

    explained = [said.rule for said in machine.explain(state, case.until) if said.to]

    assert explained == [rule.id for rule in case.model.transitions if stage in rule.sources]


@given(any_cases)
def test_no_condition_that_is_met_is_left_waiting(case: Case) -> None:
    """In a settled state a rule on a condition alone does not match, or it would have fired."""
    assume(case.model.direction == "free")
    machine, state = settled(case)
    rules = rules_of(case)

    waiting = [
        said.rule
        for said in machine.explain(state, case.until)
        if said.to
        and said.matched
        and said.kind == "when"
        and rules[said.rule].trigger.hold is None
    ]

    assert waiting == []


@given(any_cases)
def test_an_event_fires_the_first_rule_that_is_said_to_match(case: Case) -> None:
    """Told beforehand, with the event at hand, for rules that look at the event alone."""
    *before, event = canonical_history(case.history)
    machine = machine_of(case.model)
    state, _ = machine.fold(before)
    state, _ = machine.advance(state, event.effective_at)
    rules = rules_of(case)
    said = [
        rule
        for rule in machine.explain(state, event.effective_at, event)
        if rule.to and rule.kind == "on" and rules[rule.rule].trigger.hold is None
    ]
    assume(said and all(_looks_at_the_event_alone(rules[rule.rule]) for rule in said))

    _, records = machine.step(state, event)

    fired = [
        record.cause.rule
        for record in records
        if record.kind != "alert" and record.cause.kind == "event"
    ]
    assert fired == [rule.rule for rule in said if rule.matched][:1]


def _looks_at_the_event_alone(rule: Rule) -> bool:
    text = rule.trigger.when.source if rule.trigger.when else ""
    return not any(name in text for name in ("signals", "traits", "stage", "cycle"))


@given(any_cases)
def test_no_condition_comes_to_match_before_the_next_deadline(case: Case) -> None:
    """One microsecond before it, whatever is said to match was said to match before."""
    machine, state = settled(case)
    deadline = machine.next_deadline(state)
    assume(deadline is not None)
    assert deadline is not None

    later, _ = machine.advance(state, deadline - 1)

    assert _matching(machine.explain(later, deadline - 1)) <= _matching(
        machine.explain(state, case.until)
    )


def _matching(explained: tuple[RuleExplanation, ...]) -> set[str]:
    return {said.rule for said in explained if said.kind == "when" and said.matched}


@given(any_cases)
def test_what_comes_next_is_explained_by_its_rule(case: Case) -> None:
    """The rule of the next transition waits for an instant not after it."""
    machine, state = settled(case)
    upcoming = machine.next_transition(state)
    assume(upcoming is not None)
    assert upcoming is not None

    explained = {said.rule: said for said in machine.explain(state, case.until) if said.to}

    said = explained.get(upcoming.rule)
    if said is not None:
        assert said.to == upcoming.stage
        assert said.changes_at is None or said.changes_at <= upcoming.at


@given(any_cases)
def test_a_clause_has_a_value_or_says_why_not(case: Case) -> None:
    machine, state = settled(case)

    clauses = [clause for said in machine.explain(state, case.until) for clause in said.clauses]

    assert all(clause.error != "" for clause in clauses)
    assert not any(clause.error and clause.value is not None for clause in clauses)


def test_an_event_that_has_not_arrived_has_no_value() -> None:
    """Without an event a clause about it says why it has no value, and does not match."""
    document = lifecycle(
        "lead customer",
        rule("web", "lead", "customer", on="ordered", when='event.source == "web"'),
    )
    machine = machine_of(parse_model(document))
    state, _ = machine.fold(numbered([did("visited", 0)]))

    (said,) = machine.explain(state, at(0))

    assert not said.matched
    assert [(clause.value, clause.error is None) for clause in said.clauses] == [(None, False)]
