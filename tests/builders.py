"""Short words for tests: what a subject did on which day, and what is told of it.

Days count from `START`; half days and single microseconds are written where a boundary needs them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from domain.events import IDENTIFY, STAGE_SET, VOID, Event
from domain.transitions import Transition

DAY = 86_400_000_000
START = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z, day 0 of every story."""


def at(day: float, microseconds: int = 0) -> int:
    """Return the instant *day* days and some microseconds after `START`."""
    return START + round(day * DAY) + microseconds


def on_date(text: str) -> float:
    """Return the day, as a fraction, of an RFC 3339 date and time such as `2026-03-29T02:30Z`."""
    moment = datetime.fromisoformat(text)
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (zoned - datetime(2026, 1, 1, tzinfo=UTC)).total_seconds() / 86_400


def did(name: str, day: float, microseconds: int = 0, /, **properties: object) -> Event:
    """Return the event *name* on *day*; `numbered` gives it its position and an id."""
    instant = at(day, microseconds)
    return Event(
        position=0,
        effective_at=instant,
        type=name,
        event_id="",
        source="test",
        occurred_at=instant,
        text=json.dumps(properties) if properties else None,
    )


def identified(day: float, microseconds: int = 0, /, **traits: object) -> Event:
    """Return an `$identify` on *day*; None removes a trait."""
    return did(IDENTIFY, day, microseconds, traits=traits)


def put_into(stage: str, day: float, *, model: str) -> Event:
    """Return a manual transition of *model* on *day*."""
    return did(STAGE_SET, day, model=model, stage=stage, reason="a story", actor="ann")


def voided(event_id: str, day: float) -> Event:
    """Return a `$void` on *day* that withdraws the event *event_id*."""
    return did(VOID, day, event_id=event_id, reason="a story")


def by_member(customer_id: str, event: Event) -> Event:
    """Return *event* as done by *customer_id*, a member of an account."""
    return replace(event, customer_id=customer_id)


def numbered(events: Iterable[Event], first: int = 1) -> list[Event]:
    """Return *events* in order of arrival: positions from *first*, ids `e1`, `e2`, … where none."""
    return [
        replace(event, position=position, event_id=event.event_id or f"e{position}")
        for position, event in enumerate(events, first)
    ]


class Told(NamedTuple):
    """What a story expects of one record: its kind, the stage or alert it names, and when."""

    kind: Literal["transition", "suppressed", "alert"]
    name: str
    effective_at: int


def entered(stage: str, day: float, microseconds: int = 0) -> Told:
    """Return the expectation that the subject entered *stage* on *day*."""
    return Told("transition", stage, at(day, microseconds))


def refused(stage: str, day: float, microseconds: int = 0) -> Told:
    """Return the expectation that a forward-only model kept the subject from *stage*."""
    return Told("suppressed", stage, at(day, microseconds))


def alerted(alert: str, day: float, microseconds: int = 0) -> Told:
    """Return the expectation that *alert* was raised on *day*."""
    return Told("alert", alert, at(day, microseconds))


def told(transitions: Iterable[Transition]) -> list[Told]:
    """Return *transitions* in the words of a story."""
    return [
        Told(
            record.kind,
            record.cause.rule if record.kind == "alert" else record.to_stage,
            record.effective_at,
        )
        for record in transitions
    ]


@dataclass(frozen=True, slots=True)
class Story:
    """Given a history, when one thing more happens or time passes, then this is told.

    Attributes:
        model: The model document.
        given: What happened before, in order of arrival; what it caused is not looked at.
        when: One more event; None where only time passes.
        until: The day up to which time passes after that, inclusive; None for the last event.
    """

    name: str
    model: Mapping[str, object]
    then: list[Told]
    given: list[Event] = field(default_factory=list)
    when: Event | None = None
    until: float | None = None
    until_microseconds: int = 0

    @property
    def end(self) -> int | None:
        """The instant up to which time passes after the last event, if any."""
        return None if self.until is None else at(self.until, self.until_microseconds)


# ---------------------------------------------------------------- model documents


def rule(
    name: str, source: str | list[str], target: str, /, **trigger: object
) -> dict[str, object]:
    """Return a transition of a model document; `hold_for` is spelled `for` there."""
    return {"id": name, "from": source, "to": target, **_spelled(trigger)}


def alert(name: str, /, **trigger: object) -> dict[str, object]:
    """Return an alert of a model document; `inside` is spelled `in` there, `hold_for` `for`."""
    return {"id": name, **_spelled(trigger)}


def lifecycle(
    stages: str, *transitions: Mapping[str, object], **sections: object
) -> dict[str, object]:
    """Return a model document with *stages*, named in order and entered at the first of them."""
    return {
        "model": "story",
        "stages": [{"id": stage} for stage in stages.split()],
        "transitions": list(transitions),
        **sections,
    }


def _spelled(trigger: Mapping[str, object]) -> dict[str, object]:
    spelling = {"hold_for": "for", "inside": "in"}
    return {spelling.get(name, name): value for name, value in trigger.items()}
