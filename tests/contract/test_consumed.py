"""Records of other logs: their events, what was refused of them, and the offset are one thing."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from domain.instants import DAY
from projections.asking import EVERYBODY
from projections.events.log import Receipt, Submission
from projections.registers.consumed import Intake, OffsetTaken, Stretch, consumed
from projections.registers.rejected import RejectedEvent, RejectedQuery, listed
from service.ports import Store
from tests.contract.saying import LATER, sent
from tests.contract.test_rejected import FIRST

pytestmark = pytest.mark.anyio


def nobody(receipts: Sequence[Receipt]) -> list[RejectedEvent]:
    """Refuse nothing."""
    del receipts
    return []


def intake(expected: int | None, next_offset: int) -> Intake:
    return Intake([Stretch("visits", 0, expected, next_offset)], nobody, LATER)


async def test_events_and_the_offset_behind_them_are_written_together(store: Store) -> None:
    offered = Submission([sent("e1"), sent("e2")], companion=intake(None, 7))

    (receipts,) = await store.append([offered], LATER)

    assert [each.position for each in receipts] == [1, 2]
    assert await store.look(consumed("visits"), of=EVERYBODY) == {0: 7}


async def test_who_reads_from_an_old_offset_stores_nothing(store: Store) -> None:
    """The member that lost a partition and does not know it yet."""
    await store.append([Submission([sent("e1")], companion=intake(None, 7))], LATER)

    with pytest.raises(OffsetTaken):
        await store.append([Submission([sent("e2")], companion=intake(None, 9))], LATER)

    assert (await store.positions()).head == 1
    assert await store.look(consumed("visits"), of=EVERYBODY) == {0: 7}


async def test_records_that_were_no_events_move_the_offset_too(store: Store) -> None:
    companion = Intake([Stretch("visits", 0, None, 1)], lambda _: [FIRST], LATER)

    await store.append([Submission([], companion=companion)], LATER)

    assert (await store.positions()).head == 0
    assert await store.look(consumed("visits"), of=EVERYBODY) == {0: 1}
    kept = await store.look(listed(RejectedQuery("default", is_settled=None)), of=EVERYBODY)
    assert [each.text for each in kept.rows] == [FIRST.text]


async def test_what_the_log_refuses_is_known_to_whoever_writes_beside_it(store: Store) -> None:
    told: list[str] = []

    def refused(receipts: Sequence[Receipt]) -> list[RejectedEvent]:
        told.extend(each.status for each in receipts)
        return []

    await store.append([Submission([sent("e1", payload='{"a":1}')])], LATER)
    companion = Intake([Stretch("visits", 0, None, 3)], refused, LATER)
    same, other = sent("e1", payload='{"a":1}'), sent("e1", payload='{"a":2}')
    await store.append([Submission([same, other, sent("e3")], companion=companion)], LATER)

    assert told == ["duplicate", "conflict", "accepted"]


async def test_partitions_are_apart(store: Store) -> None:
    for partition in (0, 1):
        companion = Intake([Stretch("visits", partition, None, 5)], nobody, DAY)
        await store.append([Submission([sent(f"e{partition}")], companion=companion)], LATER)

    assert await store.look(consumed("visits"), of=EVERYBODY) == {0: 5, 1: 5}
    assert await store.look(consumed("orders"), of=EVERYBODY) == {}
