"""A subject's story: days, newest first, with what happened, what became of it, and silences.

What an event caused is told under it; what time alone caused stands by itself. One model is in
focus; what happened in the others is there, folded away.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from domain.instants import DAY
from service.language.speaker import Language
from service.pages.catalogue import ModelLabel, StageLabel
from service.pages.standing import alert_title, event_name, shown
from service.ports import StoredEvent, TransitionRecord
from service.timeline import Entry, Mark

SILENCE = 7 * DAY
_SENT_LENGTH_MAX = 4_000
_DETAILS_MAX = 4
_After = tuple[int | str, ...]
_Packed = tuple[_After | None, int, _After | None, int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an event or of time: a transition, one held back, or an alert."""

    kind: str
    label: ModelLabel
    from_stage: StageLabel | None
    to_stage: StageLabel
    rule: str
    title: str | None
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """One entry: an event, or an instant at which time alone changed something.

    Attributes:
        name: What the event is called; None where time alone did it.
        member: Who did it, in the story of a company.
        details: Some of its properties.
        sent: The event as it was sent, for those who want to see it.
        outcomes: What came of it in the model in focus.
        elsewhere: What came of it in other models.
    """

    at: int
    name: str | None
    member: str | None
    details: tuple[tuple[str, str], ...]
    sent: str
    is_late: bool
    is_voided: bool
    outcomes: tuple[Outcome, ...]
    elsewhere: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """The moments of one day, newest first; before it, how long nothing had happened after it.

    Attributes:
        at: Some instant of the day.
        silence: Microseconds without anything between this day's newest moment and what came
            next (or the present); None where it was short.
    """

    at: int
    silence: int | None
    moments: tuple[Moment, ...]


@dataclass(frozen=True, slots=True)
class _Group:
    """An event, if there was one, and what was recorded because of it, oldest first."""

    at: int
    event: StoredEvent | None
    records: tuple[TransitionRecord, ...]


class Teller:
    """Tells stories in one language, with one model in focus."""

    def __init__(self, labels: Mapping[str, ModelLabel], focus: str, language: Language) -> None:
        self._labels = labels
        self._focus = focus
        self._language = language

    def days(self, entries: Sequence[Entry], *, since: int) -> tuple[Day, ...]:
        """Return *entries*, newest first, by day; *since* is the instant that came after them."""
        days: list[Day] = []
        moments: list[Moment] = []
        after = since
        for moment in self._moments(entries):
            if moments and moments[0].at // DAY != moment.at // DAY:
                days.append(_day(moments, after))
                after, moments = moments[-1].at, []
            moments.append(moment)
        if moments:
            days.append(_day(moments, after))
        return tuple(days)

    def _moments(self, entries: Sequence[Entry]) -> Iterator[Moment]:
        for group in _grouped(entries):
            records = [each for each in group.records if each.model in self._labels]
            if group.event is not None or records:
                yield self._moment(group, records)

    def _moment(self, group: _Group, records: Sequence[TransitionRecord]) -> Moment:
        event = group.event
        label = self._labels[self._focus]
        members = _members(event.payload) if event is not None else {}
        return Moment(
            at=group.at,
            name=None if event is None else event_name(event.type, label, self._language),
            member=event.subject.text if event is not None and label.subject == "account" else None,
            details=_details(members),
            sent="" if event is None else _indented(members),
            is_late=event is not None and event.late,
            is_voided=event is not None and event.voided,
            outcomes=tuple(self._outcome(e) for e in records if e.model == self._focus),
            elsewhere=tuple(self._outcome(e) for e in records if e.model != self._focus),
        )

    def _outcome(self, record: TransitionRecord) -> Outcome:
        label = self._labels[record.model]
        title = None
        if record.kind == "alert":
            title = alert_title(record.cause.rule, label, self._language)
        return Outcome(
            kind=record.kind,
            label=label,
            from_stage=None if record.from_stage is None else label.stage(record.from_stage),
            to_stage=label.stage(record.to_stage),
            rule=record.cause.rule,
            title=title,
            facts=tuple((name, shown(value)) for name, value in record.cause.evidence.items()),
        )


def _day(moments: Sequence[Moment], after: int) -> Day:
    quiet = after - moments[0].at
    return Day(moments[0].at, quiet if quiet >= SILENCE else None, tuple(moments))


def _grouped(entries: Sequence[Entry]) -> list[_Group]:
    """Return *entries*, newest first, with every record beside the event that it follows from."""
    events: dict[tuple[int, str], StoredEvent] = {}
    records: dict[tuple[int, str], list[TransitionRecord]] = {}
    for entry in entries:
        if isinstance(entry, StoredEvent):
            key = (entry.effective_at, entry.event_id)
            if key in events:  # Ids of different sources may be equal.
                key = (entry.effective_at, f"{entry.event_id} {entry.position}")
            events[key] = entry
            records.setdefault(key, [])
        else:
            key = (entry.effective_at, entry.cause.event_id or "")
            records.setdefault(key, []).append(entry)
    return [
        _Group(key[0], events.get(key), tuple(reversed(found))) for key, found in records.items()
    ]


def _members(payload: str) -> Mapping[str, object]:
    try:
        members = json.loads(payload)
    except ValueError:
        return {}
    return members if isinstance(members, dict) else {}


def _details(members: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    for key in ("properties", "traits"):
        found = members.get(key)
        if isinstance(found, dict) and found:
            return tuple((name, shown(value)) for name, value in list(found.items())[:_DETAILS_MAX])
    return ()


def _indented(members: Mapping[str, object]) -> str:
    text = json.dumps(members, ensure_ascii=False, indent=2)
    return text if len(text) <= _SENT_LENGTH_MAX else text[:_SENT_LENGTH_MAX] + "\n…"


def packed(mark: Mark) -> _After:
    """Return *mark* as what a cursor carries."""
    whole = (mark.events, mark.events_told, mark.transitions, mark.transitions_told)
    return (msgspec.json.encode(whole).decode(),)


def unpacked(after: _After | None) -> Mark:
    """Return the mark that a cursor carried; without one, the beginning."""
    if after is None:
        return Mark()
    events, told, transitions, told_too = msgspec.json.decode(str(after[0]), type=_Packed)
    return Mark(events, told, transitions, told_too)
