"""The publisher: writes what a source holds to a topic, at least once and in order for each key.

The source is written with the events it follows from, so it is the outbox: nothing is lost while
the topic is away, and appends do not notice. How far it has come is moved only when all of a
page is kept there. A process that dies in between leaves a page that is written again, by the same
ids. One process writes at a time, by a lease; where two do for a moment, each writes a whole part
of the same order, so whoever drops repeated ids still sees that order.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import structlog

from projections.registers.published import Published, publish_on, published
from service.leases import Leases
from service.ports import Clock, Store
from service.progress import Progress
from service.publishing.figures import PublisherFigures
from service.publishing.source import Batch, Source
from service.publishing.topic import Topic, TopicUnavailable

WAIT_SECONDS = 0.5
"""How long at most what another process wrote waits to be found."""

SLICE_SECONDS = 2.0
"""How long a round waits for a page to be kept, before it says again that this process writes."""

TROUBLE_SECONDS_MAX = 4.0
_TROUBLE_SECONDS = 0.25
_DOUBLINGS_MAX = 10

_log = structlog.get_logger("stagefold.publisher")


@dataclass(frozen=True, slots=True)
class Publication:
    """What is written where.

    Attributes:
        topic: Name of the topic.
        tenant: Whose things.
        at_end: Whether a topic that is written for the first time begins behind what there is by
            then.
        name: Of the work, for people.
    """

    topic: str
    tenant: str
    at_end: bool = False
    name: str = "kafka-transitions"


@dataclass(frozen=True, slots=True)
class _UnderWay:
    """A page that is being written."""

    writing: asyncio.Task[None]
    expected: int | None
    batch: Batch


class Publisher:
    """Does one round of writing at a time; whoever runs it decides when."""

    def __init__(
        self,
        what: Publication,
        source: Source,
        topic: Topic,
        store: Store,
        clock: Clock,
        *,
        leases: Leases,
        progress: Progress,
        slice_seconds: float = SLICE_SECONDS,
    ) -> None:
        """Write *source* to *topic* as *what* says; nothing is read yet."""
        self._slice_seconds = slice_seconds
        self._what = what
        self._topic = topic
        self._source = source
        self._store = store
        self._clock = clock
        self._leases = leases
        self._progress = progress
        self._under_way: _UnderWay | None = None
        self._troubles = 0
        self.name = what.name
        self.figures = PublisherFigures(what.topic)

    async def round(self) -> bool:
        """Write a page or wait for one; return False where another process does.

        Raises:
            StoreUnavailable: The database cannot be reached now; the next round tries again.
        """
        if not await self._leases.hold(f"publish:{self._what.topic}"):
            await self._give_up()
            self.figures.lag = None
            return False
        news = asyncio.ensure_future(self._progress.changed(timeout_seconds=WAIT_SECONDS))
        await asyncio.sleep(0)  # it listens from now on
        try:
            if not await self.page():
                await news
        except TopicUnavailable as error:
            await self._rest(error)
        finally:
            news.cancel()
        return True

    async def page(self) -> bool:
        """Go on with a page; return whether there is more to be done at once.

        Raises:
            TopicUnavailable: It could not be written; it is begun anew at the next call.
            StoreUnavailable: The database cannot be reached now.
        """
        if self._under_way is None:
            self._under_way = await self._begun()
        if self._under_way is None:
            return False
        return await self._gone_on(self._under_way)

    async def close(self) -> None:
        """Let what is under way end, if it does soon, and let go of the topic."""
        try:
            if self._under_way is not None:
                with suppress(TopicUnavailable):
                    await self._gone_on(self._under_way)
        finally:
            await self._give_up()

    # ------------------------------------------------------------ a page

    async def _begun(self) -> _UnderWay | None:
        """Return the next page, on its way; None where there is none."""
        what = self._what
        at = await self._store.look(published(what.topic, what.tenant), of=what.tenant)
        if at is None and what.at_end:
            at = await self._source.end()
            await self._advance(expected=None, upto=at)
        batch = await self._source.batch(at or 0)
        if batch is None:
            self.figures.lag, self.figures.trouble = 0, None
            return None
        await self._note_lag(at or 0)
        writing = asyncio.ensure_future(self._topic.write(batch.records))
        return _UnderWay(writing, at, batch)

    async def _gone_on(self, page: _UnderWay) -> bool:
        """Wait a while for *page* to be kept, and then say so; return whether more waits."""
        await asyncio.wait([page.writing], timeout=self._slice_seconds)
        if not page.writing.done():
            self.figures.trouble = "nothing is acknowledged"
            await self._note_lag(page.expected or 0)
            return True
        try:
            page.writing.result()
        except TopicUnavailable:
            self._under_way = None
            raise
        # Where this fails, the page stays under way and is written down by the next round.
        is_ours = await self._advance(expected=page.expected, upto=page.batch.upto)
        self._under_way = None
        self._troubles = self.figures.lag = 0
        if page.batch.more:
            await self._note_lag(page.batch.upto)
        self.figures.trouble = None
        if is_ours:
            self.figures.written.update(page.batch.types)
        return page.batch.more

    async def _advance(self, *, expected: int | None, upto: int) -> bool:
        """Write down that all up to *upto* is there; tell whether nobody else has."""
        what = self._what
        now = Published(what.topic, what.tenant, upto, self._clock.now())
        is_ours = await self._store.carry(publish_on(now, expected=expected))
        if not is_ours:
            self.figures.fenced += 1
            _log.info("published_by_another", topic=what.topic, expected=expected, upto=upto)
        return is_ours

    async def _note_lag(self, reached: int) -> None:
        self.figures.lag = await self._source.behind(reached)

    # ------------------------------------------------------------ trouble

    async def _rest(self, error: TopicUnavailable) -> None:
        """Wait, longer each time; webhooks and appends do not notice."""
        self._troubles += 1
        self.figures.trouble = str(error)
        grown = _TROUBLE_SECONDS * 2 ** min(self._troubles - 1, _DOUBLINGS_MAX)
        seconds = min(grown, TROUBLE_SECONDS_MAX)
        _log.warning(
            "publishing_waits", topic=self._what.topic, why=str(error), times=self._troubles
        )
        await asyncio.sleep(seconds)

    async def _give_up(self) -> None:
        """Write nothing more of the page under way, and let go of the topic."""
        page, self._under_way = self._under_way, None
        if page is not None:
            page.writing.cancel()
            await asyncio.gather(page.writing, return_exceptions=True)
        await self._topic.close()
