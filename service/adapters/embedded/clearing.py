"""Clearing up: rows of generations that nobody reads any more, removed from bucket to bucket.

How far that has come is only in memory: whoever begins again looks through empty buckets once. To
look through them at every step would read what was removed and is not vacuumed yet again and again.
"""

from __future__ import annotations

from domain.buckets import BUCKETS
from projections.models.ranges import BucketRange
from service.adapters.embedded.rows import Rows

BUCKETS_AT_ONCE = 64


class Clearing:
    """What has been cleared by this process."""

    def __init__(self) -> None:
        """Know nothing to be cleared yet."""
        self._first: dict[int, int] = {}

    def remove(self, rows: Rows, generation: int, limit: int) -> int:
        """Remove about *limit* rows of *generation*; return how many, 0 when none are left."""
        first, removed = self._first.pop(generation, 0), 0
        while first < BUCKETS and removed < limit:
            found = BucketRange(first, min(first + BUCKETS_AT_ONCE, BUCKETS))
            gone = rows.remove_rows(generation, limit - removed, found)
            removed += gone
            if gone == 0:
                first = found.end
        if removed:
            self._first[generation] = first
        return removed
