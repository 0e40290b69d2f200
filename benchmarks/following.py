"""P2 with the follower: more arrives than can be stored and folded at once.

    python -m benchmarks.following [--events 240000]

Eighteen clients post batches of 1,000 as fast as they are answered, so the queue is always long,
appends only store, and the follower of the same process folds beside them. Three figures for each
store: what is answered a second beside the ceiling of `benchmarks.postgres` (COPY) or
`benchmarks.http_sqlite` (`executemany`); how long after the last answer the projections are level;
and, without a bound, what four clients get, whose batches are folded as they are stored.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from benchmarks.figures import ratio, say
from benchmarks.http_sqlite import insert_again
from benchmarks.load import loaded
from benchmarks.postgres import DEFAULTS, copy_again, service
from benchmarks.serving import stagefold
from benchmarks.workload import HEADERS, batches, publish_model
from service.schema import upgrade
from tests.servers.postgres import Databases, serving

SIZE = 1_000
FEW, MANY = 4, 18
ROUNDS = 2


def level(port: int) -> float:
    """Return how many seconds pass until the projections have taken in the newest event."""
    begun = time.perf_counter()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=HEADERS) as client:
        while "stagefold_projection_lag_events 0.0" not in client.get("/metrics").text:
            time.sleep(0.05)
    return time.perf_counter() - begun


def measure(port: int, store: str, count: int, again: Callable[[int], float]) -> None:
    """Tell the figures of one server; *again* writes the rows behind a position once more."""
    publish_model(port)
    few_at_once = batches(count // 2, SIZE, "warm")
    few = loaded(port, FEW, few_at_once) * SIZE
    again(0)
    requests, done, crowded = batches(count, SIZE, "load"), len(few_at_once) * SIZE, []
    share = len(requests) // ROUNDS
    for at in range(0, share * ROUNDS, share):
        begun = time.perf_counter()
        many = loaded(port, MANY, requests[at : at + share]) * SIZE
        answered = time.perf_counter() - begun
        late = level(port)
        crowded.append((many, again(done)))
        done += share * SIZE
        told = f"{many:,.0f} events/s answered, level {late:.1f} s after {answered:.1f} s"
        print(f"    {store}: {told}; folded as stored {few:,.0f} events/s", flush=True)
    what = f"{store}: batches of {SIZE:,} with the follower ÷ ceiling"
    say(ratio("P2", what, crowded, 0.7, "events/s"))


def on_sqlite(count: int) -> None:
    """Tell the figures of SQLite."""
    with tempfile.TemporaryDirectory() as folder, stagefold(Path(folder)) as port:
        source, ceiling = Path(folder) / "stagefold.db", Path(folder) / "ceiling.db"
        upgrade(ceiling)
        publish_model(port)
        measure(port, "SQLite", count, lambda after: insert_again(source, ceiling, after, SIZE))


def on_postgres(count: int) -> None:
    """Tell the figures of PostgreSQL."""
    with serving(DEFAULTS) as server:
        databases = Databases(server)
        with service(databases) as (port, source, target):
            measure(
                port,
                "PostgreSQL",
                count,
                lambda after: asyncio.run(copy_again(source, target, after, SIZE)),
            )
        asyncio.run(databases.close())


def main() -> None:
    """Tell the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=240_000)
    arguments = parser.parse_args()
    on_sqlite(arguments.events)
    on_postgres(arguments.events)


if __name__ == "__main__":
    main()
