"""The port to a log of others: records by topic, partition and offset, shared among members.

Whoever implements it forgets nothing and guarantees nothing: a record may come twice, to two
members, from an old offset. That each becomes one event is decided where it is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol


class Place(NamedTuple):
    """One partition of a topic."""

    topic: str
    partition: int


class Record(Protocol):
    """One record, as its producer wrote it."""

    @property
    def offset(self) -> int:
        """Place in its partition, growing, with gaps."""
        ...

    @property
    def timestamp(self) -> int:
        """Milliseconds since the epoch, says the producer or the broker; below 0 for none."""
        ...

    @property
    def key(self) -> bytes | None:
        """What chose its partition."""
        ...

    @property
    def value(self) -> bytes | None:
        """What it says; None for a tombstone."""
        ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Names and values beside it."""
        ...


class RecordsUnavailable(Exception):  # noqa: N818 -- it names a state of affairs
    """The other log cannot be reached now, or will not answer; the message says why."""


class OutOfRange(Exception):  # noqa: N818 -- it names a state of affairs
    """What stood at these offsets is not there: removed by its retention, or made anew."""

    def __init__(self, places: Mapping[Place, int]) -> None:
        super().__init__(", ".join(f"{topic}/{number}" for topic, number in places))
        self.places = places


class RecordLog(Protocol):
    """A log of others, as one member of a group sees it."""

    @property
    def term(self) -> int:
        """A number that is another one as soon as partitions were handed out or taken away."""
        ...

    def places(self) -> Sequence[Place]:
        """Return the partitions that are this member's in this term."""
        ...

    async def join(self) -> None:
        """Become a member, if it is none; safe to be called again.

        Raises:
            RecordsUnavailable: Nobody answers.
        """
        ...

    async def take(self, records_max: int) -> Mapping[Place, Sequence[Record]]:
        """Return what comes next in some partitions, waiting a little where there is nothing.

        Raises:
            OutOfRange: There is nothing at the offset that was sought, and cannot be.
            RecordsUnavailable: It cannot be read.
        """
        ...

    def seek(self, place: Place, offset: int) -> None:
        """Let what comes next in *place* begin at *offset*; another member's place is ignored."""
        ...

    async def first_offsets(self, places: Sequence[Place]) -> Mapping[Place, int]:
        """Return the oldest offset that can be read in each place."""
        ...

    async def end_offsets(self, places: Sequence[Place]) -> Mapping[Place, int]:
        """Return the offset that the next record of each place will have."""
        ...

    def known_ends(self) -> Mapping[Place, int]:
        """Return the same as far as the last answers told, without asking."""
        ...

    async def tell(self, offsets: Mapping[Place, int]) -> None:
        """Let people's tools know how far we have come; nothing depends on it and it cannot fail.

        What belongs to another member by now is left out.
        """
        ...

    async def close(self) -> None:
        """Leave the group, unless a member of that name is expected back."""
        ...
