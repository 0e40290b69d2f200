"""P8: the board of a model at a million customers, now and as of a week and a month ago.

    python -m benchmarks.boards [--customers 1000000]

What a board reads (stages, counts by day, transitions) is loaded as rows, the fast way: each
customer has passed one to four stages within the last 120 days. Profiles are not loaded, as nobody
is due: a board looks them up by their deadlines only.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sqlite3
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import asyncpg

from benchmarks.figures import Figure, say
from benchmarks.fold import MODEL, STAGES
from benchmarks.growth import TENANT, activate
from projections.rows.records import RECORD_COLUMNS, StayKey
from projections.subjects.profiles import DAY
from service.adapters.postgres import postgres_store
from service.adapters.runners import DirectRunner
from service.adapters.sql.stays import stay_counts
from service.adapters.sql.tables import stage_counts, stages
from service.adapters.sqlite import sqlite_store
from service.adapters.sqlite.connections import open_writer
from service.ports import BoardQuery, Store
from service.schema import upgrade
from tests.servers.postgres import CURE, Databases, is_available, serving

DAYS = 120
LOOKS = 15
AT_ONCE = 50_000
LOOKED_AT = (("now", 0, 10.0), ("a week ago", 7, 500.0), ("a month ago", 30, 500.0))
STAGE_COLUMNS, COUNT_COLUMNS = tuple(stages.c.keys()), tuple(stage_counts.c.keys())
STAY_COLUMNS = tuple(stay_counts.c.keys())
Row = tuple[Any, ...]


class Population:
    """Invented customers as rows: where each stands, and how it came there."""

    def __init__(self, customers: int, generation: int, now: int) -> None:
        self.customers = customers
        self.generation = generation
        self.now = now
        self.counts: Counter[tuple[int, str, int]] = Counter()
        self.stays: Counter[StayKey] = Counter()
        self._chance = random.Random(7)

    def rows(self) -> Iterator[tuple[list[Row], list[Row]]]:
        """Yield rows of `stages` and of `transitions`, many at a time."""
        numbers = iter(range(1, self.customers + 1))
        while some := list(islice(numbers, AT_ONCE)):
            standing: list[Row] = []
            passed: list[Row] = []
            for number in some:
                self._add(number, standing, passed)
            yield standing, passed

    def count_rows(self) -> list[Row]:
        """Return rows of `stage_counts`."""
        return [(*key, count) for key, count in self.counts.items()]

    def stay_rows(self) -> list[Row]:
        """Return rows of `stay_counts`."""
        return [(*key, count) for key, count in self.stays.items()]

    def _add(self, number: int, standing: list[Row], passed: list[Row]) -> None:
        chance, bucket = self._chance, number % 4096
        length = chance.randrange(1, 5)
        path = chance.sample(range(len(STAGES)), length)
        instants = sorted(self.now - chance.randrange(DAYS * DAY) for _ in path)
        key = (bucket, self.generation, number)
        before, entered_at = "", 0
        for sequence, (place, at) in enumerate(zip(path, instants, strict=True), start=1):
            source, stage, stayed = before or None, STAGES[place], at - entered_at
            if source:
                self.stays[self.generation, at // DAY, 0, source, entered_at // DAY] += 1
            direction = "forward" if source else "none"
            record = (*key, sequence, "transition", sequence, source, stage, direction, 1, at)
            cause = ("event", "moved", f"e-{number}-{sequence}", "{}")
            known = (stayed if source else None, 1, number, at, number, 1)
            passed.append((*record, *cause, *known))
            before, entered_at = stage, at
        standing.append((*key, before, entered_at, length, 1))
        self.counts[self.generation, before, entered_at // DAY] += 1


def load_sqlite(database: Path, population: Population) -> None:
    """Insert all rows of *population*."""
    with closing(open_writer(database)) as connection:
        connection.execute("PRAGMA synchronous = OFF").fetchone()

        def add(table: str, names: tuple[str, ...], rows: list[Row]) -> None:
            marks = ", ".join("?" * len(names))
            insert = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - our own names
            connection.executemany(insert, rows)

        connection.execute("BEGIN")
        for standing, passed in population.rows():
            add("stages", STAGE_COLUMNS, standing)
            add("transitions", RECORD_COLUMNS, passed)
        add("stage_counts", COUNT_COLUMNS, population.count_rows())
        add("stay_counts", STAY_COLUMNS, population.stay_rows())
        connection.execute("COMMIT")


async def load_postgres(url: str, population: Population) -> None:
    """Copy all rows of *population*, and let the planner know them."""
    connection = await asyncpg.connect(url)
    copy = connection.copy_records_to_table
    for standing, passed in population.rows():
        await copy("stages", records=standing, columns=STAGE_COLUMNS)
        await copy("transitions", records=passed, columns=RECORD_COLUMNS)
    await copy("stage_counts", records=population.count_rows(), columns=COUNT_COLUMNS)
    await copy("stay_counts", records=population.stay_rows(), columns=STAY_COLUMNS)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


async def look(store: Store, name: str, population: Population) -> None:
    """Tell how long boards take."""
    for when, days, owed in LOOKED_AT:
        query = BoardQuery(TENANT, str(MODEL["model"]), population.now - days * DAY)
        total, taken = 0, list[float]()
        for _ in range(LOOKS):
            start = time.perf_counter()
            total = (await store.board(query)).total
            taken.append((time.perf_counter() - start) * 1e3)
        what = f"{name}: board of {population.customers:,} customers, {when}"
        detail = f"{total:,} counted, slowest of {LOOKS} {max(taken):.1f} ms"
        say(Figure("P8", what, statistics.median(taken), owed, detail, at_most=True, unit="ms"))


async def measure_sqlite(customers: int, folder: Path) -> None:
    """Tell P8 on SQLite."""
    database = folder / "stagefold.db"
    upgrade(database)
    store = sqlite_store(database, DirectRunner())
    now = time.time_ns() // 1_000
    await activate(store, now)
    population = Population(customers, 1, now)
    load_sqlite(database, population)
    await look(store, f"SQLite {sqlite3.sqlite_version}", population)
    await store.close()


async def measure_postgres(customers: int, url: str) -> None:
    """Tell P8 on PostgreSQL."""
    store = await postgres_store(url)
    now = time.time_ns() // 1_000
    await activate(store, now)
    population = Population(customers, 1, now)
    await load_postgres(url, population)
    await look(store, "PostgreSQL", population)
    await store.close()


async def _fresh(databases: Databases, customers: int) -> None:
    async with databases.fresh() as url:
        await measure_postgres(customers, url)
    await databases.close()


def main() -> None:
    """Tell the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure_sqlite(arguments.customers, Path(folder)))
    if not is_available():
        say(Figure("P8", "PostgreSQL: board", None, detail=CURE))
        return
    with serving("-c max_wal_size=4GB -c fsync=off") as server:
        asyncio.run(_fresh(Databases(server), arguments.customers))


if __name__ == "__main__":
    main()
