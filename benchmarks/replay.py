"""P6: a new generation folded from PostgreSQL's log by processes, beside only reading the rows.

    python -m benchmarks.replay [--events 400000] [--customers 20000] [--processes 4]

Both read the same ranges over the same pool of processes, which has been started before; the
ceiling fetches whole events in the order of a fold and forgets them. The replay writes
stages, transitions and profiles, each range in a durable transaction. Beside
it `eventsourcing` from PyPI reads its own log as domain events, which is what its projections begin
with; for that it needs `uv sync --inexact --group benchmark`.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import itertools
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg

from benchmarks.figures import Figure, ratio, say
from benchmarks.fold import MODEL
from benchmarks.growth import history
from benchmarks.sourcing import CURE_OF_ABSENCE, PROPERTIES, environment_of
from projections.models.catalogue import Terms
from projections.models.ranges import BucketRange
from service.adapters.postgres import postgres_store
from service.adapters.postgres.builders import RANGE_EVENTS, RANGE_SUBJECTS, build_range
from service.adapters.postgres.ranges import EVENTS_AT_ONCE
from service.adapters.postgres.store import PostgresStore
from service.adapters.runners import DirectRunner
from service.adapters.sqlite import sqlite_store
from service.ports import Store, Submission
from service.running import loop_factory
from service.schema import upgrade
from tests.contract.saying import TENANT, version_of
from tests.servers.postgres import CURE, Databases, is_available, serving

ROUNDS = 5
BATCH = 5_000
KEY = str(MODEL["model"])
WHOLE_ROWS = """
SELECT subject_id, position, effective_at, type, event_id, recorded_at, payload, api_format, source,
  occurred_at
FROM events WHERE bucket >= $1 AND bucket < $2
ORDER BY bucket, subject_id, effective_at, position
"""


async def fill(store: Store, events: int, customers: int, now: int) -> None:
    """Write a log of that many events, and the model to fold it by."""
    coming = history(events, customers, now)
    while batch := list(itertools.islice(coming, BATCH)):
        await store.append([Submission(batch)], now)
    await store.put_model(version_of(MODEL))


async def vacuum(url: str) -> None:
    """Let all rows of the log be marked as visible, as autovacuum does a minute later."""
    connection = await asyncpg.connect(url)
    await connection.execute("VACUUM (ANALYZE) events")
    await connection.close()


async def begin(store: Store, now: int) -> int:
    """Return a new generation, empty."""
    terms = Terms(activates=False)
    return (await store.begin_generation(TENANT, KEY, 1, now, terms=terms)).generation


def build(url: str, found: BucketRange, generation: int, now: int) -> int:
    """Build one range, as the service's processes do."""
    built = build_range(url, generation, found, now)
    return built.events if built else 0


def read(url: str, found: BucketRange, generation: int, now: int) -> int:
    """Read what a range needs and do nothing with it."""
    del generation, now
    return _reader(url).read(found)


class _Reader:
    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner(loop_factory=loop_factory())
        self._connection = self._runner.run(asyncpg.connect(url))

    def read(self, found: BucketRange) -> int:
        return self._runner.run(self._read(found))

    async def _read(self, found: BucketRange) -> int:
        count = 0
        async with self._connection.transaction():
            await self._connection.execute("SET LOCAL enable_seqscan = off")
            cursor = await self._connection.cursor(WHOLE_ROWS, found.first, found.end)
            while page := await cursor.fetch(EVENTS_AT_ONCE):
                count += len(page)
        return count


_reader = cache(_Reader)
Work = Callable[[str, BucketRange, int, int], int]


def rate(
    pool: ProcessPoolExecutor, work: Work, url: str, ranges: Sequence[BucketRange], *more: int
) -> float:
    """Return events per second of *work* over all *ranges*."""
    start = time.perf_counter()
    running = [pool.submit(work, url, found, *more) for found in ranges]
    events = sum(one.result() for one in running)
    return events / (time.perf_counter() - start)


