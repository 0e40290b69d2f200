"""Rebuilds under load, killed, cut off from the database and swapped: always the same in the end.

`STAGEFOLD_REBUILD_CYCLES` says how often; the long form is 20, with `STAGEFOLD_REBUILD_KILLS` 50.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from structlog.testing import capture_logs

from projections.events.log import SubjectKey
from projections.models.catalogue import Generation
from projections.reading.answers import BoardQuery, CustomerQuery
from service.adapters.postgres import postgres_store
from service.adapters.postgres.store import PostgresStore
from service.modelling.rebuilds import Rebuilds
from service.safekeeping.verifying import verify_projections
from tests.contract.saying import SHOP, TEAM, TENANT, post, publish, version_of
from tests.postgres.rebuilding import NOW, rebuilds_of
from tests.postgres.telling import OpenStore, Operator
from tests.postgres.test_rebuilds import drawn
from tests.servers.postgres import (
    DURABLE,
    PATIENT,
    Databases,
    serving_our_own,
)

pytestmark = pytest.mark.anyio

CYCLES = int(os.environ.get("STAGEFOLD_REBUILD_CYCLES", "1"))
KILLS = int(os.environ.get("STAGEFOLD_REBUILD_KILLS", "2"))
CUSTOMERS = 150
PATIENCE_SECONDS = 300
LOOKS_MAX = 100_000


@pytest.fixture
async def lived(store: PostgresStore) -> PostgresStore:
    """Return a store with some hundred customers, their joins, voids and accounts."""
    await fill(store)
    return store


async def fill(store: PostgresStore) -> None:
    """Let much happen."""
    await publish(store, SHOP)
    await publish(store, TEAM)
    chance = random.Random(11)  # noqa: S311 -- it repeats
    for number in range(4):
        await post(store, *drawn(chance, f"f{number}", 250, CUSTOMERS), now=NOW)


async def digest_of(store: PostgresStore) -> int:
    """Return the digest of stages and transitions, asserting that they are what the log says."""
    while (await store.sweep(NOW, 1_000)).more:
        pass
    verdict = await verify_projections(store, lambda *_: None)
    assert not verdict.findings
    return verdict.digest


async def rebuilt(rebuilds: Rebuilds, version: int = 1) -> Generation:
    """Return a rebuild at its end."""
    ended = await rebuilds.ended(await rebuilds.begin(TENANT, "shop", version))
    assert ended.status == "active"
    return ended


async def append_until(store: PostgresStore, prefix: str, over: anyio.Event) -> int:
    """Append late, voided and joining events until *over*; return how many batches."""
    chance = random.Random(prefix)  # noqa: S311 -- it repeats
    number = 0
    while not over.is_set():
        number += 1
        await post(store, *drawn(chance, f"{prefix}-{number}", 5, CUSTOMERS), now=NOW)
        await anyio.lowlevel.checkpoint()
    return number


async def test_a_rebuild_under_load_equals_a_quiet_one_of_the_same_log(
    lived: PostgresStore, url: str
) -> None:
    rebuilds = rebuilds_of(lived, url)
    for cycle in range(CYCLES):
        over = anyio.Event()
        appending = asyncio.create_task(append_until(lived, f"u{cycle}", over))
        await rebuilt(rebuilds)
        over.set()
        assert await appending > 0
        under_load = await digest_of(lived)

        await rebuilt(rebuilds)

        assert await digest_of(lived) == under_load
    await rebuilds.close()


async def test_a_rebuild_that_is_killed_again_and_again_ends_the_same(
    lived: PostgresStore, url: str, operator: Operator
) -> None:
    before = await digest_of(lived)
    chance = random.Random(5)  # noqa: S311 -- it repeats
    kills = 0
    while kills < KILLS:
        begun = await lived.begin_generation(TENANT, "shop", 1, NOW)
        while kills < KILLS and await is_building(lived, begun):
            kills += await run_and_kill(url, operator, begun.generation, chance)
        await finish(url)
        ended = await lived.generation(TENANT, begun.generation)
        assert ended is not None
        assert ended.status == "active"

        assert await digest_of(lived) == before


async def is_building(store: PostgresStore, begun: Generation) -> bool:
    """Tell whether some of a rebuild is still to be built."""
    found = await store.generation(TENANT, begun.generation)
    return found is not None and found.status == "building"


async def run_and_kill(
    url: str, operator: Operator, generation: int, chance: random.Random
) -> bool:
    """Let a process carry on and kill it at some moment; tell whether it was killed at work."""
    sql = "SELECT count(*) FROM built_ranges WHERE generation = $1"
    wanted = await operator.fetchval(sql, generation) + chance.randrange(4)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.postgres.rebuilding", url, stdout=asyncio.subprocess.DEVNULL
    )

    async def is_time() -> bool:
        return process.returncode is not None or await operator.fetchval(sql, generation) >= wanted

    await until(is_time)
    await anyio.sleep(chance.random() * 0.05)
    if process.returncode is None:
        process.kill()
    return await process.wait() != 0


async def finish(url: str) -> None:
    """Let a process carry on to the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.postgres.rebuilding", url, stdout=asyncio.subprocess.DEVNULL
    )
    with anyio.fail_after(PATIENCE_SECONDS):
        assert await process.wait() == 0


