"""Ranges of buckets: what a rebuild builds at once, and which a generation has already.

A set of buckets is a number with one bit per bucket, so that a set is a value, is joined by `|`
and says at once whether a subject is in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from domain.buckets import BUCKETS

EVERY_BUCKET = (1 << BUCKETS) - 1


@dataclass(frozen=True, slots=True, order=True)
class BucketRange:
    """Buckets from *first* to *end* - 1."""

    first: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.first < self.end <= BUCKETS:
            raise ValueError(
                f"buckets {self.first} to {self.end}: expected 0 <= first < end <= {BUCKETS}"
            )

    @property
    def bits(self) -> int:
        """The range as a set."""
        return (1 << self.end) - (1 << self.first)


@dataclass(frozen=True, slots=True)
class Built:
    """A range that is now in a generation, and how many events count for its subjects."""

    range: BucketRange
    events: int


@dataclass(frozen=True, slots=True)
class Load:
    """How much there is to fold in one bucket."""

    bucket: int
    events: int
    subjects: int


def joined(ranges: Iterable[BucketRange]) -> int:
    """Return the set of all buckets of *ranges*."""
    found = 0
    for one in ranges:
        found |= one.bits
    return found


def gaps(built: int) -> Iterator[BucketRange]:
    """Yield the ranges that are not in the set *built*, in order."""
    first = 0
    while first < BUCKETS:
        rest = ~built >> first
        first += (rest & -rest).bit_length() - 1
        if first >= BUCKETS:
            return
        run = built >> first
        end = BUCKETS if run == 0 else first + (run & -run).bit_length() - 1
        yield BucketRange(first, min(end, BUCKETS))
        first = end


def cut(
    gap: BucketRange, loads: Sequence[Load], *, events: int, subjects: int
) -> Iterator[BucketRange]:
    """Yield ranges that cover *gap*, each of about so many events or subjects at most.

    A bucket is never cut, so one that holds more is a range of its own.
    """
    first, folded, met = gap.first, 0, 0
    for load in loads:
        if not gap.first <= load.bucket < gap.end:
            continue
        is_full = folded + load.events > events or met + load.subjects > subjects
        if is_full and load.bucket > first:
            yield BucketRange(first, load.bucket)
            first, folded, met = load.bucket, 0, 0
        folded += load.events
        met += load.subjects
    yield BucketRange(first, gap.end)
