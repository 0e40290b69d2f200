"""Everything about live streams that requests, pages, commands and loops share."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing, contextmanager

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service.errors import Problem
from service.live.frames import Place
from service.live.pages import Pages
from service.live.stream import Reader, Stream, reset
from service.live.tail import Tail
from service.live.tokens import StreamTokens
from service.metrics import Metrics
from service.ports import Clock, Store
from service.progress import Progress
from service.settings import Settings
from service.webhooks.feed import Feed

RETRY_SECONDS = 5


class Live(Collector):
    """Opens streams, and counts them.

    Attributes:
        tail: Who waits for news waits here.
        tokens: What web pages open streams with.
    """

    def __init__(
        self, store: Store, clock: Clock, *, progress: Progress, secret: bytes, per_key_max: int
    ) -> None:
        """Tell of *store*; a key may have *per_key_max* streams open in this process."""
        self.tail = Tail(store, progress)
        self.tokens = StreamTokens(secret, clock)
        self._pages = Pages(Feed(store), clock)
        self._store = store
        self._per_key_max = per_key_max
        self._open: Counter[str] = Counter()

    async def place(self, text: str | None) -> Place:
        """Return the place that *text* stands for; without it, where the feed ends now.

        Raises:
            ValueError: It stands for none.
            StoreUnavailable: The database cannot be reached now.
        """
        return Place.of(text) if text else Place((await self._store.positions()).feed)

    async def parts(self, reader: Reader, key_id: str, place: Place) -> AsyncGenerator[bytes, None]:
        """Yield what *reader* is told from *place* on.

        Raises:
            Problem: `stream_limit`; the key has as many streams open as it may.
            StoreUnavailable: The database cannot be reached now. Both before anything is told.
        """
        with self._counted(key_id):
            newest = (await self._store.positions()).feed
            if place.position > newest:
                first = (await self._store.feed(reader.tenant, limit=1)).rows
                yield reset(first[0].position if first else 0, newest)
                return
            async with aclosing(Stream(self.tail, self._pages, reader, place).parts()) as parts:
                async for part in parts:
                    yield part

    @contextmanager
    def _counted(self, key_id: str) -> Iterator[None]:
        if self._open[key_id] >= self._per_key_max:
            raise Problem(
                "stream_limit",
                f"expected at most {self._per_key_max} streams of one key at once;"
                " close one, or ask GET /v1/transitions?wait=20",
                retry_after_seconds=RETRY_SECONDS,
            )
        self._open[key_id] += 1
        try:
            yield
        finally:
            self._open[key_id] -= 1
            self._open += Counter()  # forgets keys without streams

    def collect(self) -> Iterable[Metric]:
        """Return the metrics as they stand."""
        return [GaugeMetricFamily("stagefold_streams", "Streams open.", float(self._open.total()))]


def live_of(
    settings: Settings,
    store: Store,
    clock: Clock,
    *,
    progress: Progress,
    metrics: Metrics,
    secret: bytes,
) -> Live:
    """Return what opens streams; nothing is started."""
    live = Live(
        store,
        clock,
        progress=progress,
        secret=secret,
        per_key_max=settings.streams_per_key_max,
    )
    metrics.tell_of(live)
    return live
