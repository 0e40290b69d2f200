"""Transitions and alerts of a document: where they watch, and the one trigger that fires them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from domain.document.names import EventNames
from domain.document.problems import did_you_mean, listed, shown
from domain.document.section import Section, refuse_repeated
from domain.model import ANY, Alert, Rule, Signal, Stage, Trigger, TriggerKind

TRANSITIONS_MAX: Final = 256
ALERTS_MAX: Final = 128

_TRIGGER_KEYS: Final = ("on", "after", "since", "at", "offset", "when", "for")
_TRANSITION_ADVICE: Final = {
    "in": "a transition says `from:`; `in:` is for alerts",
    "if": "conditions stand under `when:`",
    "within": "windows belong to signals: signals: {x: {count: …, within: 90d}}",
    "title": "a transition goes by its id",
}
_ALERT_ADVICE: Final = {
    "from": "an alert says `in:`; `from:` is for transitions",
    "to": "an alert leads nowhere; remove `to:` or make it a transition",
    "if": "conditions stand under `when:`",
}


@dataclass(frozen=True, slots=True)
class Names:
    """What rules may refer to: events, signals by name (None where unreadable), stages in order."""

    events: EventNames
    signals: Mapping[str, Signal | None]
    stages: Mapping[str, Stage]


def parse_transitions(root: Section, names: Names) -> tuple[Rule, ...]:
    """Return the transitions under `transitions:`, in document order."""
    sections = root.sections("transitions", "transitions", TRANSITIONS_MAX)
    pairs = [(section, section.identifier("id")) for section in sections]
    refuse_repeated(pairs, "id", lambda name: f"a transition {name}")
    rules = [_parse_transition(section, name, names) for section, name in pairs]
    return tuple(rule for rule in rules if rule is not None)


def parse_alerts(root: Section, names: Names) -> tuple[Alert, ...]:
    """Return the alerts under `alerts:`, in document order."""
    sections = root.sections("alerts", "alerts", ALERTS_MAX)
    pairs = [(section, section.identifier("id")) for section in sections]
    refuse_repeated(pairs, "id", lambda name: f"an alert {name}")
    alerts = [_parse_alert(section, name, names) for section, name in pairs]
    return tuple(alert for alert in alerts if alert is not None)


def parse_stage_id(section: Section, key: str, stages: Mapping[str, Stage]) -> str | None:
    """Return the id of the stage named under *key*, which has to exist."""
    name = section.text(key, required=True)
    if name is None or name in stages:
        return name
    _note_unknown_stage(section, key, name, stages)
    return None


def _parse_transition(section: Section, name: str | None, names: Names) -> Rule | None:
    section.refuse_unknown(["id", "from", "to", *_TRIGGER_KEYS], _TRANSITION_ADVICE)
    target = parse_stage_id(section, "to", names.stages)
    trigger = _parse_trigger(section, names)
    if not section.has("from"):
        section.note("from", "missing", 'expected `from:` with a stage, a list or "*", found none')
        return None
    sources = _parse_stages(section, "from", names.stages)
    leaving = tuple(stage for stage in sources if stage != target)
    if sources and not leaving:
        message = f"{target} leads to itself, and a stage is never entered from itself"
        section.note("to", "self_transition", message)
    if name is None or target is None or trigger is None:
        return None
    return Rule(name, leaving, target, trigger)


def _parse_alert(section: Section, name: str | None, names: Names) -> Alert | None:
    section.refuse_unknown(["id", "title", "in", *_TRIGGER_KEYS], _ALERT_ADVICE)
    trigger = _parse_trigger(section, names)
    title = section.title()
    stages = tuple(names.stages)
    if section.has("in"):
        stages = _parse_stages(section, "in", names.stages)
    if name is None or trigger is None:
        return None
    return Alert(name, stages, trigger, title)


def _parse_stages(section: Section, key: str, stages: Mapping[str, Stage]) -> tuple[str, ...]:
    """Return the stages under *key* in model order; `"*"` is every stage."""
    found = section.texts(key)
    if ANY in found:
        if len(found) > 1:
            section.note(key, "any_and_more", 'expected "*" alone, since it means any stage')
        return tuple(stages)
    for name in found:
        if name not in stages:
            _note_unknown_stage(section, key, name, stages)
    return tuple(name for name in stages if name in found)


def _note_unknown_stage(
    section: Section,
    key: str,
    name: str,
    stages: Mapping[str, Stage],
) -> None:
    hint = did_you_mean(name, stages)
    message = f"no stage {shown(name)}{hint}; the stages are {listed(stages)}"
    section.note(key, "unknown_stage", message)


def _parse_trigger(section: Section, names: Names) -> Trigger | None:
    kind = _trigger_kind(section)
    hold = section.duration("for")
    when = section.expression("when")
    match kind:
        case "on":
            types = names.events.types(section, "on")
            return Trigger("on", types=types, when=when, hold=hold)
        case "after":
            after, since = section.duration("after"), _parse_since(section, names.signals)
            return Trigger("after", after=after, since=since, when=when, hold=hold)
        case "at":
            at, offset = section.expression("at"), section.duration("offset", positive=False)
            return Trigger("at", at=at, offset=offset, when=when, hold=hold)
        case "when":
            return Trigger("when", when=when, hold=hold)
    return None


def _trigger_kind(section: Section) -> TriggerKind | None:
    """Return the one kind of trigger that *section* has, and note keys that need another."""
    if section.has("since") and not section.has("after"):
        section.note("since", "since_without_after", "`since` needs `after:` with a duration")
    if section.has("offset") and not section.has("at"):
        section.note("offset", "offset_without_at", "`offset` needs `at:` with an instant")
    kinds: list[TriggerKind] = [kind for kind in ("on", "after", "at") if section.has(kind)]
    if len(kinds) == 1:
        return kinds[0]
    if kinds:
        found = listed(kinds)
        message = f"expected one of on, after, at; found {found}: make them rules of their own"
        section.problems.note(section.path, "two_triggers", message)
        return None
    if section.has("when"):
        return "when"
    message = "expected one trigger: on (an event), after (a silence), at (a date) or when"
    section.problems.note(section.path, "no_trigger", message)
    return None


def _parse_since(section: Section, signals: Mapping[str, Signal | None]) -> str | None:
    name = section.text("since")
    if name is None:
        return None
    name = name.removeprefix("signals.")
    instants = [found.name for found in signals.values() if found and found.is_instant]
    if name not in signals:
        hint = did_you_mean(name, instants)
        message = f"no signal {shown(name)}{hint}; those that are instants: {listed(instants)}"
        section.note("since", "unknown_signal", message)
    elif (signal := signals[name]) and not signal.is_instant:
        message = (
            f"{name} is a {signal.kind}, not an instant; expected a signal of kind first or last: "
            f"{listed(instants)}"
        )
        section.note("since", "since_not_instant", message)
    elif signal and signal.within is not None:
        message = f"{name} forgets after {signal.within}; expected an instant without `within`"
        section.note("since", "since_windowed", message)
    return name
