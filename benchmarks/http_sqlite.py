"""P3 to P5 and P7 on the embedded default: HTTP in, durable (FULL), folded by one model, answered.

    python -m benchmarks.http_sqlite [--events 40000]

Ceilings of the same run: `executemany` of the very rows that the batches left, into the same tables
with the same indexes and durability; and the same server with a route that only answers. Both are
measured in turns, so that other work on the machine meets them alike; a ratio is the median.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import sqlite3
import statistics
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
ROUNDS = 8
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
    with contextlib.closing(sqlite3.connect(target, isolation_level=None)) as connection:
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


def show(line: str, rates: list[tuple[float, float]], owed: float, unit: str = "events/s") -> None:
    """Print one figure from (reached, ceiling) of each round: the median ratio comes first."""
    ratio = statistics.median(got / ceiling for got, ceiling in rates)
    got, ceiling = (statistics.median(column) for column in zip(*rates, strict=True))
    print(f"{line}: {ratio:.2f} (owed {owed:.2f})  {got:,.0f} of {ceiling:,.0f} {unit}")


def loaded(port: int, clients: int, requests: list[bytes]) -> float:
    """Return requests per second; none of them may fail."""
    measured = load.run(port, clients, requests)
    if measured.failures:
        message = f"{measured.failures} of {len(requests)} requests failed"
        raise SystemExit(message)
    return measured.rate(len(requests))


def measure_batches(count: int) -> None:
    """Print P5 and P3: batches of 1,000 and of 100."""
    for name, size, owed in (("P5 batches of 1,000", 1_000, 0.55), ("P3 batches of 100", 100, 0.4)):
        with tempfile.TemporaryDirectory() as folder, stagefold(Path(folder)) as port:
            ceiling = Path(folder) / "ceiling.db"
            upgrade(ceiling)
            publish_model(port)
            loaded(port, 4, batches(size * 4, size, "warm"))
            done, rates = size * 4, []
            requests = batches(count, size, "load")
            share = len(requests) // ROUNDS
            for at in range(0, share * ROUNDS, share):
                got = loaded(port, 4, requests[at : at + share]) * size
                source = Path(folder) / "stagefold.db"
                rates.append((got, insert_again(source, ceiling, done, size)))
                done += share * size
            show(name, rates, owed)


def measure_singles(count: int) -> None:
    """Print P4: one event a request, 256 clients; the latency at 500 a second; and P7."""
    with tempfile.TemporaryDirectory() as folder, stagefold(Path(folder)) as port:
        publish_model(port)
        loaded(port, 256, batches(1_000, 1, "warm"))
        requests = batches(count, 1, "load")
        show("P4 single events, 256 clients", beside_idle(port, 256, requests), 0.75)
        paced = load.run(port, 64, batches(2_500, 1, "paced"), 500.0)
        print(f"   at 500/s: p50 {paced.p50_ms:.1f} ms, p99 {paced.p99_ms:.1f} ms (owed 10)")
        measure_reads(port, count)


def beside_idle(
    port: int, clients: int, requests: list[bytes], answer_bytes: int = SINGLE_ANSWER_BYTES
) -> list[tuple[float, float]]:
    """Return requests per second of ours and of an idle server, in turns."""
    share = len(requests) // ROUNDS
    with idle(answer_bytes) as other:
        loaded(other, clients, requests[:share])
        parts = [requests[at : at + share] for at in range(0, share * ROUNDS, share)]
        return [(loaded(port, clients, part), loaded(other, clients, part)) for part in parts]


def measure_reads(port: int, count: int) -> None:
    """Print P7: reading one customer, 32 clients."""
    names = sorted({str(one["customer_id"]) for one in events(count, "load")})[:READ_CUSTOMERS]
    paths = [f"/v1/customers/{name}" for name in names]
    reads = [load.request("GET", paths[n % len(paths)], KEY) for n in range(count)]
    answer = httpx.get(f"http://127.0.0.1:{port}{paths[0]}", headers=HEADERS).raise_for_status()
    if not answer.json()["stages"]:
        raise SystemExit("expected a customer with a stage, found one without")
    rates = beside_idle(port, 32, reads, len(answer.content))
    show("P7 one customer, 32 clients", rates, 0.6, "requests/s")


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
