"""P2, P3, P4 and P7 on PostgreSQL: HTTP in, durable, folded by one model, answered.

    python -m benchmarks.postgres [--events 40000] [--singles 10000]

The server is the one that tests use, with its defaults (fsync, full pages). Ceilings of the same
run: COPY of the very rows that the batches left, into the same tables with the same indexes, in
transactions of the same size; and the same HTTP server with a route that only answers. Both are
measured in turns, so that other work on the machine meets them alike; a ratio is the median.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from benchmarks import load
from benchmarks.http_sqlite import (
    BATCH_TABLES,
    ROUNDS,
    SINGLE_ANSWER_BYTES,
    batches,
    beside_idle,
    loaded,
    measure_reads,
    publish_model,
    show,
)
from benchmarks.serving import stagefold
from tests.servers.postgres import Databases, Server, serving

DEFAULTS = "-c max_wal_size=4GB"
FIGURES = (("P2 batches of 1,000", 1_000, 0.5), ("P3 batches of 100", 100, 0.4))


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


def measure_batches(databases: Databases, count: int) -> None:
    """Print P2 and P3."""
    for name, size, owed in FIGURES:
        with service(databases) as (port, source, target):
            loaded(port, 4, batches(size * 4, size, "warm"))
            done, rates = size * 4, []
            requests = batches(count, size, "load")
            share = len(requests) // ROUNDS
            for at in range(0, share * ROUNDS, share):
                got = loaded(port, 4, requests[at : at + share]) * size
                rates.append((got, asyncio.run(copy_again(source, target, done, size))))
                done += share * size
            show(name, rates, owed)


def measure_singles(databases: Databases, count: int) -> None:
    """Print P4: one event a request, 256 clients; the latency at 500 a second; and P7."""
    with service(databases) as (port, _, _):
        loaded(port, 256, batches(1_000, 1, "warm"))
        requests = batches(count, 1, "load")
        rates = beside_idle(port, 256, requests, SINGLE_ANSWER_BYTES)
        show("P4 single events, 256 clients", rates, 0.75)
        paced = load.run(port, 64, batches(2_500, 1, "paced"), 500.0)
        print(f"   at 500/s: p50 {paced.p50_ms:.1f} ms, p99 {paced.p99_ms:.1f} ms (owed 10)")
        measure_reads(port, count)


def measure(server: Server, events: int, singles: int) -> None:
    """Print all figures."""
    databases = Databases(server)
    measure_batches(databases, events)
    measure_singles(databases, singles)
    asyncio.run(databases.close())


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--singles", type=int, default=10_000)
    arguments = parser.parse_args()
    with serving(DEFAULTS) as server:
        measure(server, arguments.events, arguments.singles)


if __name__ == "__main__":
    main()
