"""P9: events appended and folded, beside `eventsourcing` from PyPI, which only appends.

    python -m benchmarks.sourcing [--events 20000]

Both run inside one process, without HTTP, on the same kind of database with its usual durability:
`app.save` of an aggregate with new events, from as many threads as there are callers, and our
appender with as many tasks. It needs what `uv sync --inexact --group benchmark` installs.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.figures import Figure, ratio, say
from benchmarks.growth import activate, history
from service.adapters.postgres import postgres_store
from service.adapters.runners import ThreadRunner
from service.adapters.sqlite import sqlite_store
from service.adapters.system import SystemClock
from service.intake.appender import Appender
from service.ports import NewEvent, Store, Submission
from service.schema import upgrade
from tests.servers.postgres import CURE, Databases, is_available, serving

CURE_OF_ABSENCE = "cure: uv sync --inexact --extra dev --group benchmark"
ROUNDS = 5
CUSTOMERS = 2_000
FORMS = (("single events, 64 clients", 64, 1, 4.0), ("batches of 100, 1 client", 1, 100, 2.0))
PROPERTIES = json.loads(next(iter(history(1, 1, 0))).payload)


class Theirs:
    """Aggregates of `eventsourcing`, each with the events of one customer."""

    def __init__(self, environment: dict[str, str]) -> None:
        from eventsourcing.application import Application  # noqa: PLC0415 - may be absent

        from benchmarks.aggregate import Customer  # noqa: PLC0415 - same

        self._app: Any = Application(environment)
        self._made: Any = Customer
        self._tasks = ThreadPoolExecutor(64)

    def rate(self, total: int, clients: int, size: int) -> float:
        """Return events per second."""
        share = total // clients // size

        def client(_: int) -> None:
            customer: Any = self._made()
            for _ in range(share):
                for _ in range(size):
                    customer.happen("order_completed", PROPERTIES)
                self._app.save(customer)

        start = time.perf_counter()
        list(self._tasks.map(client, range(clients)))
        return share * clients * size / (time.perf_counter() - start)

    def close(self) -> None:
        """Give back threads and connections."""
        self._tasks.shutdown()
        self._app.close()


class Ours:
    """The appender over a store, with one model active."""

    def __init__(self, store: Store, coming: Iterator[NewEvent]) -> None:
        self._store = store
        self._coming = coming
        self._appender = Appender(store, SystemClock())

    async def rate(self, total: int, clients: int, size: int) -> float:
        """Return events per second."""
        self._appender.start()
        share = total // clients // size
        work = [
            [[next(self._coming) for _ in range(size)] for _ in range(share)]
            for _ in range(clients)
        ]

        async def client(batches: list[list[NewEvent]]) -> None:
            for batch in batches:
                await self._appender.append(Submission(batch))

        start = time.perf_counter()
        await asyncio.gather(*map(client, work))
        return share * clients * size / (time.perf_counter() - start)

    async def close(self) -> None:
        """Write what waits, and give the store back."""
        await self._appender.close()
        await self._store.close()


async def compare(name: str, ours: Ours, theirs: Theirs, total: int) -> None:
    """Tell P9 for one kind of database."""
    for form, clients, size, owed in FORMS:
        await ours.rate(total // 4, clients, size)
        rounds = []
        for _ in range(ROUNDS):
            got = await ours.rate(total, clients, size)
            saved = await asyncio.to_thread(theirs.rate, total // 4, clients, size)
            rounds.append((got, saved))
        say(ratio("P9", f"{name}: {form} ÷ eventsourcing", rounds, owed, "events/s"))
    await ours.close()
    theirs.close()


async def made(store: Store, total: int) -> Ours:
    """Return ours over *store*, with enough events to come."""
    now = time.time_ns() // 1_000
    await activate(store, now)
    return Ours(store, history(total * (ROUNDS + 2) * len(FORMS), CUSTOMERS, now))


async def on_sqlite(total: int) -> None:
    """Tell P9 on SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stagefold.db"
        upgrade(path)
        ours = await made(sqlite_store(path, ThreadRunner()), total)
        where = {
            "PERSISTENCE_MODULE": "eventsourcing.sqlite",
            "SQLITE_DBNAME": str(Path(folder) / "theirs.db"),
        }
        await compare("SQLite", ours, Theirs(where), total)


async def on_postgres(databases: Databases, total: int) -> None:
    """Tell P9 on PostgreSQL."""
    async with databases.fresh() as url, databases.bare() as other:
        ours = await made(await postgres_store(url), total)
        await compare("PostgreSQL", ours, Theirs(environment_of(other)), total)
    await databases.close()


def environment_of(url: str) -> dict[str, str]:
    """Return what tells `eventsourcing` to keep its log in the database at *url*."""
    parts = urlsplit(url)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": parts.path.strip("/"),
        "POSTGRES_HOST": str(parts.hostname),
        "POSTGRES_PORT": str(parts.port),
        "POSTGRES_USER": str(parts.username),
        "POSTGRES_PASSWORD": parts.password or "",
        "POSTGRES_POOL_SIZE": "16",
        "POSTGRES_MAX_OVERFLOW": "48",
    }


def main() -> None:
    """Tell the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    arguments = parser.parse_args()
    if importlib.util.find_spec("eventsourcing") is None:
        say(Figure("P9", "beside eventsourcing", None, detail=CURE_OF_ABSENCE))
        return
    asyncio.run(on_sqlite(arguments.events))
    if not is_available():
        say(Figure("P9", "PostgreSQL: beside eventsourcing", None, detail=CURE))
        return
    with serving("-c max_wal_size=4GB") as server:
        asyncio.run(on_postgres(Databases(server), arguments.events))


if __name__ == "__main__":
    main()
