"""The appender: many callers, few transactions, and nobody who pays for another's mistake."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from projections.events.log import Receipt, Submission
from service.adapters.memory import memory_store
from service.intake import appender as module
from service.intake.appender import Appender
from service.ports import Overloaded, Store, StoreUnavailable
from service.progress import Progress
from tests.contract.saying import LATER, sent

pytestmark = pytest.mark.anyio


class Stopped:
    """A clock that stands still."""

    def now(self) -> int:
        """Return the same instant always."""
        return LATER


class Gate:
    """A store behind a gate: batches wait until it is opened, and are noted."""

    def __init__(self) -> None:
        self.store: Store = memory_store()
        self.batches: list[int] = []
        self.deferred: list[bool] = []
        self.begun = asyncio.Event()
        self.opened = asyncio.Event()
        self.opened.set()

    async def append(
        self, submissions: Sequence[Submission], now: int, *, defer: bool = False
    ) -> list[list[Receipt]]:
        """Note the batch, wait for the gate, refuse what must not be stored."""
        self.batches.append(sum(len(submission.events) for submission in submissions))
        self.deferred.append(defer)
        self.begun.set()
        await self.opened.wait()
        types = {event.type for submission in submissions for event in submission.events}
        if "disk-full" in types:
            raise StoreUnavailable("disk full")
        if "defect" in types:
            raise ZeroDivisionError("a defect of ours")
        return await self.store.append(submissions, now, defer=defer)


def one(event_id: str, name: str = "visited") -> Submission:
    """Return a submission of one event."""
    return Submission([sent(event_id, name)])


async def test_callers_who_come_together_share_a_transaction() -> None:
    gate = Gate()
    appender = Appender(gate, Stopped())
    appender.start()

    receipts = await asyncio.gather(*(appender.append(one(f"e{n}")) for n in range(100)))

    assert [receipt[0].position for receipt in receipts] == list(range(1, 101))
    assert len(gate.batches) <= 2
    await appender.close()


async def test_what_arrives_during_a_write_is_the_next_batch() -> None:
    gate = Gate()
    gate.opened.clear()
    appender = Appender(gate, Stopped())
    appender.start()
    first = asyncio.create_task(appender.append(one("e0")))
    await gate.begun.wait()

    rest = [asyncio.create_task(appender.append(one(f"e{n}"))) for n in range(1, 6)]
    await asyncio.sleep(0)
    gate.opened.set()
    await asyncio.gather(first, *rest)

    assert gate.batches == [1, 5]
    await appender.close()


async def test_a_batch_has_a_bounded_size() -> None:
    gate = Gate()
    appender = Appender(gate, Stopped(), batch_events_max=10)
    appender.start()

    await asyncio.gather(*(appender.append(one(f"e{n}")) for n in range(35)))

    assert max(gate.batches) <= 10
    assert sum(gate.batches) == 35
    await appender.close()


async def test_a_full_queue_refuses_before_it_grows() -> None:
    gate = Gate()
    gate.opened.clear()
    appender = Appender(gate, Stopped(), queued_events_max=3)
    appender.start()
    waiting = [asyncio.create_task(appender.append(one("e0")))]
    await gate.begun.wait()
    waiting += [asyncio.create_task(appender.append(one(f"e{n}"))) for n in range(1, 4)]
    await asyncio.sleep(0)

    with pytest.raises(Overloaded, match="expected at most 3 events waiting, found 3 and 1 more"):
        await appender.append(one("e9"))

    gate.opened.set()
    await asyncio.gather(*waiting)
    await appender.close()


async def test_a_defect_fails_only_the_caller_who_met_it() -> None:
    gate = Gate()
    appender = Appender(gate, Stopped())
    appender.start()

    results = await asyncio.gather(
        appender.append(one("e1")),
        appender.append(one("e2", "defect")),
        appender.append(one("e3")),
        return_exceptions=True,
    )

    assert isinstance(results[1], ZeroDivisionError)
    kept = [result[0] for result in results if isinstance(result, list)]
    assert [receipt.event_id for receipt in kept] == ["e1", "e3"]
    await appender.close()


async def test_a_full_disk_is_told_to_everybody_and_passes() -> None:
    gate = Gate()
    appender = Appender(gate, Stopped())
    appender.start()

    results = await asyncio.gather(
        appender.append(one("e1")),
        appender.append(one("e2", "disk-full")),
        return_exceptions=True,
    )
    (receipt,) = await appender.append(one("e1"))

    assert all(isinstance(result, StoreUnavailable) for result in results)
    assert receipt.position == 1
    await appender.close()


async def test_a_caller_who_gives_up_loses_no_event() -> None:
    """It was taken, so it is stored; who asks again learns that it is there."""
    gate = Gate()
    gate.opened.clear()
    appender = Appender(gate, Stopped())
    appender.start()
    impatient = asyncio.create_task(appender.append(one("e1")))
    await gate.begun.wait()

    impatient.cancel()
    gate.opened.set()
    (receipt,) = await appender.append(one("e1"))

    assert (receipt.status, receipt.position) == ("duplicate", 1)
    await appender.close()


async def test_closing_writes_what_waits_and_takes_no_more() -> None:
    gate = Gate()
    appender = Appender(gate, Stopped())
    appender.start()
    waiting = [asyncio.create_task(appender.append(one(f"e{n}"))) for n in range(9)]
    await asyncio.sleep(0)

    await appender.close()

    assert [(await task)[0].status for task in waiting] == ["accepted"] * 9
    with pytest.raises(StoreUnavailable, match="shutting down"):
        await appender.append(one("late"))


async def test_news_wake_those_who_wait() -> None:
    progress = Progress()
    gate = Gate()
    appender = Appender(gate, Stopped(), progress=progress)
    appender.start()
    waiting = asyncio.create_task(progress.changed(timeout_seconds=30))
    await asyncio.sleep(0)

    await appender.append(one("e1"))

    assert await waiting
    assert not await progress.changed(timeout_seconds=0)
    await appender.close()


async def test_folding_is_left_for_later_while_full_batches_queue_up() -> None:
    """Ten full batches at once: the first two are folded, then storing goes first."""
    gate, left = Gate(), list[int]()
    appender = Appender(gate, Stopped(), batch_events_max=10, on_left=lambda: left.append(1))
    appender.start()

    receipts = await asyncio.gather(*(appender.append(one(f"e{n}")) for n in range(100)))

    assert gate.batches == [10] * 10
    assert gate.deferred == [False] * 2 + [True] * 4 + [False] * 4
    assert [receipt[0].waits for receipt in receipts] == [False] * 20 + [True] * 80
    assert len(left) == 8
    await appender.close()


async def test_whoever_folds_later_is_told_though_not_all_of_a_batch_waits() -> None:
    """Each batch that is only stored holds a repeat of the first event, which was folded."""
    gate, left = Gate(), list[int]()
    appender = Appender(gate, Stopped(), batch_events_max=10, on_left=lambda: left.append(1))
    appender.start()
    repeats = [one("e0" if n > 10 and n % 10 == 9 else f"e{n}") for n in range(100)]

    receipts = await asyncio.gather(*map(appender.append, repeats))

    assert gate.deferred.count(True) == 4
    assert not receipts[99][0].waits
    assert len(left) == 8
    await appender.close()


async def test_a_burst_that_passes_is_folded_at_once() -> None:
    """Six full batches at once are a queue that goes away by itself."""
    gate = Gate()
    appender = Appender(gate, Stopped(), batch_events_max=10)
    appender.start()

    await asyncio.gather(*(appender.append(one(f"e{n}")) for n in range(60)))

    assert not any(gate.deferred)
    await appender.close()


@pytest.mark.parametrize(("seconds", "is_slow"), [(-1.0, True), (3_600.0, False)])
async def test_whoever_rebuilds_is_told_that_appends_are_slow(
    seconds: float, *, is_slow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLOW_SECONDS", seconds)
    monkeypatch.setattr(module, "SLOW_FOR_SECONDS", 3_600.0)
    appender = Appender(Gate(), Stopped())
    appender.start()
    before = appender.is_slow()

    await appender.append(one("e1"))

    assert (before, appender.is_slow()) == (False, is_slow)
    await appender.close()