async def on_postgres(databases: Databases, arguments: argparse.Namespace) -> None:
    """Tell P6 on PostgreSQL."""
    now = time.time_ns() // 1_000
    async with databases.fresh() as url, databases.bare() as other:
        store = await postgres_store(url)
        await fill(store, arguments.events, arguments.customers, now)
        await vacuum(url)
        processes = arguments.processes
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, mp_context=spawn) as pool:
            rounds = [await one_round(store, pool, url, now) for _ in range(arguments.rounds + 1)]
            what = f"PostgreSQL: replay, {processes} processes ÷ only reading"
            say(ratio("P6", what, rounds[1:], 0.5, "events/s"))
        with ProcessPoolExecutor(1, mp_context=spawn) as pool:
            alone = [await one_round(store, pool, url, now) for _ in range(2)]
            say(
                ratio(
                    "P6", "PostgreSQL: replay, 1 process ÷ only reading", alone[1:], 0.5, "events/s"
                )
            )
        await beside_theirs(other, [got for got, _ in rounds[1:]])
        await store.close()
    await databases.close()


async def one_round(
    store: PostgresStore, pool: ProcessPoolExecutor, url: str, now: int
) -> tuple[float, float]:
    """Return events per second of a whole rebuild, and of only reading."""
    generation = await begin(store, now)
    ranges = await store.ranges_left(generation, events=RANGE_EVENTS, subjects=RANGE_SUBJECTS)
    ceiling = await asyncio.to_thread(rate, pool, read, url, ranges, generation, now)
    got = await asyncio.to_thread(rate, pool, build, url, ranges, generation, now)
    found = await store.generation(TENANT, generation)
    if found is None or found.status != "ready":
        sys.exit(f"expected a generation that is ready, found {found}")
    await store.fail_generation(generation, "measured", now)
    while await store.remove_retired(100_000):
        pass
    return got, ceiling


async def beside_theirs(url: str, got: Sequence[float]) -> None:
    """Tell how much quicker this is than reading the log of `eventsourcing` as domain events."""
    what = "PostgreSQL: replay ÷ eventsourcing reading its log as domain events"
    if importlib.util.find_spec("eventsourcing") is None:
        say(Figure("P6", what, None, 5.0, CURE_OF_ABSENCE))
        return
    theirs = await asyncio.to_thread(their_rates, environment_of(url), len(got))
    say(ratio("P6", what, list(zip(got, theirs, strict=True)), 5.0, "events/s"))


def their_rates(environment: dict[str, str], rounds: int, total: int = 50_000) -> list[float]:
    """Return events per second of reading all of a log of theirs, as domain events."""
    from eventsourcing.application import Application  # noqa: PLC0415 - may be absent

    from benchmarks.aggregate import Customer  # noqa: PLC0415 - same

    app: Any = Application(environment)
    made: Any = Customer
    for _ in range(total // 100):
        customer = made()
        for _ in range(99):
            customer.happen("order_completed", PROPERTIES)
        app.save(customer)
    rates = []
    for _ in range(rounds):
        start, after, count = time.perf_counter(), 1, 0
        while page := app.recorder.select_notifications(start=after, limit=10_000):
            for notification in page:
                app.mapper.to_domain_event(notification)
            count += len(page)
            after = page[-1].id + 1
        rates.append(count / (time.perf_counter() - start))
    app.close()
    return rates


async def on_sqlite(arguments: argparse.Namespace) -> None:
    """Tell what a rebuild makes on SQLite, in this process."""
    now = time.time_ns() // 1_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stagefold.db"
        upgrade(path)
        store = sqlite_store(path, DirectRunner())
        await fill(store, arguments.events // 4, arguments.customers // 4, now)
        rates = []
        for _ in range(arguments.rounds):
            generation = await begin(store, now)
            start = time.perf_counter()
            while True:
                found = await store.build_generation(generation, now, limit=BATCH)
                if found.status != "building":
                    break
            rates.append(found.done / (time.perf_counter() - start))
            await store.fail_generation(generation, "measured", now)
        await store.close()
    detail = json.dumps([round(each) for each in rates])
    what = "SQLite: replay in one process, events/s"
    say(Figure("P6", what, sorted(rates)[len(rates) // 2], None, detail, unit="events/s"))


def main() -> None:
    """Tell the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    asyncio.run(on_sqlite(arguments))
    if not is_available():
        say(Figure("P6", "PostgreSQL: replay", None, 0.5, CURE))
        return
    with serving("-c max_wal_size=4GB") as server:
        asyncio.run(on_postgres(Databases(server), arguments))


if __name__ == "__main__":
    main()
