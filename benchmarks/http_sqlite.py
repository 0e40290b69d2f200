"""P3 to P5 and P7 on the embedded default: HTTP in, durable (FULL), folded by one model, answered.

    python -m benchmarks.http_sqlite [--events 80000] [--singles 20000]

Ceilings of the same run: `executemany` of the very rows that the batches left, into the same tables
with the same indexes, over a connection with the settings of the one that writes; and the same
application with a route that only answers. Figure and ceiling take turns, so that other work on the
machine meets them alike; a ratio is the median.
"""

from __future__ import annotations

import argparse
import contextlib
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.figures import ratio, say
from benchmarks.http import ROUNDS, measure_singles
from benchmarks.load import loaded
from benchmarks.serving import stagefold
from benchmarks.workload import batches, publish_model
from service.adapters.sqlite.connections import open_writer
from service.schema import upgrade

STORE = "SQLite"
BATCH_TABLES = ("events", "event_keys")
FIGURES = (("P5", 1_000, 0.55), ("P3", 100, 0.4))


def insert_again(source: Path, target: Path, after: int, size: int) -> float:
    """Return rows per second of `executemany` for the rows of *source* behind position *after*.

    They go into *target*, *size* a transaction.
    """
    with contextlib.closing(sqlite3.connect(source)) as connection:
        rows = {
            table: connection.execute(
                f"SELECT * FROM {table} WHERE position > ? ORDER BY position",  # noqa: S608 - our own names
                (after,),
            ).fetchall()
            for table in BATCH_TABLES
        }
    count = len(rows["events"])
    with contextlib.closing(open_writer(target)) as connection:
        start = time.perf_counter()
        for at in range(0, count, size):
            connection.execute("BEGIN IMMEDIATE")
            for table, found in rows.items():
                marks = ", ".join("?" * len(found[0]))
                insert = f"INSERT INTO {table} VALUES ({marks})"  # noqa: S608 - our own names
                connection.executemany(insert, found[at : at + size])
            connection.execute("COMMIT")
        return count / (time.perf_counter() - start)


def measure_batches(id_: str, size: int, owed: float, count: int) -> None:
    """Tell P5 or P3: batches of *size* ÷ `executemany`."""
    with tempfile.TemporaryDirectory() as folder, stagefold(Path(folder)) as port:
        source, ceiling = Path(folder) / "stagefold.db", Path(folder) / "ceiling.db"
        upgrade(ceiling)
        publish_model(port)
        loaded(port, 4, batches(10_000, size, "warm"))
        done = 10_000
        insert_again(source, ceiling, 0, size)
        requests = batches(count, size, "load")
        share, rounds = len(requests) // ROUNDS, []
        for at in range(0, share * ROUNDS, share):
            got = loaded(port, 4, requests[at : at + share]) * size
            rounds.append((got, insert_again(source, ceiling, done, size)))
            done += share * size
    what = f"{STORE}: batches of {size:,} ÷ executemany"
    say(ratio(id_, what, rounds, owed, "events/s"))


@contextlib.contextmanager
def committing(path: Path) -> Iterator[Callable[[], None]]:
    """Yield what commits one row to a new database at *path*, as durably as our writer does."""
    with contextlib.closing(open_writer(path)) as connection:
        connection.execute("CREATE TABLE bare (number INTEGER)")

        def commit() -> None:
            connection.execute("INSERT INTO bare VALUES (1)")

        yield commit


def main() -> None:
    """Tell the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=80_000)
    parser.add_argument("--singles", type=int, default=20_000)
    arguments = parser.parse_args()
    for id_, size, owed in FIGURES:
        measure_batches(id_, size, owed, arguments.events)
    with tempfile.TemporaryDirectory() as folder, stagefold(Path(folder)) as port:
        publish_model(port)
        with committing(Path(folder) / "bare.db") as commit:
            measure_singles(port, STORE, arguments.singles, commit)


if __name__ == "__main__":
    main()
