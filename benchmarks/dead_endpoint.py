"""One dead endpoint with 100,000 deliveries waiting beside four healthy ones: who feels it?

    python -m benchmarks.dead_endpoint [--waiting 100000] [--events 200] [--rounds 10]

Two servers of the same kind run side by side, so that other work on the machine meets them alike:
one whose database holds the backlog, and one without it. Each gets one event every 40 ms, about
customers whom nobody has named yet, and each of its four healthy endpoints is told that they
entered a stage. Latency counts from when an event was due until a receiver has it. The dead
endpoint takes every connection and never answers. A figure is a percentile over all rounds, with
the backlog ÷ without; the range is that of single rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import statistics
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path

import asyncpg
import httpx

from benchmarks.figures import Figure, say
from benchmarks.serving import stagefold
from benchmarks.webhooks import messages, put_in
from benchmarks.workload import HEADERS, publish_model
from projections.registers.register import put
from projections.webhooks.rows import ENDPOINTS, Endpoint
from service.adapters.postgres import postgres_store
from service.adapters.runners import DirectRunner
from service.adapters.sqlite import sqlite_store
from service.adapters.system import SystemClock
from service.ports import Store
from service.running import loop_factory
from service.schema import upgrade
from service.webhooks.posting import Secret, secrets_text
from service.webhooks.signing import SharedSecret
from service.webhooks.terms import Terms
from tests.servers.postgres import CURE, Databases, is_available, serving

HEALTHY = 4
PAUSE_SECONDS = 0.04
OWED = 1.2
DEAD = "we_dead"
DRAIN_SECONDS_MAX = 60.0


class Receivers:
    """Receivers that take what comes, and one that never answers."""

    def __init__(self) -> None:
        """Have received nothing."""
        self.came: dict[tuple[str, str], float] = {}
        self.news = asyncio.Event()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Note when each customer's first message came at each path."""
        loop = asyncio.get_running_loop()
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = int(head.split("content-length: ")[1].split("\r\n")[0])
                told = json.loads(await reader.readexactly(length))
                key = (head.split()[1], told["data"]["customer_id"])
                self.came.setdefault(key, loop.time())
                self.news.set()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    @staticmethod
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take everything and say nothing."""
        with suppress(ConnectionError):
            await reader.read()
        writer.close()


async def backlog(store: Store, port: int, count: int) -> None:
    """Let *count* deliveries wait for an endpoint at *port*."""
    now = SystemClock().now()
    secret = secrets_text([Secret(SharedSecret(b"benchmark" * 4).text)])
    terms = Terms(f"http://127.0.0.1:{port}/dead", types=("nothing",), timeout_seconds=5.0)
    dead = Endpoint("default", DEAD, terms.text, secret, "enabled", "", 1, now, now)
    await store.carry(put(ENDPOINTS, dead))
    for at in range(0, count, 5_000):
        await put_in(store, [DEAD], messages(min(5_000, count - at), now, f"b{at}"), now)


class Side:
    """One server, its endpoints, and the events that it gets."""

    def __init__(self, port: int, name: str, receivers: Receivers) -> None:
        """Begin with no event."""
        self.name = name
        self._receivers = receivers
        self._numbers = itertools.count()
        self._client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=HEADERS, timeout=60
        )

    async def begin(self, port: int) -> None:
        """Make the healthy endpoints."""
        for nth in range(HEALTHY):
            url = f"http://127.0.0.1:{port}/{self.name}/{nth}"
            terms = {"url": url, "types": ["customer.stage.changed"]}
            (await self._client.post("/v1/webhook-endpoints", json=terms)).raise_for_status()

    async def latencies(self, count: int) -> list[float]:
        """Return in seconds how long each of *count* events took to each receiver."""
        loop = asyncio.get_running_loop()
        posts, due = [], {}
        start = loop.time()
        for nth in range(count):
            at = start + nth * PAUSE_SECONDS
            await asyncio.sleep(max(0.0, at - loop.time()))
            name = f"{self.name}-{next(self._numbers)}"
            due[name] = at
            event = {"id": name, "type": "signed_up", "customer_id": name}
            posts.append(asyncio.create_task(self._client.post("/v1/events", json=event)))
        for answer in await asyncio.gather(*posts):
            answer.raise_for_status()
        keys = {(f"/{self.name}/{nth}", name): at for name, at in due.items() for nth in range(4)}
        async with asyncio.timeout(DRAIN_SECONDS_MAX):
            while not keys.keys() <= self._receivers.came.keys():
                self._receivers.news.clear()
                await self._receivers.news.wait()
        return [self._receivers.came[key] - at for key, at in keys.items()]

    async def close(self) -> None:
        """Let go of the server."""
        await self._client.aclose()


def at(latencies: Sequence[float], percent: int) -> float:
    """Return a percentile."""
    return statistics.quantiles(latencies, n=100)[percent - 1]


async def compare(
    ports: Sequence[int], receivers: Receivers, healthy: int, store: str, how: argparse.Namespace
) -> None:
    """Tell the latencies of two servers, the first of which has the backlog."""
    sides = [
        Side(port, name, receivers) for port, name in zip(ports, ("with", "without"), strict=True)
    ]
    for side in sides:
        await side.begin(healthy)
        await side.latencies(50)
    rounds = [
        await asyncio.gather(*(side.latencies(how.events) for side in sides))
        for _ in range(how.rounds)
    ]
    for percent in (50, 99):
        whole = [
            at([each for one in column for each in one], percent)
            for column in zip(*rounds, strict=True)
        ]
        ratios = sorted(at(one, percent) / at(other, percent) for one, other in rounds)
        what = f"{store}: event to receipt, p{percent}, with {how.waiting:,} waiting ÷ without"
        detail = (
            f"{whole[0] * 1_000:.1f} and {whole[1] * 1_000:.1f} ms;"
            f" {ratios[0]:.2f} to {ratios[-1]:.2f} in {len(rounds)} rounds"
        )
        say(Figure("P12", what, whole[0] / whole[1], OWED, detail, at_most=True))
    for side in sides:
        await side.close()


@contextmanager
def served(folder: Path, url: str = "") -> Iterator[int]:
    """Serve what is in *folder* or at *url*, with a model, and yield the port."""
    with stagefold(folder, url) as port:
        publish_model(port)
        yield port


@asynccontextmanager
async def receiving() -> AsyncIterator[tuple[Receivers, int, int]]:
    """Lend receivers, the port of those that take and of the one that hangs."""
    receivers = Receivers()
    takes = await asyncio.start_server(receivers.take, "127.0.0.1", 0)
    hangs = await asyncio.start_server(receivers.hang, "127.0.0.1", 0)
    ports = [server.sockets[0].getsockname()[1] for server in (takes, hangs)]
    yield receivers, ports[0], ports[1]
    takes.close()
    hangs.close()


async def on_sqlite(how: argparse.Namespace) -> None:
    """Tell the figures of SQLite."""
    async with AsyncExitStack() as stack:
        receivers, healthy, dead = await stack.enter_async_context(receiving())
        folders = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(2)]
        for folder in folders:
            upgrade(folder / "stagefold.db")
        store = sqlite_store(folders[0] / "stagefold.db", DirectRunner())
        await backlog(store, dead, how.waiting)
        await store.close()
        ports = [await asyncio.to_thread(stack.enter_context, served(each)) for each in folders]
        await compare(ports, receivers, healthy, "SQLite", how)


async def settle(url: str) -> None:
    """Let the database do now what it would do after so many rows in any case."""
    connection = await asyncpg.connect(url)
    await connection.execute("VACUUM ANALYZE")
    await connection.execute("CHECKPOINT")
    await connection.close()


async def on_postgres(how: argparse.Namespace, databases: Databases) -> None:
    """Tell the figures of PostgreSQL."""
    async with AsyncExitStack() as stack:
        receivers, healthy, dead = await stack.enter_async_context(receiving())
        urls = [await stack.enter_async_context(databases.fresh()) for _ in range(2)]
        store = await postgres_store(urls[0])
        await backlog(store, dead, how.waiting)
        await store.close()
        await settle(urls[0])
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ports = [
            await asyncio.to_thread(stack.enter_context, served(folder, each)) for each in urls
        ]
        await compare(ports, receivers, healthy, "PostgreSQL", how)
    await databases.close()


def main() -> None:
    """Tell the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=10)
    how = parser.parse_args()
    os.environ["STAGEFOLD_WEBHOOK_ALLOW_CIDRS"] = "127.0.0.0/8"
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(on_sqlite(how))
    if not is_available():
        say(Figure("P12", "PostgreSQL: a dead endpoint beside healthy ones", None, OWED, CURE))
        return
    with serving("-c max_wal_size=4GB") as server:
        databases = Databases(server)
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(on_postgres(how, databases))


if __name__ == "__main__":
    main()
