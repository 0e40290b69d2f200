"""A customer's life in words, English or Japanese, and as JSON in the shapes of the API."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from domain.instants import format_instant
from domain.machine.explain import ClauseValue, RuleExplanation
from domain.transitions import INITIAL_RULE
from service.cli.subjects import Life
from service.http.answers.values import encoded, explanation_of, instant, subject_of
from service.language.speaker import Language
from service.standing import Standing


def members_of(life: Life) -> bytes:
    """Return the customer as `GET /v1/customers/{id}` tells them."""
    return encoded(subject_of(life.subject, [each for each, _ in life.standings]))


def reasons_of(life: Life) -> bytes:
    """Return the same, and per model every rule that watches the stage."""
    members = subject_of(life.subject, [each for each, _ in life.standings])
    members["as_of"] = instant(life.now)
    members["rules"] = {
        standing.model: [explanation_of(each) for each in rules]
        for standing, rules in life.standings
    }
    return encoded(members)


def heading(life: Life, speaker: Language) -> Iterator[str]:
    """Yield who it is: name, how many events, since when."""
    subject = life.subject
    yield f"{subject.key.text}  ({speaker.say('events')}: {speaker.number(subject.events)})"
    if subject.aliases:
        yield f"{speaker.say('also')}: {', '.join(each.text for each in subject.aliases)}"
    if subject.first_seen_at is not None and subject.last_event_at is not None:
        first, last = speaker.moment(subject.first_seen_at), speaker.moment(subject.last_event_at)
        yield f"{speaker.say('first_seen')}: {first}  {speaker.say('last_event')}: {last}"
    if subject.parked is not None:
        yield speaker.say("parked", reason=subject.parked)


def header(speaker: Language) -> tuple[str, ...]:
    """Return the names of the columns of `rows`."""
    return (
        speaker.say("model"),
        speaker.say("stage"),
        speaker.say("list.since"),
        speaker.say("why"),
        speaker.say("next"),
    )


def rows(life: Life, speaker: Language) -> list[list[str]]:
    """Return a line per model."""
    return [
        [
            standing.model,
            _stage(standing, standing.view.stage, speaker),
            format_instant(standing.view.entered_at),
            standing.cause.rule if standing.cause else "",
            _next_briefly(life, standing, speaker),
        ]
        for standing, _ in life.standings
    ]


def story(life: Life, speaker: Language, *, with_rules: bool) -> Iterator[str]:
    """Yield where the customer stands in each model, why, and what comes next, when."""
    yield from heading(life, speaker)
    for standing, rules in life.standings:
        view, model = standing.view, life.model_of(standing)
        yield ""
        yield f"{speaker.title(model.title, model.key)}  ({model.key}, v{standing.version})"
        since = speaker.say(
            "since",
            date=speaker.moment(view.entered_at),
            span=speaker.span(life.now - view.entered_at),
        )
        cycle = speaker.say("cycle", n=view.cycle)
        yield _line(speaker, "stage", f"{_stage(standing, view.stage, speaker)}  {since}  {cycle}")
        yield _line(speaker, "why", _why(life, standing, speaker))
        for name, value in (standing.cause.evidence if standing.cause else {}).items():
            yield _line(speaker, "evidence", f"{name} = {_shown(value)}")
        yield _line(speaker, "next", _next(life, standing, speaker))
        if with_rules:
            yield from _rules(rules, speaker)


def _line(speaker: Language, key: str, text: str) -> str:
    return f"  {speaker.say(key)}: {text}"


def _stage(standing: Standing, stage: str | None, speaker: Language) -> str:
    titles = {each.id: each.title for each in standing.machine.model.stages}
    name = stage or ""
    title = speaker.title(titles.get(name, {}), name)
    return title if title == name else f"{title} ({name})"


def _why(life: Life, standing: Standing, speaker: Language) -> str:
    cause = standing.cause
    if cause is None:
        return ""
    known = life.event_types.get(cause.event_id or "")
    if cause.rule == INITIAL_RULE:
        reason = speaker.say("why.first")
    elif cause.kind != "event":
        reason = speaker.say(f"why.{cause.kind}")
    elif known is None:
        reason = speaker.say("why.event.unknown")
    else:
        reason = speaker.say("why.event", event=speaker.event(known))
    came_from = standing.view.previous
    parts = [reason, f"{speaker.say('rule')} {cause.rule}"]
    if cause.event_id is not None:
        parts.append(f"{known or '?'} {cause.event_id}")
    if came_from is not None:
        parts.append(speaker.say("came_from", stage=_stage(standing, came_from, speaker)))
    return " · ".join(parts)


def _next(life: Life, standing: Standing, speaker: Language) -> str:
    upcoming = standing.upcoming
    if upcoming is None:
        return speaker.say("next.none")
    stage = _stage(standing, upcoming.stage, speaker)
    sentence = speaker.say("next.at", stage=stage, date=speaker.moment(upcoming.at))
    span = speaker.span(upcoming.at - life.now)
    return f"{sentence} · {span} · {speaker.say('rule')} {upcoming.rule}"


def _next_briefly(life: Life, standing: Standing, speaker: Language) -> str:
    upcoming = standing.upcoming
    if upcoming is None:
        return speaker.say("next.none")
    stage = _stage(standing, upcoming.stage, speaker)
    return f"{speaker.upcoming(stage, upcoming.at - life.now)}  {format_instant(upcoming.at)}"


def _rules(rules: Sequence[RuleExplanation], speaker: Language) -> Iterator[str]:
    yield f"  {speaker.say('rules')}:"
    if not rules:
        yield f"    {speaker.say('rules.none')}"
    for rule in rules:
        met = speaker.say("rule.met" if rule.matched else "rule.unmet")
        target = rule.to or speaker.say("rule.alert")
        yield f"    {rule.rule} → {target}: {met}{_when(rule, speaker)}"
        for clause in rule.clauses:
            reads = ", ".join(f"{name} = {_shown(each)}" for name, each in clause.reads.items())
            value = _value(rule, clause, speaker)
            yield f"      {clause.source} = {value}{f'  ({reads})' if reads else ''}"


def _value(rule: RuleExplanation, clause: ClauseValue, speaker: Language) -> str:
    """Return what a clause came to; one that reads the event has no value before it arrives."""
    if clause.error is None:
        return _shown(clause.value)
    return speaker.say("clause.event") if rule.kind == "on" else clause.error


def _when(rule: RuleExplanation, speaker: Language) -> str:
    if rule.on:
        names = [
            speaker.say("rule.any") if each == "*" else speaker.event(each) for each in rule.on
        ]
        return f" · {speaker.say('rule.waits', events=', '.join(names))}"
    if rule.due_at is not None:
        return f" · {speaker.say('rule.due', moment=speaker.moment(rule.due_at))}"
    if rule.changes_at is not None:
        return f" · {speaker.say('rule.changes', moment=speaker.moment(rule.changes_at))}"
    return ""


def _shown(value: object) -> str:
    """Return a JSON value for people: of a sum of cents, no digits that binary fractions add."""
    return f"{value:.12g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