@pytest.fixture
async def crashing() -> AsyncIterator[Databases]:
    """Lend databases on a server of our own, that makes everything durable."""
    with serving_our_own(DURABLE) as server:
        databases = await asyncio.to_thread(Databases, server)
        yield databases


async def test_a_rebuild_goes_on_after_the_database_has_crashed(crashing: Databases) -> None:
    async with crashing.fresh() as url:
        store = await postgres_store(url, limits=PATIENT)
        await fill(store)
        before = await digest_of(store)
        rebuilds = rebuilds_of(store, url)
        begun = await rebuilds.begin(TENANT, "shop", 1)
        await until(lambda: has_come_far(store, begun))

        with capture_logs():
            crashing.server.crash()
            crashing.server.start()
            await until(lambda: is_over(store, begun))

        assert (await found_of(store, begun)).status == "active"
        assert await digest_of(store) == before
        await rebuilds.close()
        await store.close()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until *condition* holds, however slow the machine is."""
    with anyio.fail_after(PATIENCE_SECONDS):
        for _ in range(LOOKS_MAX):
            if await condition():
                return
            await anyio.sleep(0.02)


async def has_come_far(store: PostgresStore, begun: Generation) -> bool:
    """Tell whether some of a rebuild is built."""
    return (await found_of(store, begun)).done > 0


async def is_over(store: PostgresStore, begun: Generation) -> bool:
    """Tell whether a rebuild has come to an end."""
    return (await found_of(store, begun)).status not in {"building", "ready"}


async def found_of(store: PostgresStore, begun: Generation) -> Generation:
    """Return the rebuild as it is."""
    found = await store.generation(TENANT, begun.generation)
    assert found is not None
    return found


# ---------------------------------------------------------------- two versions


def marked(mark: str) -> dict[str, Any]:
    """Return the shop's model with a mark at every stage."""
    stages = [{**stage, "id": stage["id"] + mark} for stage in SHOP["stages"]]
    transitions = [
        {
            **one,
            "from": [each + mark for each in one["from"]]
            if isinstance(one["from"], list)
            else one["from"]
            if one["from"] == "*"
            else one["from"] + mark,
            "to": one["to"] + mark,
        }
        for one in SHOP["transitions"]
    ]
    return {**SHOP, "initial": SHOP["initial"] + mark, "stages": stages, "transitions": transitions}


async def read_until(store: PostgresStore, chance: random.Random, over: anyio.Event) -> set[int]:
    """Read until *over*, asserting that no answer mixes versions; return those that were seen."""
    seen = set()
    while not over.is_set():
        seen.add(await read_one(store, chance))
        await anyio.lowlevel.checkpoint()
    return seen


async def read_one(store: PostgresStore, chance: random.Random) -> int:
    """Return the version that an answer is of, asserting that all of it is."""
    kind = chance.choice(("customer", "board", "list", "transitions"))
    key = SubjectKey("customer", f"c{chance.randrange(CUSTOMERS)}")
    if kind == "board":
        board = await store.board(BoardQuery(TENANT, "shop", NOW))
        told = [stage.stage for stage in board.stages]
        assert board.total > 0
        version = board.version
    elif kind == "list":
        page = await store.customers(CustomerQuery(TENANT, NOW, model="shop", limit=20))
        rows = [row for one in page.rows for row in one.stages if row.model == "shop"]
        assert rows
        told = [row.stage for row in rows]
        [version] = {row.version for row in rows}
    elif kind == "transitions":
        page_ = await store.transitions(TENANT, key, model="shop")
        told = [row.to_stage for row in page_.rows]
        version = int(told[0][-1]) if told else 1
    else:
        snapshot = await store.snapshot(TENANT, key, model="shop")
        assert snapshot is not None
        [row] = snapshot.stages
        told, version = [row.stage], row.version
    assert {stage[-1] for stage in told} <= {str(version)}, (kind, told, version)
    return version


async def test_two_versions_swapped_under_load_never_mix_in_an_answer(
    store: PostgresStore, open_store: OpenStore, url: str
) -> None:
    await publish(store, marked("1"))
    chance = random.Random(11)  # noqa: S311 -- it repeats
    for number in range(4):
        await post(store, *drawn(chance, f"f{number}", 250, CUSTOMERS), now=NOW)
    second = replace(version_of(marked("2")), version=0)
    await store.put_model(second)
    rebuilds, over = rebuilds_of(store, url), anyio.Event()
    readers = [await open_store(), store]
    appending = asyncio.create_task(append_until(store, "swap", over))
    reading = [
        asyncio.create_task(read_until(one, random.Random(number), over))  # noqa: S311 -- same
        for number, one in enumerate(readers)
    ]

    for cycle in range(2 * CYCLES):
        await rebuilt(rebuilds, 2 - cycle % 2)
    over.set()
    seen = await asyncio.gather(*reading)

    assert await appending > 0
    assert set[int]().union(*seen) == {1, 2}
    await digest_of(store)
    await rebuilds.close()
