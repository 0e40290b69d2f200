"""What a machine looks at in an event beside its type and its instants.

Whoever reads much of a log may leave the rest unread: most models read the properties of few types
of event, and hardly any who said so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Needs:
    """What a machine reads.

    Attributes:
        properties_of: Types as sent whose properties it reads; None for all types.
        origin: Whether it reads who said an event, or when that says it happened.
    """

    properties_of: frozenset[str] | None = frozenset()
    origin: bool = False

    def __or__(self, other: Needs) -> Needs:
        """Return what both read together."""
        both = (self.properties_of, other.properties_of)
        types = None if both[0] is None or both[1] is None else both[0] | both[1]
        return Needs(types, self.origin or other.origin)

    def reads(self, event_type: str) -> bool:
        """Tell whether properties of events of that type are read."""
        return self.properties_of is None or event_type in self.properties_of


def needs_of(
    reading: Iterable[Callable[..., object]],
    handlers: Mapping[str, Callable[..., object]],
    unnamed: Iterable[Callable[..., object]],
    text: str,
) -> Needs:
    """Return what handlers look at, of which *reading* read properties.

    Args:
        reading: Those that read properties.
        handlers: By type as sent.
        unnamed: Those of types that are not named.
        text: What was generated, where the origin is read by these names or not at all.
    """
    found = set(reading)
    types = frozenset(name for name, handler in handlers.items() if handler in found)
    origin = "e.source" in text or "e.occurred_at" in text
    return Needs(None if found.intersection(unnamed) else types, origin)
