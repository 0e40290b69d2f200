"""Which events count, and in which order."""

from __future__ import annotations

from collections.abc import Iterable

from domain.events import ALIAS, VOID, Event


def in_fold_order(events: Iterable[Event]) -> list[Event]:
    """Return what counts of *events*: each id once, nothing void, by (effective_at, position)."""
    seen: set[tuple[str, str]] = set()
    once: list[Event] = []
    for event in sorted(events, key=lambda event: event.position):
        if (event.source, event.event_id) not in seen:
            seen.add((event.source, event.event_id))
            once.append(event)
    void = {event.properties["event_id"] for event in once if event.type == VOID}
    counting = [e for e in once if e.type not in (VOID, ALIAS) and e.event_id not in void]
    return sorted(counting, key=lambda event: (event.effective_at, event.position))
