"""The appender: many callers' events gathered into few transactions (group commit).

One task writes. While a transaction is on its way to disk, whatever arrives waits together and
becomes the next one; so nobody waits for a timer, and the busier it gets the larger the batches
and the cheaper each event. A transaction begins as soon as nobody else has something to add, or
2 ms after the last one ended.

Where full batches queue up all the same, more arrives than can be stored and folded. Then batches
are only stored, which takes half the time, and the follower folds them while it is quieter (ADR
0009).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from service.ports import Clock, Draining, Overloaded, Receipt, StoreUnavailable, Submission
from service.progress import Progress

BATCH_EVENTS_MAX = 2_000
"""Larger batches gain little more, and keep whoever else uses the loop waiting."""

QUEUED_EVENTS_MAX = 50_000
CROWDED_BATCHES = 4
"""So many full batches behind the one that is being written are a crowd; or half a full queue."""

CROWDED_TURNS = 3
"""So many times in a row; once is a client that sent much at once."""

SLOW_SECONDS = 0.25
"""A batch that took longer waited for others, who had better go on one at a time."""

SLOW_FOR_SECONDS = 1.0
LINGER_SECONDS = 0.002


class Appends(Protocol):
    """What the appender needs of a store."""

    async def append(
        self, submissions: Sequence[Submission], now: int, *, defer: bool = False
    ) -> list[list[Receipt]]:
        """Store *submissions* in one transaction, as `service.ports.AppendsEvents` says."""
        ...


@dataclass(slots=True, eq=False)
class _Waiting:
    """A submission in the queue, and the caller who waits for its receipts."""

    submission: Submission
    receipts: asyncio.Future[list[Receipt]]


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction was, for whoever measures: events in it, and seconds it took."""

    events: int
    seconds: float


class Appender:
    """Stores the submissions of many callers, each answered once its events are durable."""

    def __init__(
        self,
        store: Appends,
        clock: Clock,
        *,
        progress: Progress | None = None,
        on_left: Callable[[], None] = lambda: None,
        queued_events_max: int = QUEUED_EVENTS_MAX,
        batch_events_max: int = BATCH_EVENTS_MAX,
    ) -> None:
        """Write to *store*; tell *progress* after each batch. Begins with `start`.

        *on_left* is called after each batch that was stored and not folded.
        """
        self._store = store
        self._clock = clock
        self._progress = progress or Progress()
        self._on_left = on_left
        self._crowded = 0
        self._slow_until = 0.0
        self._queued_max = queued_events_max
        self._batch_max = batch_events_max
        self._crowd = min(CROWDED_BATCHES * batch_events_max, queued_events_max // 2)
        self._queue: deque[_Waiting] = deque()
        self._queued = 0
        self._wake = asyncio.Event()
        self._is_closing = False
        self._task: asyncio.Task[None] | None = None
        self.measured: deque[Batch] = deque(maxlen=1_000)

    @property
    def queued(self) -> int:
        """How many events wait for their transaction."""
        return self._queued

    def is_crowded(self) -> bool:
        """Return whether more arrives than can be stored and folded."""
        return self._crowded >= CROWDED_TURNS

    def is_slow(self) -> bool:
        """Return whether a batch took long a moment ago; to be asked inside the running loop."""
        return asyncio.get_running_loop().time() < self._slow_until

    def start(self) -> None:
        """Begin to write; to be called inside the running loop."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="appender")

    async def append(self, submission: Submission) -> list[Receipt]:
        """Return a receipt for each event once it is durable; it tells whether it is folded.

        A caller who is cancelled while waiting has its events stored all the same: they were taken.

        Raises:
            Overloaded: Too many events are waiting; nothing of this was stored.
            Draining: We are closing; nothing was stored.
            StoreUnavailable: The database cannot write; nothing was stored.
        """
        count = len(submission.events)
        if self._is_closing:
            raise Draining("the service is shutting down: send the events again later")
        if self._queued and self._queued + count > self._queued_max:
            raise Overloaded(
                f"append queue: expected at most {self._queued_max} events waiting, "
                f"found {self._queued} and {count} more"
            )
        waiting = _Waiting(submission, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._queued += count
        self._wake.set()
        return await waiting.receipts

    async def close(self) -> None:
        """Take nothing new, write what waits, and end."""
        self._is_closing = True
        self._wake.set()
        if self._task is not None:
            await self._task

    # ------------------------------------------------------------ the one task

    async def _run(self) -> None:
        while self._queue or not self._is_closing:
            if not self._queue:
                self._wake.clear()
                await self._wake.wait()
                continue
            await self._gather()
            await self._write(self._take())

    async def _gather(self) -> None:
        """Let callers that are ready add theirs: until none does, a batch is full or time is up."""
        loop = asyncio.get_running_loop()
        end = loop.time() + LINGER_SECONDS
        seen = -1
        while seen != self._queued < self._batch_max and loop.time() < end:
            seen = self._queued
            await asyncio.sleep(0)

    def _take(self) -> list[_Waiting]:
        """Take submissions from the queue up to a full batch, one at least."""
        taken: list[_Waiting] = []
        events = 0
        while self._queue:
            count = len(self._queue[0].submission.events)
            if taken and events + count > self._batch_max:
                break
            events += count
            taken.append(self._queue.popleft())
        self._queued -= events
        is_crowded = self._queued >= self._crowd
        self._crowded = self._crowded + 1 if is_crowded else 0
        return taken

    async def _write(self, batch: list[_Waiting]) -> None:
        """Store *batch*; where an unforeseen error spoils it, each of its submissions alone.

        So what one caller sent cannot fail another caller.
        """
        failure = await self._store_all(batch)
        if failure is None:
            return
        if len(batch) == 1 or isinstance(failure, StoreUnavailable):
            for waiting in batch:
                if not waiting.receipts.done():
                    waiting.receipts.set_exception(failure)
            return
        for waiting in batch:
            await self._write([waiting])

    async def _stored(
        self, submissions: Sequence[Submission], *, defer: bool
    ) -> list[list[Receipt]]:
        return await self._store.append(submissions, self._clock.now(), defer=defer)

    async def _store_all(self, batch: list[_Waiting]) -> BaseException | None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        submissions = [waiting.submission for waiting in batch]
        written = asyncio.ensure_future(self._stored(submissions, defer=self.is_crowded()))
        await asyncio.wait([written])
        failure = written.exception()
        if failure is not None:
            return failure
        events = sum(len(submission.events) for submission in submissions)
        seconds = loop.time() - begun
        self.measured.append(Batch(events, seconds))
        if seconds > SLOW_SECONDS:
            self._slow_until = loop.time() + SLOW_FOR_SECONDS
        for waiting, receipts in zip(batch, written.result(), strict=True):
            if not waiting.receipts.done():
                waiting.receipts.set_result(receipts)
        self._progress.note()
        if any(receipt.waits for receipts in written.result() for receipt in receipts):
            self._on_left()
        return None
