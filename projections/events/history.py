"""A subject's history as the fold wants it: what counts, each once, in fold order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from domain.events import Event, canonical_history
from projections.events.log import SubjectKey
from projections.events.payloads import decoder


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event as the fold sees it, and when it was recorded."""

    event: Event
    recorded_at: int


@dataclass(frozen=True, slots=True)
class SubjectHistory:
    """What `Machine.fold` takes of one canonical subject: events that count, in fold order."""

    subject: SubjectKey
    events: Sequence[Event]


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """The histories of all subjects in some buckets.

    Attributes:
        rows: By bucket, then by number of the subject.
        load: How many events the projections count for them.
        end: The first bucket that is not in it.
    """

    rows: Sequence[SubjectHistory]
    load: int
    end: int


HISTORY_COLUMNS = (
    "position",
    "effective_at",
    "type",
    "event_id",
    "source",
    "occurred_at",
    "customer_id",
    "payload",
    "api_format",
    "recorded_at",
)


def logged(row: Sequence[Any]) -> LoggedEvent:
    """Return the event that *row* of a history holds: `HISTORY_COLUMNS`."""
    (
        position,
        at,
        event_type,
        event_id,
        source,
        occurred_at,
        customer_id,
        payload,
        form,
        recorded,
    ) = row
    event = Event(position, at, event_type, event_id, source, occurred_at, customer_id, payload)
    event.decode = decoder(form)
    return LoggedEvent(event, recorded)


def counting(history: Iterable[LoggedEvent]) -> list[Event]:
    """Return the events of *history* that count, each once, in fold order."""
    return canonical_history([row.event for row in history])


def repeats(history: Iterable[LoggedEvent]) -> bool:
    """Tell whether *history* has an event twice: joined subjects may both have been sent it."""
    keys = [(row.event.source, row.event.event_id) for row in history]
    return len(set(keys)) < len(keys)
