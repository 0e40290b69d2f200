"""Whatever arrives, through whichever process: PostgreSQL answers as the other stores do."""

from __future__ import annotations

import itertools
from pathlib import Path
from shutil import copy
from typing import Any, cast

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.reading.answers import TransitionRecord
from service.adapters.memory import memory_store
from service.adapters.postgres import postgres_store
from service.adapters.runners import DirectRunner
from service.adapters.sqlite import sqlite_store
from service.ports import Store
from service.schema import upgrade
from tests.contract.judging import assert_true, whole_log
from tests.contract.saying import TENANT
from tests.contract.test_random import STEPS, live
from tests.servers.postgres import Databases


class InTurn:
    """A store whose calls go to several in turn, as a balancer spreads them over processes."""

    def __init__(self, *stores: Store) -> None:
        self._stores = itertools.cycle(stores)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever the store has
        return getattr(next(self._stores), name)


async def told(store: Store) -> list[object]:
    """Return all that a store tells of its log, its feed and its records."""
    log = await whole_log(store)
    feed = await store.feed(TENANT, limit=100_000)
    records: list[TransitionRecord] = []
    for key in sorted({event.subject for event in log}, key=lambda key: (key.kind, key.id)):
        page = await store.transitions(TENANT, key, limit=500, include_retracted=True)
        records += page.rows
    return [log, feed, await store.event_types(TENANT), records]


async def compare_stores(url: str, path: Path, steps: list[Any]) -> None:
    """Let all stores live through *steps* and assert that they tell the same."""
    one, other = await postgres_store(url), await postgres_store(url)
    embedded, memory = sqlite_store(path, DirectRunner()), memory_store()
    shared = cast("Store", InTurn(one, other))
    now = await live(shared, steps)
    assert await live(embedded, steps) == await live(memory, steps) == now
    await assert_true(shared, now)
    expected = await told(memory)
    assert await told(shared) == expected
    assert await told(embedded) == expected
    assert not await one.inspect(thorough=True)
    for store in (one, other, embedded):
        await store.close()


def test_three_stores_agree_row_by_row(databases: Databases, tmp_path: Path) -> None:
    """The same life leads to the same log, feed and records, though two processes share one."""
    empty, numbers = tmp_path / "empty.db", itertools.count()
    upgrade(empty)

    @settings(max_examples=20)
    @given(steps=st.lists(STEPS, min_size=1, max_size=10))
    def compare(steps: list[Any]) -> None:
        path = tmp_path / f"random{next(numbers)}.db"
        copy(empty, path)

        async def all_three() -> None:
            async with databases.fresh() as url:
                await compare_stores(url, path, steps)

        anyio.run(all_three)
        path.unlink()

    compare()
