"""A subject's life in one list, newest first: its events and what became of them.

Two lists that are each paged by the store are merged here. A mark remembers, for each, the part
last read and how many of its rows were told; reading that part again is cheaper than knowing how
the store pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.ports import Page, Store, StoredEvent, SubjectKey, TransitionRecord

Entry = StoredEvent | TransitionRecord
After = tuple[int | str, ...] | None


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a timeline goes on.

    Attributes:
        events: The part of events being told; None for the first.
        events_told: How many rows of it were told.
        transitions: The part of transitions being told; None for the first.
        transitions_told: How many rows of it were told.
    """

    events: After = None
    events_told: int = 0
    transitions: After = None
    transitions_told: int = 0


@dataclass(frozen=True, slots=True)
class Timeline:
    """A part of a timeline, and where it goes on; None at its end."""

    entries: tuple[Entry, ...]
    mark: Mark | None


async def timeline(
    store: Store,
    tenant: str,
    key: SubjectKey,
    *,
    pending: Sequence[TransitionRecord],
    mark: Mark,
    limit: int,
) -> Timeline:
    """Return at most *limit* entries from *mark* on, newest first.

    At one instant a transition stands above the event that caused it. *pending* are transitions
    that time alone has brought about and that are not written down yet; they are the newest.
    """
    events = await store.events(
        tenant, key, after=mark.events, limit=limit + mark.events_told, newest_first=True
    )
    transitions = await store.transitions(
        tenant, key, after=mark.transitions, limit=limit + mark.transitions_told, newest_first=True
    )
    head = [] if mark.transitions is not None else _newest_first(pending)
    of_time = [*head, *transitions.rows][mark.transitions_told :]
    of_log = list(events.rows)[mark.events_told :]
    both: list[Entry] = [*of_time, *of_log]
    entries = sorted(both, key=_instant, reverse=True)[:limit]
    told = sum(isinstance(each, StoredEvent) for each in entries)
    return Timeline(
        tuple(entries),
        _next(mark, (events, told, len(of_log)), (transitions, len(entries) - told, len(of_time))),
    )


def _newest_first(records: Sequence[TransitionRecord]) -> list[TransitionRecord]:
    return sorted(records, key=_instant, reverse=True)


def _instant(entry: Entry) -> int:
    return entry.effective_at


def _next(
    mark: Mark,
    events: tuple[Page[StoredEvent], int, int],
    transitions: tuple[Page[TransitionRecord], int, int],
) -> Mark | None:
    """Return the mark behind what was told; each triple: the part, rows told of it, rows had."""
    page, told, had = events
    at, count, left = _advance(mark.events, mark.events_told, page.next_after, (told, had))
    other, also, had_too = transitions
    at_too, count_too, left_too = _advance(
        mark.transitions, mark.transitions_told, other.next_after, (also, had_too)
    )
    return Mark(at, count, at_too, count_too) if left or left_too else None


def _advance(
    after: After, told_before: int, next_after: After, now: tuple[int, int]
) -> tuple[After, int, bool]:
    """Return the next part, rows told of it, and whether anything is left there."""
    told, had = now
    if told == had and next_after is not None:
        return next_after, 0, True
    return after, told_before + told, told < had or next_after is not None
