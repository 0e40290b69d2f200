"""A life of a store in which the n-th call fails, for every n: repeated, it ends as without it.

The calls are those of transactions: their beginnings, their questions and writes, their commits,
and what is lost after a commit. `STAGEFOLD_SIMULATION_CALLS=1` lets each of them fail in turn, and
not only every 8th.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from projections.events.log import NewEvent, Submission
from projections.models.catalogue import Terms
from service.adapters.runners import DirectRunner
from service.adapters.sqlite import sqlite_store
from service.adapters.sqlite.store import SqliteStore
from service.ports import Store, StoreUnavailable
from tests.builders import at
from tests.contract.judging import assert_true, whole_log
from tests.contract.saying import RENAMED, SHOP, TEAM, TENANT, VIPS, publish, sent, version_of
from tests.simulation.loop import simulated_loop
from tests.simulation.trouble import Trouble
from tests.simulation.trouble import sqlite_store as troubled_store

Answer = TypeVar("Answer")

CALLS_BETWEEN = int(os.environ.get("STAGEFOLD_SIMULATION_CALLS", "8"))
CALLS_MAX = 5_000
REPEATS_MAX = 3
NOW = at(400)

OTHER = {"anonymous_id": "a1"}
BATCHES: list[list[NewEvent]] = [
    [sent("e1", "ordered", 1), sent("e2", "ordered", 2), sent("e3", "visited", 3, "bob")],
    [sent("e4", "visited", 4, None, anonymous_id="a1"), sent("e5", "ordered", 5, "cyd")],
    [sent("e6", "ordered", 0.5), sent("e7", "$void", 6, properties={"event_id": "e2"})],
    [sent("e8", "visited", 7, anonymous_id="a1"), sent("e9", "ordered", 8, account_id="acme")],
    [sent("e10", "$unalias", 9, properties=OTHER), sent("e1", "ordered", 1)],
]
LEFT = [sent("e11", "ordered", 100), sent("e12", "ordered", 3.5, "bob"), sent("e13", "visited", 99)]


class NthCall(Trouble):
    """Lets the n-th call fail and no other.

    Attributes:
        calls: How many there have been.
    """

    def __init__(self, number: int) -> None:
        super().__init__(random.Random(1))  # noqa: S311 -- it repeats
        self.calls = 0
        self._number = number

    def may_strike(self, what: str, *, retry_after_seconds: int = 5) -> None:
        """Count a call, and fail it if it is the one."""
        self.calls += 1
        if self.calls == self._number:
            raise StoreUnavailable(f"trouble: {what}", retry_after_seconds=retry_after_seconds)

    def is_busy(self) -> bool:
        """Tell that there is time to fold: who appends says when there is not."""
        return False


async def again(step: Callable[[], Awaitable[Answer]]) -> Answer:
    """Return what *step* comes to, done again where a call of it failed."""
    for _ in range(REPEATS_MAX):
        try:
            return await step()
        except StoreUnavailable:
            continue
    raise AssertionError("expected a step to succeed when it is repeated")


async def live(store: Store) -> None:
    """Let the store go through everything, each step repeated where it fails."""
    for document in (SHOP, TEAM):
        await again(partial(publish, store, document))
    for batch in BATCHES:
        await again(partial(store.append, [Submission(batch)], NOW))
    await again(lambda: store.append([Submission(LEFT)], NOW, defer=True))
    await again(store.project)
    await again(lambda: store.sweep(NOW))
    await again(lambda: other_version(store, Terms(base=1, stage_map=RENAMED)))
    await again(lambda: other_version(store, Terms()))
    await again(lambda: store.retry_parked(NOW))
    while await again(lambda: store.remove_retired(50)):
        pass


async def other_version(store: Store, terms: Terms) -> None:
    """Put another version of the shop and make it the active one on *terms*."""
    version = await store.put_model(version_of(VIPS))
    begun = await store.begin_generation(TENANT, "shop", version.version, NOW, terms=terms)
    while begun.status == "building":
        begun = await store.build_generation(begun.generation, NOW, limit=5)
    await store.activate_generation(begun.generation, NOW)


def lived(path: Path, number: int) -> int:
    """Return how many calls there were in a life at *path* whose call *number* fails."""
    trouble = NthCall(number)

    async def run() -> None:
        store, _ = troubled_store(trouble, path)
        await live(store)
        await store.close()

    simulated_loop(random.Random(number)).run_until_complete(run())  # noqa: S311 -- it repeats
    return trouble.calls


async def judge(store: SqliteStore) -> None:
    """Assert that the store has what was sent, once, and that every stage is right."""
    sent_ids = {event.event_id for batch in (*BATCHES, LEFT) for event in batch}
    assert sorted(one.event_id for one in await whole_log(store)) == sorted(sent_ids)
    await assert_true(store, NOW)
    assert not await store.parked(TENANT)
    assert not await store.inspect(thorough=True)
    await store.close()


def test_whichever_call_fails_the_end_is_the_same(empty_database: Path, tmp_path: Path) -> None:
    number = 2  # the first call is part of opening the store
    for _ in range(CALLS_MAX):
        path = Path(shutil.copy(empty_database, tmp_path / f"{number}.db"))
        try:
            calls = lived(path, number)
            store = sqlite_store(path, DirectRunner())
            simulated_loop(random.Random(0)).run_until_complete(judge(store))  # noqa: S311 -- same
        except BaseException as error:
            error.add_note(f"call {number} failed")
            raise
        if number > calls:
            break
        number += CALLS_BETWEEN

    assert number > 100
