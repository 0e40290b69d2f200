"""Copies: what comes out of one database and into another is the same to the last digit."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.events.log import NewEvent, Submission
from service.adapters.postgres import postgres_store
from service.adapters.sqlite import sqlite_archive
from service.ports import StageRow, Store, SubjectKey
from service.safekeeping.archive import Archive, CopyError, NotEmpty, Restored
from service.safekeeping.copying import restore_copy, write_copy
from service.safekeeping.verifying import verify_projections
from service.schema import upgrade
from tests.builders import DAY
from tests.contract.judging import assert_true, whole_log
from tests.contract.saying import LATER, SHOP, TEAM, TENANT, post, publish, sent
from tests.contract.test_random import STEPS, events, live
from tests.seals.world import fill, sealer, verdict
from tests.servers.postgres import Databases

Opened = tuple[Store, Archive]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a SQLite file with the newest schema and nothing in it, to be copied."""
    path = tmp_path_factory.mktemp("schema") / "empty.db"
    upgrade(path)
    return path


@asynccontextmanager
async def opened(empty: Path, path: Path) -> AsyncIterator[Opened]:
    """Lend a store in a new file, with what copies it."""
    shutil.copy(empty, path)
    store, archive = sqlite_archive(path)
    try:
        yield store, archive
    finally:
        await store.close()


async def exported(opened: Opened, path: Path, *, secrets: bool = True) -> dict[str, int]:
    """Write a copy to *path* and return how many rows it has, by table."""
    store, archive = opened
    return await write_copy(store, archive, path, now=LATER, secrets=secrets, tell=silent)


async def restored(opened: Opened, path: Path) -> Restored:
    """Restore the copy in *path*."""
    return await restore_copy(opened[1], path, tell=silent)


def silent(*_: object) -> None:
    """Tell nobody."""


def told(row: StageRow) -> tuple[object, ...]:
    """Return where somebody stands and why, the generation aside."""
    return row.stage, row.entered_at, row.sequence, row.cycle, row.cause


async def everything(store: Store) -> dict[str, Any]:
    """Return what people and programs can learn of a store."""
    log = await whole_log(store)
    names = {event.subject for event in log}
    names |= {SubjectKey("account", event.account_id) for event in log if event.account_id}
    everybody = sorted(names, key=lambda key: (key.kind, key.id))
    verified = await verify_projections(store, silent)
    snapshots = [await store.snapshot(TENANT, name) for name in everybody]
    return {
        "log": log,
        "feed": await store.feed(TENANT, limit=100_000),
        "event types": await store.event_types(TENANT),
        "subjects": [None if one is None else one.subject for one in snapshots],
        "stages": [[] if one is None else [told(row) for row in one.stages] for one in snapshots],
        "records": [
            await store.transitions(TENANT, name, include_retracted=True, limit=10_000)
            for name in everybody
        ],
        "models": await store.models(TENANT),
        "generations": await store.generations(TENANT),
        "keys": await store.keys(TENANT),
        "seals": await store.seals(),
        "digest": (verified.digest, verified.found, verified.records),
    }


async def lively(store: Store) -> None:
    """Let a store live through a bit of everything."""
    await publish(store, SHOP)
    await fill(store, 30)
    await publish(store, TEAM)
    await post(store, sent("late", "ordered", -5))
    await post(store, sent("v", "$void", 3, properties={"event_id": "e4"}))
    await post(store, sent("x", "visited", 16, anonymous_id="cookie"))
    await post(store, sent("y", "$alias", 17, properties={"customer_id": "bob"}))
    await store.sweep(LATER + DAY)
    await publish(store, SHOP | {"title": {"en": "Another"}}, LATER + DAY)
    await sealer(store, LATER + DAY).seal_everything()


@settings(max_examples=25)
@given(steps=st.lists(STEPS, min_size=1, max_size=8), waiting=st.lists(events(), max_size=12))
def test_whatever_happened_is_restored_to_the_last_digit(
    empty: Path,
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[Any],
    waiting: list[NewEvent],
) -> None:
    """Positions, ids, numbers, retractions, the feed, what waits; and life goes on from there."""
    folder = tmp_path_factory.mktemp("copies")

    async def judge() -> None:
        async with (
            opened(empty, folder / "one.db") as one,
            opened(empty, folder / "other.db") as other,
        ):
            now = await live(one[0], steps)
            await one[0].append([Submission(waiting)], now + DAY, defer=True)
            await sealer(one[0], now).seal_everything()
            await exported(one, folder / "copy.ndjson.gz")

            assert (await restored(other, folder / "copy.ndjson.gz")).differences == 0

            assert await everything(other[0]) == await everything(one[0])
            assert await verdict(other[0]) == []
            for store, _ in (one, other):
                await store.project(5_000)
            assert await everything(other[0]) == await everything(one[0])
            for store, _ in (one, other):
                await post(store, sent("after", "ordered", 100), now=now + DAY)
                await post(store, sent("before", "ordered", 2), now=now + DAY)
                await store.sweep(now + 90 * DAY)
            await assert_true(other[0], now + 90 * DAY)
            assert await whole_log(other[0]) == await whole_log(one[0])

    anyio.run(judge)


