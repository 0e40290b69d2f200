"""Who was told before is told the truth: after whatever anybody has written since, and by whom.

What a store keeps for readers is compared with what another one tells that has kept nothing.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import copy
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.events.log import SubjectKey, Submission
from projections.reading.answers import SubjectSnapshot
from service.adapters.postgres import postgres_store
from service.adapters.runners import DirectRunner
from service.adapters.sqlite import sqlite_store
from service.ports import Store
from tests.builders import DAY, at
from tests.contract.saying import SHOP, TEAM, TENANT, post, publish, sent
from tests.contract.test_random import REBUILDS, SWAPS, happen
from tests.contract.test_random import events as any_event
from tests.servers.postgres import PATIENT, Databases

pytestmark = pytest.mark.anyio

ANN = SubjectKey("customer", "ann")
EVERYBODY = [
    *(SubjectKey("customer", name) for name in ("ann", "bob", "cyd")),
    *(SubjectKey("anonymous", name) for name in ("a1", "a2", "a3")),
    *(SubjectKey("account", name) for name in ("acme", "beta")),
]
EXAMPLES = 20

APPENDS = st.builds(
    lambda events, deferred: ("append", events, deferred),
    st.lists(any_event(), min_size=1, max_size=8),
    st.booleans(),
)
WRITES = st.tuples(
    st.booleans(),
    st.integers(0, 9),
    APPENDS | APPENDS | APPENDS | st.just(("fold",)) | st.just(("sweep", 1_000)) | REBUILDS | SWAPS,
)
LOOKS = st.lists(st.sampled_from(EVERYBODY), max_size=4)
LIVES = st.lists(st.tuples(WRITES, LOOKS), min_size=1, max_size=8)


async def write(store: Store, step: tuple[Any, ...], now: int) -> None:
    """Let *store* do one thing that changes what readers are told."""
    match step:
        case ("append", events, deferred):
            await store.append([Submission(events)], now, defer=deferred)
        case ("fold",):
            while (await store.project()).behind:
                pass
        case _:
            await happen(store, step, now)


def of(found: SubjectSnapshot | None) -> object:
    """Return what *found* says, machines by their models: each process compiles its own."""
    if found is None:
        return None
    stages = [
        (row.model, row.version, row.generation, row.state, row.cause, row.sequence, row.due_at)
        for row in found.stages
    ]
    return found.subject, stages, found.positions


async def judge(server: Store, other: Store, fresh: Any, life: list[Any]) -> None:  # noqa: ANN401 -- opens a store
    """Write through either store, look through one, and compare each look with a fresh one's."""
    now = at(90)
    await publish(other, SHOP, now)
    await publish(server, TEAM, now)
    for (by_other, days, step), looked_at in life:
        now += days * DAY
        await write(other if by_other else server, step, now)
        async with fresh() as knows_nothing:
            for key in [*looked_at, *EVERYBODY, *looked_at]:
                told = await server.snapshot(TENANT, key)
                assert of(told) == of(await knows_nothing.snapshot(TENANT, key)), (key, step)


def test_sqlite_tells_what_is_true_whoever_wrote_it(empty_database: Path, tmp_path: Path) -> None:
    """Two stores over one file, one of which is asked again and again."""
    paths = iter(range(10_000))

    @settings(max_examples=EXAMPLES)
    @given(life=LIVES)
    def compare(life: list[Any]) -> None:
        path = tmp_path / f"told{next(paths)}.db"
        copy(empty_database, path)

        @asynccontextmanager
        async def fresh() -> AsyncIterator[Store]:
            store = sqlite_store(path, DirectRunner())
            yield store
            await store.close()

        async def both() -> None:
            async with fresh() as server, fresh() as other:
                await judge(server, other, fresh, life)

        anyio.run(both)
        path.unlink()

    compare()


def test_postgresql_tells_what_is_true_whoever_wrote_it(databases: Databases) -> None:
    """The same over one database."""

    @settings(max_examples=EXAMPLES // 4)
    @given(life=LIVES)
    def compare(life: list[Any]) -> None:
        async def both() -> None:
            async with databases.fresh() as address:

                @asynccontextmanager
                async def fresh() -> AsyncIterator[Store]:
                    store = await postgres_store(address, limits=PATIENT)
                    yield store
                    await store.close()

                async with fresh() as server, fresh() as other:
                    await judge(server, other, fresh, life)

        anyio.run(both)

    compare()


WRITER = """
import sys, anyio
from pathlib import Path
from service.adapters.sqlite import sqlite_store
from tests.contract.saying import at, post, sent

async def write():
    store = sqlite_store(Path(sys.argv[1]))
    await post(store, sent(sys.argv[2], "ordered", int(sys.argv[3])), now=at(int(sys.argv[3]) + 1))
    await store.close()

anyio.run(write)
"""


async def test_what_another_process_wrote_is_told_at_the_next_look(
    empty_database: Path, tmp_path: Path
) -> None:
    """Not a second connection of ours, but a process that begins, writes and ends between two."""
    path = tmp_path / "store.db"
    copy(empty_database, path)
    store = sqlite_store(path, DirectRunner())
    await publish(store, SHOP)
    await post(store, sent("e0"), now=at(1))

    stages = []
    for day in (None, 2, 4):
        if day is not None:
            command = [sys.executable, "-c", WRITER, str(path), f"e{day}", str(day)]
            await anyio.run_process(command, stderr=subprocess.PIPE)
        found = [await store.snapshot(TENANT, ANN) for _ in range(3)]
        assert found[0] is not None
        assert found[0] == found[1] == found[2]
        stages.append((found[0].stages[0].stage, found[0].positions.applied))

    assert stages == [("lead", 1), ("buyer", 2), ("loyal", 3)]
    await store.close()


async def test_nobody_is_looked_up_again_while_nobody_writes(
    empty_database: Path, tmp_path: Path
) -> None:
    """The very same answer is given; a write about somebody else changes its position only."""
    path = tmp_path / "store.db"
    copy(empty_database, path)
    store = sqlite_store(path, DirectRunner())
    await publish(store, SHOP)
    await post(store, sent("e1"), now=at(1))

    first, again = [await store.snapshot(TENANT, ANN) for _ in range(2)]
    await post(store, sent("b1", customer="bob"), now=at(2))
    later = await store.snapshot(TENANT, ANN)

    assert again is first is not None
    assert later is not None
    assert later.subject is first.subject
    assert (first.positions.applied, later.positions.applied) == (1, 2)
    await store.close()
