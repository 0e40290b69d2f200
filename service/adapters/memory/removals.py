"""Rows of generations that nobody reads any more, removed a few at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from projections.asking import Ref
from projections.models.ranges import BucketRange
from projections.rows.changes import Row
from projections.rows.records import RECORD_COLUMNS

_RECORD_WIDTH = len(RECORD_COLUMNS)
_ANNOUNCED = RECORD_COLUMNS.index("announced")


class Told(Protocol):
    """The rows that tell what a generation says, each by its key."""

    stages: dict[tuple[int, Ref], tuple[str, int]]
    records: dict[tuple[int, Ref], list[list[Any]]]
    parked: dict[tuple[int, int, int], Row]


def remove_rows(rows: Told, generation: int, limit: int, found: BucketRange) -> int:
    """Remove at most *limit* rows of *generation* of each kind; return how many.

    Records that the feed may have carried stay, if only as retracted: the feed never forgets.
    """
    buckets = range(found.first, found.end)
    places = [key for key in rows.stages if key[0] == generation and key[1][0] in buckets][:limit]
    for place in places:
        del rows.stages[place]
    keys = [key for key in rows.records if key[0] == generation and key[1][0] in buckets]
    silent = [key for key in keys if not all(map(_may_be_in_feed, rows.records[key]))]
    for key in silent[:limit]:
        rows.records[key] = list(filter(_may_be_in_feed, rows.records[key]))
    for parked in [key for key in rows.parked if key[1] == generation and key[0] in buckets]:
        del rows.parked[parked]
    return len(places) + len(silent[:limit])


def _may_be_in_feed(record: Sequence[Any]) -> bool:
    """Tell whether the feed may carry *record*: as asserted, or as retracted only."""
    return bool(record[_ANNOUNCED]) or record[_RECORD_WIDTH] is not None
