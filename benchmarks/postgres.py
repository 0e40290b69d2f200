"""P2, P3, P4 and P7 on PostgreSQL: HTTP in, durable, folded by one model, answered.

    python -m benchmarks.postgres [--events 80000] [--singles 20000]

The server is the one that tests use, with its defaults (fsync, full pages). Ceilings of the same
run: COPY of the very rows that the batches left, into the same tables with the same indexes, in
transactions of the same size; and the same application with a route that only answers. Both take
turns, so that other work on the machine meets them alike; a ratio is the median.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from benchmarks.figures import ratio, say
from benchmarks.http import ROUNDS, measure_singles
from benchmarks.http_sqlite import BATCH_TABLES
from benchmarks.load import loaded
from benchmarks.serving import stagefold
from benchmarks.workload import batches, publish_model
from tests.servers.postgres import Databases, Server, serving

DEFAULTS = "-c max_wal_size=4GB"
STORE = "PostgreSQL"
FIGURES = (("P2", 1_000, 0.5), ("P3", 100, 0.4))


async def copy_again(source: str, target: str, after: int, size: int) -> float:
    """Return rows per second of COPY for the rows of *source* behind position *after*.

    They go into *target*, *size* a transaction.
    """
    connection = await asyncpg.connect(source)
    rows = {
        table: await connection.fetch(
            f"SELECT * FROM {table} WHERE position > $1 ORDER BY position",  # noqa: S608 - our own names
            after,
        )
        for table in BATCH_TABLES
    }
    await connection.close()
    connection = await asyncpg.connect(target)
    count = len(rows["events"])
    start = time.perf_counter()
    for at in range(0, count, size):
        await connection.execute("BEGIN")
        for table, found in rows.items():
            await connection.copy_records_to_table(table, records=found[at : at + size])
        await connection.execute("COMMIT")
    seconds = time.perf_counter() - start
    await connection.close()
    return count / seconds


@contextmanager
def service(databases: Databases) -> Iterator[tuple[int, str, str]]:
    """Serve from a new database; yield the port, its address and that of an empty one."""
    with asyncio.Runner() as runner:
        used, empty = databases.fresh(), databases.fresh()
        urls = runner.run(used.__aenter__()), runner.run(empty.__aenter__())
        try:
            with tempfile.TemporaryDirectory() as folder, stagefold(Path(folder), urls[0]) as port:
                publish_model(port)
                yield port, *urls
        finally:
            runner.run(used.__aexit__(None, None, None))
            runner.run(empty.__aexit__(None, None, None))


def measure_batches(databases: Databases, id_: str, size: int, owed: float, count: int) -> None:
    """Tell P2 or P3: batches of *size* ÷ COPY."""
    with service(databases) as (port, source, target):
        loaded(port, 4, batches(10_000, size, "warm"))
        done = 10_000
        asyncio.run(copy_again(source, target, 0, size))
        requests = batches(count, size, "load")
        share, rounds = len(requests) // ROUNDS, []
        for at in range(0, share * ROUNDS, share):
            got = loaded(port, 4, requests[at : at + share]) * size
            rounds.append((got, asyncio.run(copy_again(source, target, done, size))))
            done += share * size
    say(ratio(id_, f"{STORE}: batches of {size:,} ÷ COPY", rounds, owed, "events/s"))


@contextmanager
def committing(url: str) -> Iterator[Callable[[], None]]:
    """Yield what commits one row to the database at *url*, and waits for it."""
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(url))
        runner.run(connection.execute("CREATE TABLE bare (number INTEGER)"))

        def commit() -> None:
            runner.run(connection.execute("INSERT INTO bare VALUES (1)"))

        try:
            yield commit
        finally:
            runner.run(connection.close())


def measure(server: Server, events: int, singles: int) -> None:
    """Tell all figures."""
    databases = Databases(server)
    for id_, size, owed in FIGURES:
        measure_batches(databases, id_, size, owed, events)
    with service(databases) as (port, _, empty), committing(empty) as commit:
        measure_singles(port, STORE, singles, commit)
    asyncio.run(databases.close())


def main() -> None:
    """Tell the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=80_000)
    parser.add_argument("--singles", type=int, default=20_000)
    arguments = parser.parse_args()
    with serving(DEFAULTS) as server:
        measure(server, arguments.events, arguments.singles)


if __name__ == "__main__":
    main()
