"""Ranges of a generation, built by processes beside appends: whole, once, and the same as ever."""

from __future__ import annotations

import itertools
import multiprocessing
import random
from collections.abc import AsyncIterator

import anyio
import pytest
from sqlalchemy.util.concurrency import await_, greenlet_spawn
from structlog.testing import capture_logs

from domain.buckets import BUCKETS
from projections.events.log import NewEvent, Submission
from projections.models.catalogue import Generation
from projections.models.ranges import BucketRange, Built
from projections.rebuilding.stretches import Stretch
from service.adapters.postgres import ranges
from service.adapters.postgres.builders import PostgresBuilders
from service.adapters.postgres.connections import Database, Link
from service.adapters.postgres.ranges import RangeBuilder
from service.adapters.postgres.store import PostgresStore
from service.modelling.rebuilds import Rebuilds
from service.safekeeping.verifying import ProjectionsVerdict, verify_projections
from tests.builders import at
from tests.contract.judging import assert_true
from tests.contract.saying import SHOP, TEAM, TENANT, post, publish, sent
from tests.postgres.telling import Operator
from tests.servers.postgres import PATIENT

pytestmark = pytest.mark.anyio

NOW = at(500)
EVERYTHING = BucketRange(0, BUCKETS)


@pytest.fixture
async def builder(url: str) -> AsyncIterator[RangeBuilder]:
    """Lend what builds ranges, over a connection of its own."""
    database = Database(url, PATIENT)
    yield RangeBuilder(database)
    await greenlet_spawn(database.close)


@pytest.fixture
async def lived(store: PostgresStore) -> PostgresStore:
    """Return a store in which much has happened: late events, voids, joins and accounts."""
    await publish(store, SHOP)
    await publish(store, TEAM)
    chance = random.Random(7)  # noqa: S311 -- it repeats
    for number in range(12):
        await post(store, *drawn(chance, f"b{number}", 20), now=at(100 + number))
    return store


def drawn(chance: random.Random, prefix: str, count: int, customers: int = 25) -> list[NewEvent]:
    """Return events of a few customers, and of whom they belong to."""
    found = []
    for place in range(count):
        fields = {"anonymous_id": f"a{chance.randrange(12)}"} if chance.random() < 0.1 else {}
        if chance.random() < 0.3:
            fields["account_id"] = f"team{chance.randrange(3)}"
        name = chance.choice(("visited", "ordered", "ordered", "cancelled"))
        customer = f"c{chance.randrange(customers)}"
        day = chance.randrange(100)
        found.append(sent(f"{prefix}-{place}", name, day, customer, **fields))
    return found


async def told(store: PostgresStore) -> ProjectionsVerdict:
    """Return what everybody's projections come to, asserting that it is what the log says."""
    while (await store.sweep(NOW, 1_000)).more:
        pass
    verdict = await verify_projections(store, lambda *_: None)
    assert not verdict.findings
    return verdict


async def begun(store: PostgresStore, model: str = "shop") -> int:
    """Return a new generation of version 1, of which nothing is built."""
    return (await store.begin_generation(TENANT, model, 1, NOW)).generation


async def build(builder: RangeBuilder, generation: int, found: BucketRange) -> Built | None:
    """Build one range."""
    return await greenlet_spawn(builder.build, generation, found, NOW)


@pytest.mark.parametrize("model", ["shop", "team"])
async def test_ranges_in_any_order_come_to_what_was_lived(
    lived: PostgresStore, builder: RangeBuilder, model: str
) -> None:
    before = await told(lived)
    generation = await begun(lived, model)
    ends = [0, 700, 701, 2_000, 3_333, BUCKETS]
    found = [BucketRange(*pair) for pair in itertools.pairwise(ends)]
    random.Random(3).shuffle(found)  # noqa: S311 -- it repeats

    built = [await build(builder, generation, one) for one in found]

    ready = await lived.generation(TENANT, generation)
    assert ready is not None
    assert (ready.status, ready.buckets_done, ready.done) == (
        "ready", BUCKETS, sum(one.events for one in built if one)
    )  # fmt: skip
    await lived.activate_generation(generation, NOW)
    assert (await told(lived)).digest == before.digest
    await assert_true(lived, NOW)


