"""Whatever has happened before: anonymising changes no number, purging leaves the others alone."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from shutil import copy
from typing import Any

import anyio
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from projections.events.log import SubjectKey
from projections.reading.answers import BoardQuery
from projections.registers.erasure import ErasureMode, ErasureRefused, Order, is_erased_name
from service.adapters.memory import memory_store
from service.adapters.runners import DirectRunner
from service.adapters.sqlite import sqlite_store
from service.ports import Store
from tests.builders import at
from tests.contract.judging import differences, whole_log
from tests.contract.saying import TENANT
from tests.contract.test_random import STEPS, live
from tests.seals.world import sealer, verdict

EXAMPLES = int(os.environ.get("STAGEFOLD_ERASURE_LAWS", "25"))
LIVES = st.lists(STEPS, min_size=1, max_size=8)
NUMBERS = st.integers(0, 5)


async def numbers(store: Store, now: int) -> list[Any]:
    """Return every count that boards show, of instants long past, just past, and to come."""
    found: list[Any] = []
    for model in ("shop", "team"):
        for instant in (at(0), at(33), at(66), at(99), now, now + at(100)):
            for known_at in (None, 3):
                board = await store.board(BoardQuery(TENANT, model, instant, known_at))
                found.append([(one.stage, one.count) for one in board.stages])
    return found


async def names_in(store: Store) -> list[SubjectKey]:
    """Return whom the log names, and nobody who is erased."""
    log = await whole_log(store)
    found = {event.subject for event in log if not is_erased_name(event.subject.id)}
    return sorted(found, key=lambda name: (name.kind, name.id))


async def erase_some(store: Store, number: int, mode: ErasureMode, now: int) -> str:
    """Erase one of those there are; return what became of it."""
    names = await names_in(store)
    if not names:
        return "nobody"
    key = names[number % len(names)]
    order = Order(TENANT, key, mode, f"{number}{now}".encode())
    try:
        await store.erase(order, now)
    except ErasureRefused:
        return "refused"
    return "erased"


async def assert_whole(store: Store) -> None:
    """Assert that the log, its seals and the projections agree with one another."""
    assert await verdict(store) == []
    assert not await differences(store)
    assert not await store.inspect(thorough=True)


async def anonymised(
    store: Store, before: list[Any], after: list[Any], who: list[int]
) -> Counter[str]:
    """Let a store live, anonymise some, and live on; return how often it was refused."""
    done: Counter[str] = Counter()
    now = await live(store, before)
    await sealer(store, now).seal_everything()
    for number in who:
        counted = await numbers(store, now)
        done[await erase_some(store, number, "anonymise", now)] += 1
        assert await numbers(store, now) == counted
        await assert_whole(store)
    await live(store, after)
    await assert_whole(store)
    return done


def test_anonymising_changes_no_number_and_life_goes_on() -> None:
    """The numbers are those of before, and whatever comes later is folded as ever."""
    done: Counter[str] = Counter()

    @settings(max_examples=EXAMPLES, phases=[Phase.reuse, Phase.generate])
    @given(before=LIVES, after=LIVES, who=st.lists(NUMBERS, min_size=1, max_size=3))
    def judge(before: list[Any], after: list[Any], who: list[int]) -> None:
        async def run() -> None:
            done.update(await anonymised(memory_store(), before, after, who))

        anyio.run(run)

    judge()

    assert done["refused"] < done["erased"] / 2, done


def test_purging_leaves_a_log_that_is_whole(empty_database: Path, tmp_path: Path) -> None:
    """What is left agrees with the log, wherever it is kept."""
    paths = iter(range(10_000))

    @settings(max_examples=EXAMPLES, phases=[Phase.reuse, Phase.generate])
    @given(before=LIVES, who=st.lists(NUMBERS, min_size=1, max_size=3))
    def judge(before: list[Any], who: list[int]) -> None:
        path = tmp_path / f"purged{next(paths)}.db"
        copy(empty_database, path)

        async def run() -> None:
            store = sqlite_store(path, DirectRunner())
            now = await live(store, before)
            await sealer(store, now).seal_everything()
            for number in who:
                await erase_some(store, number, "purge", now)
                await assert_whole(store)
            await store.close()

        anyio.run(run)
        path.unlink()

    judge()
