"""What the fold takes in: one event of one subject, cheap to make and lazy about its properties."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

IDENTIFY = "$identify"
STAGE_SET = "$stage.set"
VOID = "$void"
ALIAS = "$alias"
UNALIAS = "$unalias"
GROUP = "group"
"""A member says which account he is of, and perhaps what is known of it."""

ACCOUNT_TRAITS = "account_traits"
"""Property of an `$identify` or a `group`: what is known of the account that the event names."""

ERASE = "$erase"
NOT_FOLDED = frozenset({VOID, ALIAS, UNALIAS, ERASE})
"""Events about other events or about names; none is a fact that a machine steps."""


def traits_in(
    properties: Mapping[str, object], *, of_account: bool = False, event_type: str = IDENTIFY
) -> Mapping[str, object]:
    """Return the traits that an event sets of its customer, or of the account that it names.

    An `$identify` says them in `traits`, or else in all its properties. They hold for an account
    too, unless it says in `account_traits` what is known of that; a `group` has only those.
    """
    own = properties.get(ACCOUNT_TRAITS) if of_account else None
    if isinstance(own, dict):
        return own
    if event_type == GROUP:
        return {}
    nested = properties.get("traits")
    if isinstance(nested, dict):
        return nested
    if ACCOUNT_TRAITS not in properties:
        return properties
    return {name: value for name, value in properties.items() if name != ACCOUNT_TRAITS}


def identifies(event_type: str, *, of_account: bool) -> bool:
    """Tell whether events of that type may set traits."""
    return event_type == IDENTIFY or (of_account and event_type == GROUP)


@dataclass(slots=True, eq=False)
class Event:
    """An immutable fact about a subject, as the fold sees it.

    Attributes:
        position: Place in the whole log, from 1, dense.
        effective_at: When it counts: min(occurred_at, recorded_at), microseconds since the epoch.
        type: As the producer named it; a model may know it by another name.
        event_id: The producer's id, unique per (subject, source).
        source: Who said so.
        occurred_at: What the producer said, microseconds since the epoch.
        customer_id: The customer it speaks of; members of an account are told apart by it.
        text: JSON text of its properties exactly as sent, decoded only when a model reads it.
    """

    position: int
    effective_at: int
    type: str
    event_id: str
    source: str = ""
    occurred_at: int = 0
    customer_id: str | None = None
    text: str | bytes | None = None
    decode: Callable[[str | bytes], Mapping[str, object]] = json.loads
    _properties: Mapping[str, object] | None = None

    @property
    def properties(self) -> Mapping[str, object]:
        """The decoded properties; an empty mapping where none were sent."""
        found = self._properties
        if found is None:
            found = self.decode(self.text) if self.text else {}
            self._properties = found
        return found

    @property
    def fold_key(self) -> tuple[int, int]:
        """Where it stands in the fold: (effective_at, position)."""
        return (self.effective_at, self.position)


def canonical_history(events: list[Event]) -> list[Event]:
    """Return the events that count, each once, in fold order.

    Repeats of (source, event_id) keep the lowest position, as the log does. Events named by a
    `$void` are left out wherever that `$void` stands, and so are those of `NOT_FOLDED` themselves:
    `$void` removes a fact, others join and part histories or end one; none is a fact.
    """
    first: dict[tuple[str, str], Event] = {}
    for event in sorted(events, key=lambda event: event.position):
        first.setdefault((event.source, event.event_id), event)
    void = voided(list(first.values()))
    counting = [
        event
        for event in first.values()
        if event.type not in NOT_FOLDED and event.event_id not in void
    ]
    counting.sort(key=lambda event: event.fold_key)
    return counting


def voided(events: list[Event]) -> set[str]:
    """Return the event ids that a `$void` among *events* withdraws."""
    return {
        target
        for event in events
        if event.type == VOID and isinstance(target := event.properties.get("event_id"), str)
    }