async def test_who_changes_while_a_range_is_folded_is_folded_again(
    lived: PostgresStore, builder: RangeBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New customers, late events, a void and a join come between the reading and the lock."""
    generation = await begun(lived)
    copy = ranges._copy  # noqa: SLF001 -- the moment between
    meanwhile = [
        sent("new", "ordered", 450, "somebody new"),
        sent("late", "ordered", 2, "c1"),
        sent("now", "ordered", 499, "c2"),
        sent("join", "visited", 499, "c3", anonymous_id="a unique visitor"),
        sent("void", "$void", 499, "c4", payload='{"properties": {"event_id": "b0-0"}}'),
    ]

    def pause(link: Link, stretch: Stretch) -> None:
        copy(link, stretch)
        await_(post(lived, *meanwhile, now=NOW))
        monkeypatch.undo()

    monkeypatch.setattr(ranges, "_copy", pause)
    built = await build(builder, generation, EVERYTHING)

    assert built is not None
    assert (await lived.positions()).head == 12 * 20 + len(meanwhile)
    await lived.activate_generation(generation, NOW)
    await told(lived)
    await assert_true(lived, NOW)


async def test_what_is_cancelled_while_it_is_folded_leaves_nothing(
    lived: PostgresStore,
    builder: RangeBuilder,
    monkeypatch: pytest.MonkeyPatch,
    operator: Operator,
) -> None:
    generation = await begun(lived)
    copy = ranges._copy  # noqa: SLF001 -- the moment between

    def pause(link: Link, stretch: Stretch) -> None:
        copy(link, stretch)
        await_(lived.fail_generation(generation, "cancelled", NOW))

    monkeypatch.setattr(ranges, "_copy", pause)

    assert await build(builder, generation, EVERYTHING) is None
    for table in ("stages", "transitions", "stage_counts", "built_ranges"):
        sql = f"SELECT count(*) FROM {table} WHERE generation = $1"  # noqa: S608 -- a name of ours
        assert await operator.fetchval(sql, generation) == 0, table
    assert not (await lived.health(NOW)).retired_rows


async def test_a_range_is_built_once(lived: PostgresStore, builder: RangeBuilder) -> None:
    """A slow process, or one that was thought dead, does no harm."""
    generation = await begun(lived)
    first = await build(builder, generation, BucketRange(100, 2_000))

    again = await build(builder, generation, BucketRange(0, 101))
    twice = await build(builder, generation, BucketRange(100, 2_000))

    assert first is not None
    assert (again, twice) == (None, None)
    found = await lived.generation(TENANT, generation)
    assert found is not None
    assert found.done == first.events


async def rebuilt(store: PostgresStore, builders: PostgresBuilders) -> Generation:
    """Return a rebuild carried on by *builders* to its end."""
    rebuilds = Rebuilds(store, Standing(), store.leases, builders)
    begun_ = await rebuilds.begin(TENANT, "shop", 1)
    try:
        return await rebuilds.ended(begun_)
    finally:
        await rebuilds.close()


class Standing:
    """A clock that stands."""

    def now(self) -> int:
        """Return the one instant."""
        return NOW


async def test_processes_build_what_was_lived(lived: PostgresStore, url: str) -> None:
    before = await told(lived)

    ended = await rebuilt(lived, PostgresBuilders(url, lived, 2, small_events=0))

    assert ended.status == "active"
    assert (await told(lived)).digest == before.digest
    assert not multiprocessing.active_children()


async def test_a_process_that_dies_is_replaced(lived: PostgresStore, url: str) -> None:
    before = await told(lived)
    builders = PostgresBuilders(url, lived, 2, small_events=0)
    killed: list[int | None] = []

    async def kill() -> None:
        while not killed:
            await anyio.sleep(0.01)
            for child in multiprocessing.active_children()[:1]:
                child.kill()
                killed.append(child.pid)

    with capture_logs():
        async with anyio.create_task_group() as group:
            group.start_soon(kill)
            ended = await rebuilt(lived, builders)

    assert killed
    assert ended.status == "active"
    assert (await told(lived)).digest == before.digest


async def test_while_appends_are_slow_one_range_is_built_at_a_time(
    lived: PostgresStore, url: str
) -> None:
    before = await told(lived)
    builders = PostgresBuilders(url, lived, 2, small_events=0, range_subjects=3)
    under_way: list[int] = []

    def is_slow() -> bool:
        under_way.append(len(builders._running))  # noqa: SLF001 -- what is bounded
        return True

    builders.give_way(is_slow)
    ended = await rebuilt(lived, builders)

    assert ended.status == "active"
    assert set(under_way) == {0, 1}
    assert (await told(lived)).digest == before.digest


async def test_what_waits_to_be_folded_is_left_to_the_follower(
    lived: PostgresStore, builder: RangeBuilder
) -> None:
    """A range is built as far as the projections have come; the rest is projected into it too."""
    chance = random.Random(9)  # noqa: S311 -- it repeats
    generation = await begun(lived)
    await build(builder, generation, BucketRange(0, 2_000))
    await lived.append([Submission(drawn(chance, "w1", 40))], NOW, defer=True)

    built = await build(builder, generation, BucketRange(2_000, BUCKETS))

    assert built is not None
    await lived.append([Submission(drawn(chance, "w2", 40))], NOW, defer=True)
    while (await lived.project(10)).behind:
        pass
    await lived.activate_generation(generation, NOW)
    await told(lived)
    await assert_true(lived, NOW)
