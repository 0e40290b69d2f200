"""A listener: he hears a live stream, is cut off anywhere, and comes back where he was."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing

from service.live.frames import Place, frames_of
from service.live.stream import Reader
from service.live.wishes import Wish
from service.ports import Store, StoreUnavailable
from service.services import Services
from service.webhooks.feed import Feed
from tests.contract.saying import TENANT
from tests.live.listening import heard
from tests.simulation.hosts import Hosts

SECONDS_BETWEEN = (0.01, 100.0, 20_000.0, 200_000.0)
SECONDS_MAX = 2.0
"""How long he listens at a time; the process looks for news all that while."""

INATTENTION = 0.02
"""How often he is cut off between two events that were written at once."""


class Listener:
    """Listens now and then to whichever process lives.

    Attributes:
        heard: The ids of all messages that he was told, in order.
    """

    def __init__(self, hosts: Hosts, chance: random.Random) -> None:
        """Begin where the feed begins."""
        self.heard: list[str] = []
        self._hosts = hosts
        self._chance = chance
        self._place = "0"

    async def live(self) -> None:
        """Listen until cancelled."""
        while True:
            await asyncio.sleep(self._chance.choice(SECONDS_BETWEEN) * self._chance.random())
            await self._listen(SECONDS_MAX * self._chance.random())

    async def _listen(self, seconds: float) -> None:
        process = self._chance.choice(self._hosts.every).process
        if process is None or process.services is None or process.is_deaf:
            return
        task = process.spawn(self._hear(process.services))
        process.requests.add(task)
        ends = (task, process.death)
        await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if not process.is_dead:
            task.cancel()
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        process.requests.discard(task)
        if task.done() and not task.cancelled():
            task.result()

    async def _hear(self, services: Services) -> None:
        reader = Reader(TENANT, Wish(), _forever)
        told = services.live.parts(reader, "listener", Place.of(self._place))
        try:
            async with aclosing(told) as parts:
                async for part in parts:
                    if not self._take(part):
                        return
        except StoreUnavailable:
            return

    def _take(self, part: bytes) -> bool:
        """Take in what was written, or the beginning of it."""
        for event in heard(part.decode()):
            if self._chance.random() < INATTENTION:
                return False
            assert event.type != "reset", f"{self._place} is there"
            self._place = event.id
            if event.type != "checkpoint":
                self.heard.append(event.id)
        return True


async def _forever() -> bool:
    return True


async def assert_heard(store: Store, listener: Listener) -> None:
    """Assert that *listener* was told each message once, in order, and none was left out."""
    feed, after, more = Feed(store), 0, True
    ids: list[str] = []
    while more and len(ids) < len(listener.heard):
        page = await feed.page(TENANT, after)
        frames = await frames_of(feed, page)
        for one, following in zip(frames, [*frames[1:], None], strict=True):
            is_last = following is None or following.position != one.position
            place = Place(one.position) if is_last else Place(one.before, one.number)
            ids.append(place.text)
        after, more = page.upto, page.more
    assert listener.heard == ids[: len(listener.heard)]
