"""P8, P10 and P11 on SQLite: boards, bytes per customer and cost per event as a history grows.

    python -m benchmarks.growth [--events 300000] [--customers 30000]

Events enter the store as they do in service (batches of 1,000, FULL, folded by one model), without
HTTP before it. Costs are CPU time of this process, which other work on the machine disturbs least.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from benchmarks.fold import MODEL, TYPES, WEIGHTS
from domain.document import parse_model
from projections.subjects import decode_standings
from service.adapters.runners import DirectRunner
from service.adapters.sqlite import sqlite_store
from service.ports import BoardQuery, ModelVersion, NewEvent, Store, Submission
from service.schema import upgrade

TENANT = "default"
SECOND = 1_000_000
BATCH_EVENTS = 1_000
PARTS = 10
LOOKS = 20


def history(count: int, customers: int, end: int) -> Iterator[NewEvent]:
    """Yield *count* events of the last weeks before *end*, in order, of *customers*."""
    chance = random.Random(7)
    step = 20 * 86_400 * SECOND // count
    for number in range(count):
        name = f"customer-{chance.randrange(customers)}"
        event_type = chance.choices(TYPES, WEIGHTS)[0]
        properties = {"order_id": f"o-{number}", "amount": chance.randrange(10_000) / 100}
        payload = {"id": f"e-{number}", "type": event_type, "properties": properties}
        yield NewEvent(
            TENANT,
            f"e-{number}",
            "benchmark",
            event_type,
            end - (count - number) * step,
            json.dumps({**payload, "customer_id": name, "note": "x" * 180}),
            name,
        )


async def activate(store: Store, now: int) -> None:
    """Make the model of the fold's benchmark the active one."""
    model = parse_model(MODEL)
    text = json.dumps(model.document)
    version = ModelVersion(TENANT, model.key, 0, text, text, model.hash, now, "benchmark")
    stored = await store.put_model(version)
    begun = await store.begin_generation(TENANT, model.key, stored.version, now)
    await store.activate_generation(begun.generation, now)


async def append_all(store: Store, events: list[NewEvent], now: int) -> float:
    """Return microseconds of CPU per event."""
    start = time.process_time()
    for at in range(0, len(events), BATCH_EVENTS):
        await store.append([Submission(events[at : at + BATCH_EVENTS])], now)
    return (time.process_time() - start) / len(events) * 1e6


async def board_milliseconds(store: Store, as_of: int) -> float:
    """Return the median time of a board at *as_of*."""
    query = BoardQuery(TENANT, str(MODEL["model"]), as_of)
    taken = []
    for _ in range(LOOKS):
        start = time.process_time()
        await store.board(query)
        taken.append((time.process_time() - start) * 1e3)
    return statistics.median(taken)


def state_bytes(database: Path) -> list[int]:
    """Return the length of each customer's state in the one model."""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT states FROM profiles").fetchall()
    return [
        len(standing.encoded or b"")
        for (packed,) in rows
        for standing in decode_standings(packed).values()
    ]


async def measure(database: Path, count: int, customers: int) -> None:
    """Print the figures."""
    upgrade(database)
    store = sqlite_store(database, DirectRunner())
    now = time.time_ns() // 1_000
    await activate(store, now)
    coming = list(history(count, customers, now))
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    share = count // PARTS
    costs = [
        await append_all(store, coming[at : at + share], now)
        for at in range(0, share * PARTS, share)
    ]
    early, late = statistics.median(costs[1:4]), statistics.median(costs[-3:])
    print(
        f"P11 cost per event, {count:,} events in the log ÷ the first {share * 4:,}: "
        f"{late / early:.2f} (owed 1.15 at 10 M ÷ 1 M)  {late:.0f} and {early:.0f} us of CPU"
    )
    sizes = state_bytes(database)
    print(
        f"P10 state of {len(sizes):,} customers: mean {statistics.mean(sizes):.0f} bytes, "
        f"99th percentile {sorted(sizes)[len(sizes) * 99 // 100]} (owed 400)"
    )
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - resident
    print(f"    memory of the process: {grown:.0f} MiB more at its greatest than before the first")
    week = 7 * 86_400 * SECOND
    print(
        f"P8 board of {len(sizes):,} customers: {await board_milliseconds(store, now):.1f} ms "
        f"(owed 10 at 1 M), a week ago {await board_milliseconds(store, now - week):.1f} (owed 500)"
    )
    await store.close()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--customers", type=int, default=30_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stagefold.db"
        asyncio.run(measure(path, arguments.events, arguments.customers))


if __name__ == "__main__":
    main()
