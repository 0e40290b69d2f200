"""The canonical form of a model: one document for one meaning, and the hash that names it.

Two files that mean the same model (aliases resolved, lists spelled out, `2w` or `14d`) have the
same canonical form, hence the same hash. Defaults are left out, so that a new optional key does
not rename every model there is.
"""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256

from domain.cel.syntax import Expression
from domain.durations import Duration
from domain.model import (
    Alert,
    Metric,
    Model,
    Persona,
    Rule,
    Signal,
    Stage,
    Trigger,
    Upcast,
    UpcastStep,
)

Document = dict[str, object]


def to_document(model: Model) -> Document:
    """Return the canonical JSON form of *model*, which `parse_model` reads back as *model*."""
    return _without_defaults(
        {
            "model": model.key,
            "title": dict(model.title),
            "subject": model.subject,
            "direction": model.direction if model.direction != "free" else None,
            "initial": model.initial,
            "timezone": model.timezone if model.timezone != "UTC" else None,
            "events": _events(model.events),
            "upcasts": [_upcast(upcast) for upcast in model.upcasts],
            "signals": {signal.name: _signal(signal) for signal in model.signals},
            "stages": [_stage(stage) for stage in model.stages],
            "transitions": [_transition(rule) for rule in model.transitions],
            "alerts": [_alert(alert, model.stages) for alert in model.alerts],
            "personas": [_persona(persona) for persona in model.personas],
            "metrics": [_metric(metric) for metric in model.metrics],
        },
    )


def model_hash(document: Mapping[str, object]) -> str:
    """Return the SHA-256 of canonical *document* in 64 hexadecimal digits.

    Hashed is UTF-8 JSON with sorted keys and no spaces.
    """
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(text.encode()).hexdigest()


def _events(canonical: Mapping[str, str]) -> Document:
    events: dict[str, list[str]] = {}
    for name, event_type in sorted(canonical.items()):
        events.setdefault(event_type, []).append(name)
    return {event_type: events[event_type] for event_type in sorted(events)}


def _upcast(upcast: Upcast) -> Document:
    steps = [_step(step) for step in upcast.steps]
    return {"event": upcast.event, "from": upcast.version, "steps": steps}


def _step(step: UpcastStep) -> Document:
    head: Document = {step.kind: ".".join(step.path)}
    match step.kind:
        case "rename":
            return head | {"to": step.to[-1]}
        case "move":
            return head | {"to": ".".join(step.to)}
        case "default":
            return head | {"value": step.value}
        case "convert":
            return head | {"by": _source(step.expression)}
        case "drop":
            return head


def _signal(signal: Signal) -> Document:
    if signal.value is None:
        matter: Document = {signal.kind: _one_or_many(signal.types)}
    else:
        matter = {signal.kind: signal.value.source, "on": _one_or_many(signal.types)}
    settings: Document = {
        "where": _source(signal.where),
        "within": _text(signal.within),
        "scope": signal.scope if signal.scope != "all" else None,
        "by": "customer" if signal.by_customer else None,
    }
    return _without_defaults(matter | settings)


def _stage(stage: Stage) -> Document:
    kind = stage.kind if stage.kind != "active" else None
    return _without_defaults({"id": stage.id, "title": dict(stage.title), "kind": kind})


def _transition(rule: Rule) -> Document:
    sources = _one_or_many(rule.sources)
    return {"id": rule.id, "from": sources, "to": rule.target} | _trigger(rule.trigger)


def _alert(alert: Alert, stages: tuple[Stage, ...]) -> Document:
    everywhere = len(alert.stages) == len(stages)
    head: Document = {
        "id": alert.id,
        "title": dict(alert.title),
        "in": None if everywhere else _one_or_many(alert.stages),
    }
    return _without_defaults(head) | _trigger(alert.trigger)


def _trigger(trigger: Trigger) -> Document:
    return _without_defaults(
        {
            "on": _one_or_many(trigger.types) if trigger.types else None,
            "after": _text(trigger.after),
            "since": trigger.since,
            "at": _source(trigger.at),
            "offset": _text(trigger.offset),
            "when": _source(trigger.when),
            "for": _text(trigger.hold),
        },
    )


def _persona(persona: Persona) -> Document:
    title = dict(persona.title)
    return _without_defaults({"id": persona.id, "title": title, "when": persona.when.source})


def _metric(metric: Metric) -> Document:
    return _without_defaults(
        {
            "id": metric.id,
            "title": dict(metric.title),
            "stage": metric.stage,
            "of": {"reached": metric.reached, "within": _text(metric.within)},
            "target": metric.target,
        },
    )


def _one_or_many(names: Iterable[str]) -> str | list[str]:
    many = list(names)
    return many[0] if len(many) == 1 else many


def _source(expression: Expression | None) -> str | None:
    return expression.source if expression is not None else None


def _text(duration: Duration | None) -> str | None:
    return str(duration) if duration is not None else None


def _without_defaults(document: Document) -> Document:
    return {key: value for key, value in document.items() if value not in (None, {}, [])}