def test_sqlite_to_postgresql_and_back_is_the_same(
    empty: Path, tmp_path: Path, databases: Databases
) -> None:
    there, back = tmp_path / "there.ndjson.gz", tmp_path / "back.ndjson.gz"

    async def judge() -> None:
        async with (
            opened(empty, tmp_path / "one.db") as one,
            opened(empty, tmp_path / "other.db") as other,
            databases.fresh() as url,
        ):
            await lively(one[0])
            store = await postgres_store(url)
            try:
                middle = (store, store.archive)
                await exported(one, there)
                assert (await restored(middle, there)).differences == 0
                await exported(middle, back)
                assert (await restored(other, back)).differences == 0

                expected = await everything(one[0])
                assert await everything(store) == expected
                assert await everything(other[0]) == expected
                assert await verdict(store) == []
                assert not await store.inspect(thorough=True)
                await post(store, sent("after", "ordered", 100), now=LATER + 2 * DAY)
                await assert_feed_goes_on(store)
            finally:
                await store.close()
        assert gzip.decompress(there.read_bytes()) == gzip.decompress(back.read_bytes())

    anyio.run(judge)


async def assert_feed_goes_on(store: Store) -> None:
    """Assert that positions of the feed have no hole where the copy ended."""
    feed = (await store.feed(TENANT, limit=100_000)).rows
    assert [record.position for record in feed] == list(range(1, len(feed) + 1))


def test_a_restore_announces_nothing(empty: Path, tmp_path: Path) -> None:
    async def judge() -> None:
        path = tmp_path / "copy.ndjson.gz"
        async with (
            opened(empty, tmp_path / "one.db") as one,
            opened(empty, tmp_path / "other.db") as other,
        ):
            await lively(one[0])
            await exported(one, path)
            before = (await one[0].positions()).feed

            await restored(other, path)

            assert (await other[0].positions()).feed == before

    anyio.run(judge)


def test_a_copy_may_leave_out_what_opens_doors(empty: Path, tmp_path: Path) -> None:
    async def judge() -> None:
        path = tmp_path / "copy.ndjson.gz"
        async with opened(empty, tmp_path / "one.db") as one:
            await fill(one[0], 1)
            await exported(one, path, secrets=False)

        assert b"api_keys" not in gzip.decompress(path.read_bytes())
        async with opened(empty, tmp_path / "other.db") as other:
            assert (await restored(other, path)).rows["events"] == 1

    anyio.run(judge)


def _flipped(whole: bytes) -> bytes:
    at = len(whole) // 2
    return whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]


def _told(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[bytes], bytes]:
    """Return what packs the lines of a copy again after *change*."""
    return lambda whole: gzip.compress(
        b"".join(change(gzip.decompress(whole).splitlines(keepends=True)))
    )


def _replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return _told(lambda lines: [b"".join(lines).replace(old, new, 1)])


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda whole: whole[: len(whole) * 2 // 3],
    "cut at a line": _told(lambda lines: lines[:-1]),
    "changed": _replaced(b"visited", b"ordered"),
    "without a line": _told(lambda lines: [*lines[:9], *lines[10:]]),
    "longer": _told(lambda lines: [*lines, lines[-1]]),
    "a bit": _flipped,
    "newer": _replaced(b'"version":1', b'"version":2'),
    "another": _told(lambda _: [b'{"hello":"world"}\n']),
    "not packed": gzip.decompress,
    "empty": lambda _: b"",
}


@pytest.mark.parametrize("how", DAMAGES)
def test_a_file_that_is_no_whole_copy_is_refused_and_leaves_nothing(
    empty: Path, tmp_path: Path, how: str
) -> None:
    async def judge() -> None:
        async with opened(empty, tmp_path / "one.db") as one:
            await lively(one[0])
            await exported(one, tmp_path / "copy.ndjson.gz")
        path = tmp_path / "copy.ndjson.gz"
        path.write_bytes(DAMAGES[how](path.read_bytes()))
        async with opened(empty, tmp_path / "other.db") as other:
            with pytest.raises(CopyError):
                await restored(other, path)

            assert (await other[0].positions()).head == 0
            await exported(other, tmp_path / "nothing.ndjson.gz")
        lines = gzip.decompress((tmp_path / "nothing.ndjson.gz").read_bytes()).splitlines()
        assert len(lines) == 2

    anyio.run(judge)


def test_a_restore_into_something_is_refused(empty: Path, tmp_path: Path) -> None:
    async def judge() -> None:
        path = tmp_path / "copy.ndjson.gz"
        async with (
            opened(empty, tmp_path / "one.db") as one,
            opened(empty, tmp_path / "other.db") as other,
        ):
            await lively(one[0])
            await exported(one, path)
            await fill(other[0], 1)

            with pytest.raises(NotEmpty, match="expected an empty database"):
                await restored(other, path)

            assert (await other[0].positions()).head == 1

    anyio.run(judge)


def test_a_copy_whose_rows_the_database_refuses_leaves_nothing(empty: Path, tmp_path: Path) -> None:
    """Half way through, in the middle of the one transaction."""

    async def judge() -> None:
        path = tmp_path / "copy.ndjson.gz"
        async with (
            opened(empty, tmp_path / "one.db") as one,
            opened(empty, tmp_path / "other.db") as other,
        ):
            await lively(one[0])
            await exported(one, path)

            def stop(name: str, *_: object) -> None:
                if name == "feed":
                    raise InterruptedError

            with pytest.raises(InterruptedError):
                await restore_copy(other[1], path, tell=stop)

            assert (await other[0].positions()).head == 0
            assert (await restored(other, path)).differences == 0
            assert await everything(other[0]) == await everything(one[0])

    anyio.run(judge)
