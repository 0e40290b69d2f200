"""An aggregate of `eventsourcing`, in a module of its own: that library may be absent."""

from __future__ import annotations

from typing import Any

from eventsourcing.domain import Aggregate, event


class Customer(Aggregate):
    """Remembers its newest event."""

    @event("Happened")
    def happen(self, event_type: str, properties: dict[str, Any]) -> None:
        """Take an event in."""
        self.newest = (event_type, properties)
