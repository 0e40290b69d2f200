"""P10 and P11 on SQLite: bytes per customer, memory, and cost per event as a history grows.

    python -m benchmarks.growth [--events 300000] [--customers 30000]

Events enter the store as they do in service (batches of 1,000, FULL, folded by one model), without
HTTP before it. Costs are CPU time of this process, which other work on the machine disturbs least.
The long form, `--events 10000000 --customers 1000000`, takes 12 GB and, at 150 us an event, half an
hour.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from benchmarks.figures import Figure, say
from benchmarks.fold import MODEL, TYPES, WEIGHTS
from domain.document import parse_model
from projections.subjects.standings import decode_standings
from service.adapters.runners import DirectRunner
from service.adapters.sqlite import sqlite_store
from service.ports import ModelVersion, NewEvent, Store, Submission
from service.schema import upgrade

TENANT = "default"
SECOND = 1_000_000
BATCH_EVENTS = 1_000
PARTS = 30
EARLY = slice(2, 5)
"""Parts around a tenth of all events."""

LATE = slice(-3, None)


def history(count: int, customers: int, end: int, tenant: str = TENANT) -> Iterator[NewEvent]:
    """Yield *count* events of the last weeks before *end*, in order, of *customers*."""
    chance = random.Random(7)
    step = 20 * 86_400 * SECOND // count or 1
    for number in range(count):
        name = f"customer-{chance.randrange(customers)}"
        event_type = chance.choices(TYPES, WEIGHTS)[0]
        properties = {"order_id": f"o-{number}", "amount": chance.randrange(10_000) / 100}
        payload = {"id": f"e-{number}", "type": event_type, "properties": properties}
        yield NewEvent(
            tenant,
            f"e-{number}",
            "benchmark",
            event_type,
            end - (count - number) * step,
            json.dumps({**payload, "customer_id": name, "note": "x" * 180}),
            name,
        )


async def activate(store: Store, now: int, tenant: str = TENANT) -> None:
    """Make the model of the fold's benchmark the tenant's active one."""
    model = parse_model(MODEL)
    text = json.dumps(model.document)
    version = ModelVersion(tenant, model.key, 0, text, text, model.hash, now, "benchmark")
    stored = await store.put_model(version)
    begun = await store.begin_generation(tenant, model.key, stored.version, now)
    await store.activate_generation(begun.generation, now)


async def append_all(store: Store, events: list[NewEvent], now: int) -> float:
    """Return microseconds of CPU per event."""
    start = time.process_time()
    for at in range(0, len(events), BATCH_EVENTS):
        await store.append([Submission(events[at : at + BATCH_EVENTS])], now)
    return (time.process_time() - start) / len(events) * 1e6


def resident_mebibytes() -> float:
    """Return how much memory the process holds now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / (1 << 20)


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
    """Tell the figures."""
    upgrade(database)
    store = sqlite_store(database, DirectRunner())
    now = time.time_ns() // 1_000
    await activate(store, now)
    coming, share = history(count, customers, now), count // PARTS
    costs, held = list[float](), list[float]()
    for _ in range(PARTS):
        costs.append(await append_all(store, list(islice(coming, share)), now))
        held.append(resident_mebibytes())
        tell_part(len(costs) * share, costs[-1], held[-1])
    await store.close()
    early, late = statistics.median(costs[EARLY]), statistics.median(costs[LATE])
    what = f"SQLite: cost per event, {count:,} events in the log ÷ a tenth of them"
    detail = f"{late:.0f} and {early:.0f} us of CPU"
    say(Figure("P11", what, late / early, 1.15, detail, at_most=True))
    tell_memory(state_bytes(database), held, customers)


def tell_part(events: int, cost: float, held: float) -> None:
    """Tell on standard error how far the run has come: the long form takes an hour."""
    sys.stderr.write(f"{events:,} events: {cost:.0f} us of CPU each, {held:.0f} MiB\n")


def tell_memory(sizes: list[int], held: list[float], customers: int) -> None:
    """Tell P10."""
    mean, most = statistics.mean(sizes), sorted(sizes)[len(sizes) * 99 // 100]
    what = f"state of six stages, mean of {len(sizes):,} customers"
    say(Figure("P10", what, mean, 400, f"99th percentile {most}", at_most=True, unit="bytes"))
    what = f"memory at the end ÷ at a third of all events, {customers:,} customers"
    detail = f"{held[-1]:.0f} and {held[PARTS // 3]:.0f} MiB"
    say(Figure("P10", what, held[-1] / held[PARTS // 3], 1.1, detail, at_most=True))


def main() -> None:
    """Tell the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--customers", type=int, default=30_000)
    parser.add_argument("--folder", help="where to put the database while it is needed")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        path = Path(folder) / "stagefold.db"
        asyncio.run(measure(path, arguments.events, arguments.customers))


if __name__ == "__main__":
    main()
