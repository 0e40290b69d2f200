"""Latency of posts and reads while a model is folded anew beside them, and without.

    python -m benchmarks.beside [--events 100000] [--store sqlite]

Single events at 200 a second and reads of customers at 200 a second, each from a process of its own
and counted from when it was due. The rebuild is begun again as soon as it is ready, and given up;
what it wrote is removed meanwhile, so that this is worse than any one rebuild.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks import load
from benchmarks.figures import Figure, say
from benchmarks.fold import MODEL
from benchmarks.load import Measured, loaded
from benchmarks.postgres import DEFAULTS, service
from benchmarks.serving import stagefold
from benchmarks.workload import CUSTOMERS, HEADERS, batches, publish_model, reads, singles
from tests.servers.postgres import Databases, serving

RATE = 200.0
SECONDS = 15
CLIENTS = 32
WARM = 2_000


@contextmanager
def rebuilding(port: int) -> Iterator[list[float]]:
    """Fold anew again and again; yield a list of events per second of each that was finished."""
    rates: list[float] = []
    is_over = threading.Event()
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(_rebuild, port, rates, is_over)
        try:
            yield rates
        finally:
            is_over.set()
            done.result()


def _rebuild(port: int, rates: list[float], is_over: threading.Event) -> None:
    order = {"model": MODEL["model"], "activate": False}
    base = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=base, headers=HEADERS, timeout=60) as client:
        while not is_over.is_set():
            begun = time.perf_counter()
            answer = client.post("/v1/rebuilds", json=order).raise_for_status()
            place = answer.headers["Location"]
            while (found := client.get(place).json())["status"] == "building":
                if is_over.wait(0.05):
                    break
            else:
                rates.append(found["done"] / (time.perf_counter() - begun))
            client.delete(place).raise_for_status()


def both(port: int, posts: list[bytes], names: list[str]) -> tuple[Measured, Measured]:
    """Return what posts and reads side by side took."""
    asked = reads(names, len(posts))
    with ThreadPoolExecutor(2) as threads:
        found = [
            threads.submit(load.run, port, CLIENTS, requests, RATE) for requests in (posts, asked)
        ]
        return found[0].result(), found[1].result()


def measure(port: int, store: str, events: int) -> None:
    """Tell the latencies, without a rebuild and beside one."""
    loaded(port, 4, batches(events, 1_000, "load"))
    count = round(RATE * SECONDS)
    posts = singles(2 * count + WARM, "paced")
    names = [f"customer-{number}" for number in range(CUSTOMERS)]
    loaded(port, CLIENTS, posts[:WARM])
    alone = both(port, posts[WARM : WARM + count], names)
    with rebuilding(port) as rates:
        beside = both(port, posts[WARM + count :], names)
    folded = json.dumps([round(rate) for rate in rates])
    for what, quiet, busy in zip(("posts", "reads"), alone, beside, strict=True):
        detail = (
            f"median {busy.p50_ms:.1f}; without: {quiet.p99_ms:.1f}, median {quiet.p50_ms:.1f};"
            f" {busy.failures + quiet.failures} failed; rebuilt at {folded} events/s"
        )
        name = f"{store}: {RATE:.0f} {what}/s beside a rebuild, 99th percentile"
        say(Figure("P4", name, busy.p99_ms, None, detail, at_most=True, unit="ms"))


def main() -> None:
    """Tell the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--store", choices=("sqlite", "postgresql", "both"), default="both")
    arguments = parser.parse_args()
    if arguments.store != "postgresql":
        with tempfile.TemporaryDirectory() as folder, stagefold(Path(folder)) as port:
            publish_model(port)
            measure(port, "SQLite", arguments.events)
    if arguments.store != "sqlite":
        with serving(DEFAULTS) as server:
            databases = Databases(server)
            with service(databases) as (port, _, _):
                measure(port, "PostgreSQL", arguments.events)
            asyncio.run(databases.close())


if __name__ == "__main__":
    main()
