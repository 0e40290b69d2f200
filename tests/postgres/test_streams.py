"""Two processes on one database, readers of both cut off at random: no message lost or doubled."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from service.adapters.postgres.store import PostgresStore
from service.live.frames import Place
from service.live.live import Live
from service.live.stream import Reader
from service.live.wishes import Wish
from service.progress import Progress
from service.workers.supervisor import Loops
from tests.contract.saying import SHOP, TENANT, post, publish, sent
from tests.http.conftest import TurnedClock
from tests.http.serving import ANSWER_SECONDS_MAX
from tests.live.listening import Heard, heard
from tests.postgres.telling import OpenStore

pytestmark = pytest.mark.anyio

CUSTOMERS = 8
"""Of each process; each of them orders three times."""

READERS = 4
PARTS_MAX = 5
"""A reader is cut off after so many parts at most."""


class Process:
    """What a process has of streams; what others write nobody tells it."""

    def __init__(self, store: PostgresStore) -> None:
        self.store = store
        self.progress = Progress()
        self.live = Live(
            store,
            TurnedClock(),
            progress=self.progress,
            secret=b"secret",
            per_key_max=2 * READERS,
        )

    async def write(self, prefix: str) -> None:
        """Let customers order, one after the other."""
        for number in range(3 * CUSTOMERS):
            name = f"{prefix}{number % CUSTOMERS}"
            event = sent(f"{prefix}{number}", "ordered", number, name)
            await post(self.store, event)
            self.progress.note()


@asynccontextmanager
async def running(*processes: Process) -> AsyncIterator[None]:
    """Let their loops run."""
    loops = Loops()
    for process in processes:
        loops.start("live", process.live.tail.round, pause_seconds=1.0)
    yield
    await loops.stop()


async def always() -> bool:
    """Let a reader go on."""
    return True


async def follow(processes: list[Process], count: int, chance: random.Random) -> list[Heard]:
    """Return *count* messages, heard of one process after the other."""
    place, told = "0", list[Heard]()
    while len(told) < count:
        live = chance.choice(processes).live
        stream = live.parts(Reader(TENANT, Wish(), always), "reader", Place.of(place))
        patience = chance.randrange(2, 2 + PARTS_MAX)
        async with aclosing(stream) as parts:
            async for part in parts:
                events = list(heard(part.decode()))
                kept = events[: chance.randrange(len(events) + 1)]
                told += [one for one in kept if one.type != "checkpoint"]
                place = kept[-1].id if kept else place
                patience -= 1
                if len(kept) < len(events) or not patience or len(told) >= count:
                    break
    return told


async def test_what_two_processes_write_every_reader_hears_once_and_in_order(
    store: PostgresStore, open_store: OpenStore
) -> None:
    await publish(store, SHOP)
    processes = [Process(store), Process(await open_store())]
    count = 2 * CUSTOMERS * (1 + 3)  # created; lead, buyer, loyal
    async with asyncio.timeout(ANSWER_SECONDS_MAX), running(*processes):
        readers = [
            asyncio.ensure_future(follow(processes, count, random.Random(seed)))  # noqa: S311 -- it repeats
            for seed in range(READERS)
        ]
        await asyncio.gather(*(one.write(name) for one, name in zip(processes, "ab", strict=True)))
        told = await asyncio.gather(*readers)

    feed = (await store.feed(TENANT, limit=10_000)).rows
    changed = [one.transition.id for one in feed if one.transition.kind == "transition"]
    for one in told:
        ids = [each.data["data"].get("transition_id") for each in one]
        assert [each for each in ids if each is not None] == changed
        assert len({each.id for each in one}) == count
