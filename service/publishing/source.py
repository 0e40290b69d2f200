"""The port to what is written to topics: an order of things, each with a number that only grows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from service.publishing.topic import Outgoing


@dataclass(frozen=True, slots=True)
class Batch:
    """What comes next.

    Attributes:
        records: In the order in which they are to be kept.
        types: How many there are of each type.
        upto: Number of the last thing that is told here, or that says nothing.
        more: Whether more waits already.
    """

    records: Sequence[Outgoing]
    types: Counter[str]
    upto: int
    more: bool


class Source(Protocol):
    """Things of one tenant; what was seen once stays in its place."""

    async def batch(self, after: int) -> Batch | None:
        """Return what stands behind number *after*, some of it at a time; None for nothing.

        Raises:
            StoreUnavailable: The database cannot be reached now.
        """
        ...

    async def end(self) -> int:
        """Return the number behind which nothing stands yet."""
        ...

    async def behind(self, after: int) -> int:
        """Return how many stand behind number *after*, at most; for people."""
        ...
