"""Where a subject stands in one model, in words: its stage, why, and what comes next."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.machine.explain import ClauseValue, RuleExplanation
from domain.transitions import INITIAL_RULE, Cause
from service.language.speaker import Language
from service.pages.catalogue import ModelLabel, StageLabel
from service.standing import Standing

_VALUE_LENGTH_MAX = 160


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of the way: `been`, `here` or `ahead`, and how often it was entered."""

    stage: StageLabel
    state: str
    entries: int


@dataclass(frozen=True, slots=True)
class Reason:
    """Why somebody is where they are.

    Attributes:
        sentence: The kind of cause, in words.
        facts: What the rule read: names and values.
    """

    sentence: str
    rule: str | None
    event_id: str | None
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ClauseView:
    """One clause of a condition: `yes`, `no` or `open`, and what it read."""

    source: str
    state: str
    value: str
    reads: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RuleView:
    """One rule or alert that watches the stage; instants are None where there is none."""

    id: str
    to: StageLabel | None
    alert: str | None
    is_met: bool
    on: tuple[str, ...]
    clauses: tuple[ClauseView, ...]
    due_at: int | None
    changes_at: int | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a subject stands in one model, ready to be written down."""

    label: ModelLabel
    stage: StageLabel
    previous: StageLabel | None
    entered_at: int
    cycle: int
    steps: tuple[Step, ...]
    reason: Reason | None
    next_stage: StageLabel | None
    next_at: int | None
    next_rule: str | None
    signals: tuple[tuple[str, str], ...]
    rules: tuple[RuleView, ...]
    personas: tuple[str, ...]


def place_of(
    standing: Standing,
    label: ModelLabel,
    language: Language,
    *,
    now: int,
    event_types: Mapping[str, str],
) -> Place:
    """Return *standing* in words; *event_types* gives the types of known event ids."""
    view, upcoming = standing.view, standing.upcoming
    stage = label.stage(view.stage or "")
    explained = standing.machine.explain(standing.state, now)
    return Place(
        label=label,
        stage=stage,
        previous=None if view.previous is None else label.stage(view.previous),
        entered_at=view.entered_at,
        cycle=view.cycle,
        steps=_steps(label, stage, view.entries),
        reason=_reason(standing.cause, label, language, event_types),
        next_stage=None if upcoming is None else label.stage(upcoming.stage),
        next_at=None if upcoming is None else upcoming.at,
        next_rule=None if upcoming is None else upcoming.rule,
        signals=tuple((name, shown(value)) for name, value in view.signals.items()),
        rules=tuple(_rule(each, label, language) for each in explained),
        personas=_personas(standing, label, language),
    )


def _steps(label: ModelLabel, here: StageLabel, entries: Mapping[str, int]) -> tuple[Step, ...]:
    return tuple(
        Step(stage, _state(stage, here, entries.get(stage.id, 0)), entries.get(stage.id, 0))
        for stage in label.stages
    )


def _state(stage: StageLabel, here: StageLabel, entries: int) -> str:
    if stage.id == here.id:
        return "here"
    return "been" if entries else "ahead"


def _reason(
    cause: Cause | None, label: ModelLabel, language: Language, event_types: Mapping[str, str]
) -> Reason | None:
    if cause is None:
        return None
    facts = tuple((name, shown(value)) for name, value in cause.evidence.items())
    if cause.rule == INITIAL_RULE:
        return Reason(language.say("why.first"), None, cause.event_id, facts)
    sentence = language.say(f"why.{cause.kind}", event="") if cause.kind != "event" else ""
    if cause.kind == "event":
        sent = event_types.get(cause.event_id or "")
        sentence = language.say("why.event.unknown")
        if sent is not None:
            sentence = language.say("why.event", event=event_name(sent, label, language))
    return Reason(sentence, cause.rule, cause.event_id, facts)


def event_name(event_type: str, label: ModelLabel, language: Language) -> str:
    """Return the name of a type as sent, under whatever name the model knows it."""
    return language.event(label.model.events.get(event_type, event_type))


def _rule(found: RuleExplanation, label: ModelLabel, language: Language) -> RuleView:
    return RuleView(
        id=found.rule,
        to=None if found.to is None else label.stage(found.to),
        alert=alert_title(found.rule, label, language) if found.to is None else None,
        is_met=found.matched,
        on=tuple(language.say("rule.any") if on == "*" else language.event(on) for on in found.on),
        clauses=tuple(_clause(each) for each in found.clauses),
        due_at=found.due_at,
        changes_at=found.changes_at if found.changes_at != found.due_at else None,
    )


def _clause(found: ClauseValue) -> ClauseView:
    state = "open" if found.error is not None else "yes" if found.value is True else "no"
    reads = tuple((name, shown(value)) for name, value in found.reads.items())
    return ClauseView(found.source, state, shown(found.value), reads)


def alert_title(rule: str, label: ModelLabel, language: Language) -> str:
    """Return what an alert is called."""
    titles = {alert.id: alert.title for alert in label.model.alerts}
    return language.title(titles.get(rule, {}), rule)


def _personas(standing: Standing, label: ModelLabel, language: Language) -> tuple[str, ...]:
    titles = {persona.id: persona.title for persona in label.model.personas}
    return tuple(language.title(titles.get(each, {}), each) for each in standing.personas)


def shown(value: object) -> str:
    """Return a JSON value as people read it: text bare, the rest as JSON, long ones cut."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _VALUE_LENGTH_MAX else text[: _VALUE_LENGTH_MAX - 1] + "…"


def distinct(places: Sequence[Place]) -> tuple[str, ...]:
    """Return the personas of all models, each once."""
    return tuple(dict.fromkeys(name for place in places for name in place.personas))
