"""The feed as what is written to a topic: whatever webhooks tell, under the same ids."""

from __future__ import annotations

from collections import Counter

from service.ports import Clock, Store
from service.publishing.octets import RecordFormat, record_of
from service.publishing.source import Batch
from service.webhooks.feed import Feed


class Transitions:
    """The feed of a tenant; its numbers are positions. Fits `service.publishing.source.Source`."""

    def __init__(
        self, store: Store, clock: Clock, tenant: str, form: RecordFormat = "binary"
    ) -> None:
        self._store = store
        self._clock = clock
        self._tenant = tenant
        self._form = form
        self._feed = Feed(store)

    async def batch(self, after: int) -> Batch | None:
        """Return what is told behind position *after*, in whole pieces of news."""
        page = await self._feed.page(self._tenant, after)
        if not page.pieces:
            return None
        now = self._clock.now()
        told = await self._feed.all_told(page.pieces)
        records = [record_of(one.message(now), self._form) for one in told]
        return Batch(records, Counter(one.type for one in told), page.upto, page.more)

    async def end(self) -> int:
        """Return the position of the newest record."""
        return (await self._store.positions()).feed

    async def behind(self, after: int) -> int:
        """Return how many records wait; another tenant's may be among them."""
        return max(0, await self.end() - after)
