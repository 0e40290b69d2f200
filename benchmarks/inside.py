"""What an event costs the server's process: CPU time from a request's body to its answer.

    python -m benchmarks.inside [--store sqlite|postgres] [--size 1000] [--events 40000]
                                [--clients 4] [--profile]

The application is called in this process, without sockets, by some clients at once; so other work
on the machine disturbs the figure far less than it does a rate. A *size* of 1 posts events as
objects. What a database server spends is not in it. With *--profile* the functions follow in which
the time went.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import cProfile
import pstats
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from typing import Any

from fastapi import FastAPI

from benchmarks.kafka import publish
from benchmarks.postgres import DEFAULTS
from benchmarks.serving import KEY, settings_of
from benchmarks.workload import batches, singles
from service import logs
from service.app import create_app
from service.bootstrap import build, close
from service.running import loop_factory, settle_garbage
from service.settings import Settings
from tests.servers.postgres import Databases, serving

ROUNDS = 5
SHOWN = 45


async def post(app: FastAPI, body: bytes) -> None:
    """Post *body* to the events, which must be taken."""
    await ask(app, "POST", "/v1/events", body)


async def ask(app: FastAPI, method: str, path: str, body: bytes = b"") -> bytes:
    """Return what *app* answers, which must be no refusal."""
    headers = {
        "host": "127.0.0.1",
        "authorization": f"Bearer {KEY}",
        "content-type": "application/json",
        "content-length": str(len(body)),
    }
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    status: list[int] = []
    answer: list[bytes] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:  # noqa: ANN401 - as ASGI has it
        if message["type"] == "http.response.start":
            status.append(message["status"])
        else:
            answer.append(message["body"])

    await app(scope, receive, send)
    if status[0] >= 300:
        message = f"{method} {path}: expected it to be taken, found {status[0]}"
        raise SystemExit(message)
    return b"".join(answer)


async def all_of(app: FastAPI, bodies: list[bytes], clients: int) -> float:
    """Return seconds of CPU time until all of *bodies*, sent by so many clients, are answered."""
    waiting = iter(bodies)

    async def client() -> None:
        for body in waiting:
            await post(app, body)

    begun = time.process_time()
    await asyncio.gather(*(client() for _ in range(clients)))
    return time.process_time() - begun


@contextlib.asynccontextmanager
async def application(folder: str, database_url: str) -> AsyncIterator[FastAPI]:
    """Lend the application over a store in *folder* or at *database_url*, one model active."""
    settings = Settings.from_environment(settings_of(folder, 8080, database_url))
    logs.configure(settings)
    services = await build(settings)
    await publish(services)
    try:
        yield create_app(services)
    finally:
        await close(services)


def bodies_of(count: int, size: int, prefix: str) -> list[bytes]:
    """Return the bodies of requests that post *count* events, *size* at a time."""
    requests = singles(count, prefix) if size == 1 else batches(count, size, prefix)
    return [each.partition(b"\r\n\r\n")[2] for each in requests]


async def measure(app: FastAPI, name: str, arguments: argparse.Namespace) -> None:
    """Tell what an event costs."""
    size, count, clients = arguments.size, arguments.events, arguments.clients
    await all_of(app, bodies_of(10_000, size, "warm"), clients)
    settle_garbage()
    bodies = bodies_of(count, size, "load")
    share, costs = len(bodies) // ROUNDS, []
    with profiled(wanted=arguments.profile):
        for at in range(0, share * ROUNDS, share):
            spent = await all_of(app, bodies[at : at + share], clients)
            costs.append(spent / (share * size) * 1e6)
    spread = f"{min(costs):.1f} to {max(costs):.1f} in {ROUNDS} rounds"
    print(f"{name}: batches of {size:,}: {statistics.median(costs):.1f} us an event ({spread})")


@contextlib.contextmanager
def profiled(*, wanted: bool) -> Iterator[None]:
    """Show where the time goes, if *wanted*."""
    if not wanted:
        yield
        return
    profile = cProfile.Profile(time.process_time)
    profile.enable()
    yield
    profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(SHOWN)


def in_store(store: str, measured: Callable[[FastAPI, str], Awaitable[None]]) -> None:
    """Have *measured* what is to be told of an application over a fresh *store*, named too."""

    async def over(name: str, url: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with application(folder, url) as app:
                await measured(app, name)

    async def over_fresh(databases: Databases) -> None:
        async with databases.fresh() as url:
            await over("PostgreSQL", url)
        await databases.close()

    if store == "sqlite":
        _run(over("SQLite", ""))
        return
    with serving(DEFAULTS) as server:
        _run(over_fresh(Databases(server)))


def _run(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(work)


def main() -> None:
    """Tell the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--size", type=int, default=1_000)
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    in_store(arguments.store, lambda app, name: measure(app, name, arguments))


if __name__ == "__main__":
    main()
