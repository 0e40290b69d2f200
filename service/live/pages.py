"""Pages of the feed that streams share: who asks for what another is reading waits for it.

Streams that have caught up all stand at the same position, so each page is read and written down
once, however many they are. Pages are kept for a while, so that who is slower, or was cut off a
moment ago, finds them; and not for long, so that what is to be forgotten is.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from domain.instants import SECOND
from service.live.frames import Frame, frames_of
from service.ports import Clock
from service.webhooks.feed import Feed

PAGE_RECORDS = 250
READS_MAX = 4
"""Who is far behind reads pages of his own, so many at a time in one process."""

KEPT = 30 * SECOND
KEPT_BYTES_MAX = 16 << 20
KEPT_PAGES_MAX = 64
_FRAME_BYTES = 400
"""What a frame takes beside its octets, about."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a tenant's feed tells from a position on, and up to which.

    Attributes:
        more: Whether more waits already.
        read_at: When it was read.
        size: Octets that it takes, about.
    """

    tenant: str
    after: int
    upto: int
    frames: Sequence[Frame]
    more: bool
    read_at: int
    size: int

    def covers(self, tenant: str, after: int) -> bool:
        """Whether a reader who stands at *after* finds here what follows, and nothing cut apart."""
        return (
            tenant == self.tenant
            and self.after <= after < self.upto
            and not any(one.before < after < one.position for one in self.frames)
        )

    def behind(self, after: int) -> Page:
        """Return the part of it behind *after*, a position that it covers."""
        if after == self.after:
            return self
        return replace(
            self, after=after, frames=[one for one in self.frames if one.before >= after]
        )


class Pages:
    """Reads pages, each once."""

    def __init__(self, feed: Feed, clock: Clock) -> None:
        self._feed = feed
        self._clock = clock
        self._kept: deque[Page] = deque()
        self._kept_bytes = 0
        self._reading: dict[tuple[str, int], asyncio.Task[Page]] = {}
        self._turns = asyncio.Semaphore(READS_MAX)

    async def behind(self, tenant: str, after: int) -> Page:
        """Return what the feed of *tenant* tells behind *after*; without frames, if nothing.

        Raises:
            StoreUnavailable: The database cannot be reached now.
        """
        self._forget()
        for page in reversed(self._kept):
            if page.covers(tenant, after):
                return page.behind(after)
        wanted = (tenant, after)
        task = self._reading.get(wanted)
        if task is None:
            task = self._reading[wanted] = asyncio.create_task(self._read(tenant, after))
            task.add_done_callback(lambda done: self._ended(wanted, done))
        return await asyncio.shield(task)  # who hangs up does not end what others wait for

    async def _read(self, tenant: str, after: int) -> Page:
        async with self._turns:
            found = await self._feed.page(tenant, after, limit=PAGE_RECORDS)
            frames = await frames_of(self._feed, found)
        size = sum(len(one.octets) + _FRAME_BYTES for one in frames)
        now = self._clock.now()
        return Page(tenant, after, found.upto, frames, found.more, now, size)

    def _ended(self, wanted: tuple[str, int], task: asyncio.Task[Page]) -> None:
        del self._reading[wanted]
        if task.cancelled() or task.exception() is not None:
            return
        page = task.result()
        if page.upto > page.after:
            self._kept.append(page)
            self._kept_bytes += page.size

    def _forget(self) -> None:
        oldest = self._clock.now() - KEPT
        while self._kept and (
            self._kept[0].read_at < oldest
            or self._kept_bytes > KEPT_BYTES_MAX
            or len(self._kept) > KEPT_PAGES_MAX
        ):
            self._kept_bytes -= self._kept.popleft().size
