"""P3 to P5 and P7 on the embedded default: HTTP in, durable (FULL), folded by one model, answered.

    python -m benchmarks.http_sqlite [--events 40000]

Ceilings of the same run: `executemany` of the very rows that the batches left, into the same tables
with the same indexes and durability; and the same server with a route that only answers.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import sqlite3
import tempfile
import time
from pathlib import Path

import httpx

from benchmarks import load
from benchmarks.fold import MODEL, TYPES, WEIGHTS
from benchmarks.serving import KEY, idle, stagefold
from service.schema import upgrade

CUSTOMERS = 5_000
READ_CUSTOMERS = 500
WEEKS = ("warm", "load", "paced")
WEEK_SECONDS = 7 * 86_400
ACTIVE_SECONDS_MAX = 30
SINGLE_ANSWER_BYTES = 170
HEADERS = {"Authorization": f"Bearer {KEY}"}
BATCH_TABLES = ("events", "event_keys")


def events(count: int, prefix: str) -> list[dict[str, object]]:
    """Return *count* events of about 350 bytes, in order over one week, of many customers.

    Each prefix has a week of its own in `WEEKS`, all of them recent: no deadline has passed since,
    and what is sent later is no late event.
    """
    chance = random.Random(prefix)
    start = time.time() - (len(WEEKS) - WEEKS.index(prefix)) * WEEK_SECONDS
    step = WEEK_SECONDS / count
    return [
        {
            "id": f"{prefix}-{number}-{chance.getrandbits(64):016x}",
            "type": chance.choices(TYPES, WEIGHTS)[0],
            "customer_id": f"customer-{chance.randrange(CUSTOMERS)}",
            "occurred_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start + number * step)),
            "properties": {
                "order_id": f"o-{number}",
                "amount": chance.randrange(10_000) / 100,
                "currency": "EUR",
                "channel": "web",
                "url": f"https://shop.example/products/{chance.randrange(1_000)}",
                "campaign": "newsletter-2026-03",
            },
        }
        for number in range(count)
    ]


def batches(count: int, size: int, prefix: str) -> list[bytes]:
    """Return requests that post *count* events, *size* at a time."""
    made = events(count, prefix)
    return [
        load.request("POST", "/v1/events", KEY, json.dumps(made[at : at + size]).encode())
        for at in range(0, count, size)
    ]


def publish_model(port: int) -> None:
    """Publish the model of the fold's benchmark and return when it is active."""
    url = f"http://127.0.0.1:{port}/v1/models/{MODEL['model']}"
    with httpx.Client(headers=HEADERS) as client:
        version = client.put(url, json=MODEL).raise_for_status().json()["version"]
        client.post(f"{url}/versions/{version}/activate").raise_for_status()
        end = time.monotonic() + ACTIVE_SECONDS_MAX
        while not client.get(url).raise_for_status().json()["active"]:
            if time.monotonic() > end:
                message = f"model {MODEL['model']} is not active after {ACTIVE_SECONDS_MAX} s"
                raise SystemExit(message)
            time.sleep(0.05)


def insert_again(database: Path, size: int) -> float:
    """Return rows per second of `executemany` for the rows in *database*, *size* a transaction."""
    with contextlib.closing(sqlite3.connect(database)) as source:
        rows = {
            table: source.execute(f"SELECT * FROM {table} ORDER BY position").fetchall()  # noqa: S608 - our own names
            for table in BATCH_TABLES
        }
    fresh = database.with_name("ceiling.db")
    fresh.unlink(missing_ok=True)
    upgrade(fresh)
    count = len(rows["events"])
    with contextlib.closing(sqlite3.connect(fresh, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        start = time.perf_counter()
        for at in range(0, count, size):
            connection.execute("BEGIN IMMEDIATE")
            for table, found in rows.items():
                marks = ", ".join("?" * len(found[0]))
                insert = f"INSERT INTO {table} VALUES ({marks})"  # noqa: S608 - our own names
                connection.executemany(insert, found[at : at + size])
            connection.execute("COMMIT")
        return count / (time.perf_counter() - start)


def show(line: str, got: float, ceiling: float, owed: float, unit: str = "events/s") -> None:
    """Print one figure: the ratio first, what is owed, then both rates."""
    print(f"{line}: {got / ceiling:.2f} (owed {owed:.2f})  {got:,.0f} of {ceiling:,.0f} {unit}")


def measure_batches(count: int) -> None:
    """Print P5 and P3: batches of 1,000 and of 100."""
    for name, size, owed in (("P5 batches of 1,000", 1_000, 0.55), ("P3 batches of 100", 100, 0.4)):
        with tempfile.TemporaryDirectory() as folder:
            with stagefold(Path(folder)) as port:
                publish_model(port)
                load.run(port, 4, batches(size * 4, size, "warm"))
                measured = load.run(port, 4, batches(count, size, "load"))
                if measured.failures:
                    message = f"{measured.failures} requests failed"
                    raise SystemExit(message)
            ceiling = insert_again(Path(folder) / "stagefold.db", size)
            show(name, measured.rate(count), ceiling, owed)


def measure_singles(count: int) -> None:
    """Print P4: one event a request, 256 clients; and the latency at 500 a second."""
    with tempfile.TemporaryDirectory() as folder, stagefold(Path(folder)) as port:
        publish_model(port)
        load.run(port, 256, batches(1_000, 1, "warm"))
        measured = load.run(port, 256, batches(count, 1, "load"))
        with idle(SINGLE_ANSWER_BYTES) as other:
            load.run(other, 256, batches(1_000, 1, "warm"))
            ceiling = load.run(other, 256, batches(count, 1, "load"))
        show("P4 single events, 256 clients", measured.rate(count), ceiling.rate(count), 0.75)
        paced = load.run(port, 64, batches(2_500, 1, "paced"), 500.0)
        print(f"   at 500/s: p50 {paced.p50_ms:.1f} ms, p99 {paced.p99_ms:.1f} ms (owed 10)")
        if measured.failures or paced.failures:
            message = f"{measured.failures + paced.failures} requests failed"
            raise SystemExit(message)
        measure_reads(port, count)


def measure_reads(port: int, count: int) -> None:
    """Print P7: reading one customer, 32 clients."""
    names = sorted({str(one["customer_id"]) for one in events(count, "load")})[:READ_CUSTOMERS]
    paths = [f"/v1/customers/{name}" for name in names]
    reads = [load.request("GET", paths[n % len(paths)], KEY) for n in range(count)]
    answer = httpx.get(f"http://127.0.0.1:{port}{paths[0]}", headers=HEADERS).raise_for_status()
    if not answer.json()["stages"]:
        raise SystemExit("expected a customer with a stage, found one without")
    size = len(answer.content)
    measured = load.run(port, 32, reads)
    if measured.failures:
        message = f"{measured.failures} reads failed"
        raise SystemExit(message)
    with idle(size) as other:
        ceiling = load.run(other, 32, reads)
    rates = measured.rate(count), ceiling.rate(count)
    show("P7 one customer, 32 clients", *rates, 0.6, "requests/s")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--singles", type=int, default=10_000)
    arguments = parser.parse_args()
    measure_batches(arguments.events)
    measure_singles(arguments.singles)


if __name__ == "__main__":
    main()
