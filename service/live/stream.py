"""One reader's stream: server-sent events, from a place on, until he hangs up or the process ends.

https://html.spec.whatwg.org/multipage/server-sent-events.html. A reader who is cut off comes back
with the last `id` that he saw; so nothing is kept for him, and a slow one costs no memory: he is
told the next page when he has taken the one before.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from dataclasses import dataclass

from service.live.frames import Place, behind, written
from service.live.pages import Page, Pages
from service.live.tail import Tail
from service.live.wishes import Wish
from service.ports import StoreUnavailable

RETRY_MILLISECONDS = 3_000
PING_SECONDS = 15.0
CHECKPOINT_SECONDS = 30.0
AWAY_SECONDS = 1.0
"""How long a database that cannot be reached is left alone."""

PING = b": ping\n\n"


@dataclass(frozen=True, slots=True)
class Reader:
    """Who listens, to what.

    Attributes:
        may_go_on: Says whether he still may; asked at every checkpoint.
    """

    tenant: str
    wish: Wish
    may_go_on: Callable[[], Awaitable[bool]]


class Stream:
    """What one reader is told."""

    def __init__(self, tail: Tail, pages: Pages, reader: Reader, place: Place) -> None:
        """Tell *reader* what follows *place*; he is told nothing until `parts` is asked."""
        self._tail = tail
        self._pages = pages
        self._reader = reader
        self._place = place
        self._rhythm = Rhythm()

    async def parts(self) -> AsyncGenerator[bytes, None]:
        """Yield what is to be written, some events at a time; while one waits nothing is read."""
        yield opening(self._place)
        while not self._tail.is_leaving:
            turn = self._tail.turn
            page = await self._page()
            for part in self._news(page):
                self._rhythm.wrote()
                yield part
            if self._rhythm.is_checkpoint_due():
                if not await self._may_go_on():
                    return
                self._rhythm.marked()
                yield checkpoint(self._place)
            elif self._rhythm.is_ping_due():
                self._rhythm.wrote()
                yield PING
            await self._wait(page, turn)

    async def _may_go_on(self) -> bool:
        """Return whether the reader may; while the database cannot be reached, he may."""
        try:
            return await self._reader.may_go_on()
        except StoreUnavailable:
            return True

    async def _page(self) -> Page | None:
        """Return what follows; None while the database cannot be reached."""
        try:
            return await self._pages.behind(self._reader.tenant, self._place.position)
        except StoreUnavailable:
            return None

    def _news(self, page: Page | None) -> Iterator[bytes]:
        """Yield what of *page* is wanted, and stand behind it."""
        if page is None or page.upto == self._place.position:
            return
        fresh = behind(page.frames, self._place)
        yield from written(self._reader.wish.among(fresh))
        self._place = Place(page.upto)

    async def _wait(self, page: Page | None, turn: int) -> None:
        if page is None:
            await asyncio.sleep(AWAY_SECONDS)
        elif not page.more:
            await self._tail.changed(turn, timeout_seconds=self._rhythm.seconds_left())
        else:
            await asyncio.sleep(0)  # others get their turn between two pages


class Rhythm:
    """When it is time for a sign of life, and for a checkpoint."""

    def __init__(self) -> None:
        """Begin now."""
        self._now = asyncio.get_running_loop().time
        self._wrote_at = self._marked_at = self._now()

    def wrote(self) -> None:
        """Note that something was written."""
        self._wrote_at = self._now()

    def marked(self) -> None:
        """Note that a checkpoint was written."""
        self._wrote_at = self._marked_at = self._now()

    def is_ping_due(self) -> bool:
        """Whether nothing has been written for so long."""
        return self._now() - self._wrote_at >= PING_SECONDS

    def is_checkpoint_due(self) -> bool:
        """Whether the last one is so long ago."""
        return self._now() - self._marked_at >= CHECKPOINT_SECONDS

    def seconds_left(self) -> float:
        """Return in how long something is due."""
        due = min(self._wrote_at + PING_SECONDS, self._marked_at + CHECKPOINT_SECONDS)
        return max(0.0, due - self._now())


def opening(place: Place) -> bytes:
    """Return what every stream begins with: when to come back, and where it begins."""
    return b"retry: %d\n\n%b" % (RETRY_MILLISECONDS, checkpoint(place))


def checkpoint(place: Place) -> bytes:
    """Return the event that says how far the feed has been read, wanted or not."""
    text = place.text.encode()
    return b'id: %b\nevent: checkpoint\ndata: {"position":%d}\n\n' % (text, place.position)


def reset(oldest: int, newest: int) -> bytes:
    """Return the whole stream of a reader whose place there is not: read all anew, then go on."""
    told = b'{"oldest":%d,"newest":%d}' % (oldest, newest)
    head = b"retry: %d\n\nid: %d\nevent: reset\ndata: " % (RETRY_MILLISECONDS, newest)
    return head + told + b"\n\n"
