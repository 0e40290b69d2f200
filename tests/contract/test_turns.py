"""Long work on the loop gives others their turn: a long history keeps nobody else waiting."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.util.concurrency import greenlet_spawn

from projections.events.log import SubjectKey
from service.adapters.runners import DirectRunner
from service.adapters.sqlite import sqlite_store
from service.adapters.turns import ITEMS_BETWEEN_TURNS, by_turns
from service.ports import Store
from tests.builders import at
from tests.contract.saying import SHOP, TENANT, post, publish, sent

pytestmark = pytest.mark.anyio

EVENTS = 6 * ITEMS_BETWEEN_TURNS


class Neighbour:
    """Somebody else on the loop, who counts the turns that he gets."""

    def __init__(self) -> None:
        self.turns = 0
        self._task = asyncio.create_task(self._live())

    async def _live(self) -> None:
        while True:
            self.turns += 1
            await asyncio.sleep(0)

    async def leave(self) -> int:
        """Return how many turns he got."""
        self._task.cancel()
        await asyncio.wait([self._task])
        return self.turns


@pytest.fixture
async def store(empty_database: Path, tmp_path: Path) -> AsyncIterator[Store]:
    """Return a store that runs nothing beside the loop: others run when it gives them a turn."""
    path = Path(shutil.copy(empty_database, tmp_path / "store.db"))
    store = sqlite_store(path, DirectRunner())
    await publish(store, SHOP)
    for begin in range(0, EVENTS, 1_000):
        numbers = range(begin, begin + 1_000)
        await post(store, *(sent(f"e{n}", "ordered", 1 + n / EVENTS) for n in numbers), now=at(9))
    yield store
    await store.close()


async def test_a_late_event_in_a_long_history_gives_others_their_turn(store: Store) -> None:
    """Rows read and events folded, a thousand at a time."""
    neighbour = Neighbour()

    await post(store, sent("late", "visited", 0), now=at(9))

    assert await neighbour.leave() >= 2 * EVENTS // ITEMS_BETWEEN_TURNS
    assert len(await store.history(TENANT, SubjectKey("customer", "ann"))) == EVENTS + 1


async def test_turns_are_given_in_a_greenlet_only() -> None:
    """Elsewhere nobody waits for the end, and nothing is lost either way."""
    items = range(3 * ITEMS_BETWEEN_TURNS)

    assert list(by_turns(items)) == list(items)
    neighbour = Neighbour()
    assert await greenlet_spawn(lambda: list(by_turns(items))) == list(items)
    assert await neighbour.leave() >= 3
