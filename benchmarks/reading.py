"""What reading a customer costs the server's process: CPU time from a request to its answer.

    python -m benchmarks.reading [--store sqlite|postgres] [--reads 20000] [--profile]

The application is called in this process, without sockets, by 32 clients at once; the idle route,
which passes the same layers and answers as many bytes, takes turns with the reads. What a database
server spends is not in it. With *--profile* the functions follow in which the time went.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Iterator, Sequence
from itertools import cycle, islice

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from benchmarks.inside import ask, bodies_of, in_store, post, profiled
from benchmarks.serving import PATH_OF_IDLE
from benchmarks.workload import events, strangers
from service.running import settle_garbage

CLIENTS = 32
ROUNDS = 5
KNOWN = 2_000


async def read(app: FastAPI, paths: Iterator[str]) -> None:
    """Read *paths* one after another."""
    for path in paths:
        await ask(app, "GET", path)


async def all_of(app: FastAPI, paths: Sequence[str]) -> float:
    """Return microseconds of CPU time for each of *paths*, read by all clients."""
    waiting = iter(paths)
    begun = time.process_time()
    await asyncio.gather(*(read(app, waiting) for _ in range(CLIENTS)))
    return (time.process_time() - begun) / len(paths) * 1e6


async def prepare(app: FastAPI, count: int) -> tuple[list[str], list[str]]:
    """Post events; return paths of customers read before, and of *count* never read before."""
    bodies = [*bodies_of(10_000, 1_000, "warm")]
    bodies += [each.partition(b"\r\n\r\n")[2] for each in strangers(count)]
    for body in bodies:
        await post(app, body)
    names = sorted({str(each["customer_id"]) for each in events(10_000, "warm")})[:KNOWN]
    known = [f"/v1/customers/{name}" for name in names]
    answer = await ask(app, "GET", known[0])

    async def idle(request: Request) -> Response:
        await request.body()
        return Response(answer, media_type="application/json")

    app.state.short_ways["GET", PATH_OF_IDLE] = idle
    await all_of(app, known)
    return known, [f"/v1/customers/stranger-{number}" for number in range(count)]


async def measure(app: FastAPI, name: str, arguments: argparse.Namespace) -> None:
    """Tell what a read costs."""
    count = arguments.reads
    known, once = await prepare(app, count)
    settle_garbage()
    share = count // ROUNDS
    costs: dict[str, list[float]] = {"idle route": [], "read before": [], "never read before": []}
    with profiled(wanted=arguments.profile):
        for number in range(ROUNDS):
            again = list(islice(cycle(known), share))
            anew = once[number * share : (number + 1) * share]
            shown = {"idle route": [PATH_OF_IDLE] * share, "read before": again}
            for what, paths in {**shown, "never read before": anew}.items():
                if arguments.only in ("", what):
                    costs[what].append(await all_of(app, paths))
    for what, spent in costs.items():
        if spent:
            spread = f"{min(spent):.1f} to {max(spent):.1f} in {ROUNDS} rounds"
            print(f"{name}: {what}: {statistics.median(spent):.1f} us ({spread})")


def main() -> None:
    """Tell the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--reads", type=int, default=20_000)
    parser.add_argument("--only", default="", help="one of the three lines")
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    in_store(arguments.store, lambda app, name: measure(app, name, arguments))


if __name__ == "__main__":
    main()
