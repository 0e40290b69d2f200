"""How far the feed has been written to topics of others, by topic.

Whoever writes reads the position, writes what comes behind it, waits until it is kept there, and
moves the position on condition that it is still what it read. Two writers at once are a waste, no
mistake: what both wrote is there twice, by the same ids, and never in another order.
"""

from __future__ import annotations

from dataclasses import dataclass

from projections.asking import Script
from projections.registers.register import Register, entry, put


@dataclass(frozen=True, slots=True)
class Published:
    """How far the feed of a tenant has been written to a topic.

    Attributes:
        position: Of the newest record of the feed that is kept there, or that says nothing.
        at: When that was written down, microseconds since the epoch.
    """

    topic: str
    tenant: str
    position: int
    at: int


PUBLISHED = Register("published_feeds", Published, key=2)


def published(topic: str, tenant: str) -> Script[int | None]:
    """Return the position up to which the feed is in *topic*; None before the first."""
    found = yield from entry(PUBLISHED, topic, tenant)
    return None if found is None else found.position


def publish_on(now: Published, *, expected: int | None) -> Script[bool]:
    """Write *now* down if the position is still the *expected* one; tell whether."""
    if (yield from published(now.topic, now.tenant)) != expected:
        return False
    yield from put(PUBLISHED, now)
    return True
