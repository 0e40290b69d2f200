"""How far the records of other logs have been taken in, kept with the very events they became.

A consumer reads the next offset of a partition, takes records from there, and stores their events
together with the new offset, on condition that the offset is still what it read. Whoever lost the
partition meanwhile and does not know it yet stores nothing. So each record is taken in once,
whatever the broker believes about its consumers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from projections.asking import Script
from projections.events.log import Receipt
from projections.registers.register import Register, entries, entry, put
from projections.registers.rejected import RejectedEvent, keep


@dataclass(frozen=True, slots=True)
class Consumed:
    """How far one partition has been taken in.

    Attributes:
        next_offset: Of the first record that has not been.
        at: When that was written, microseconds since the epoch.
    """

    topic: str
    partition: int
    next_offset: int
    at: int


CONSUMED = Register("consumed_offsets", Consumed, key=2)


class OffsetTaken(Exception):  # noqa: N818 -- it is no error: somebody else did the work
    """Another consumer has taken in records of the partition since its offset was read."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Records of one partition that are taken in together.

    Attributes:
        expected: The next offset as it was read; None where there was none.
        next_offset: What it becomes. Offsets have gaps, so it may be any greater number.
    """

    topic: str
    partition: int
    expected: int | None
    next_offset: int


@dataclass(frozen=True, slots=True)
class Intake:
    """The companion of events that came from another log.

    Attributes:
        stretches: Where they came from.
        refused: What makes rejected events of their receipts, and of records that were no events.
    """

    stretches: Sequence[Stretch]
    refused: Callable[[Sequence[Receipt]], Sequence[RejectedEvent]]
    now: int

    def check(self) -> Script[None]:
        """Make sure that nobody else has taken these records in.

        Raises:
            OffsetTaken: Somebody has.
        """
        for stretch in self.stretches:
            found = yield from entry(CONSUMED, stretch.topic, stretch.partition)
            if (None if found is None else found.next_offset) != stretch.expected:
                message = f"{stretch.topic}/{stretch.partition}: expected the next offset to be"
                raise OffsetTaken(f"{message} {stretch.expected}, found {found}")

    def write(self, receipts: Sequence[Receipt]) -> Script[None]:
        """Write the offsets, and what did not become an event."""
        yield from put(
            CONSUMED,
            *(
                Consumed(one.topic, one.partition, one.next_offset, self.now)
                for one in self.stretches
            ),
        )
        refused = self.refused(receipts)
        if refused:
            yield from keep(refused)


def consumed(topic: str) -> Script[dict[int, int]]:
    """Return the next offset of each partition of *topic* that has one."""
    found = yield from entries(CONSUMED, topic)
    return {one.partition: one.next_offset for one in found}
