"""P12: webhooks delivered over HTTP, beside httpx posting the same bodies; and without HTTP.

    python -m benchmarks.webhooks [--deliveries 8000] [--rounds 6]

Deliveries of 8 endpoints with 8 places each, stage changes of 2,000 customers, wait in their lanes.
The courier takes them up, signs and sends them to a receiver on this machine in a process of its
own, and writes down how each went. The ceiling posts the same bodies with the same headers, 64 at
a time, by an `httpx.AsyncClient` in the same process and loop, and forgets them. Both take turns;
a ratio is the median. Claim and complete: the same deliveries, settled and taken up in the
transactions of the courier, 200 at a time, with nothing sent between them.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx

from benchmarks.figures import Figure, ratio, say
from benchmarks.serving import taking
from projections.asking import EVERYBODY, Script
from projections.registers.register import entries, put
from projections.webhooks.lanes import Claimed, Parcel, Room, Settled, claim, enqueue, settle
from projections.webhooks.rows import ENDPOINTS, WAITING, Attempt, Endpoint, Message
from service.adapters.postgres import postgres_store
from service.adapters.runners import ThreadRunner
from service.adapters.sqlite import sqlite_store
from service.adapters.system import SystemClock, SystemRandomness
from service.leases import Alone
from service.ports import Store
from service.running import loop_factory
from service.schema import upgrade
from service.webhooks.addresses import parse_networks
from service.webhooks.courier import Courier
from service.webhooks.posting import Post, Secret, Signers, secrets_text
from service.webhooks.samples import sample_of
from service.webhooks.signing import SharedSecret
from service.webhooks.targets import Guard
from service.webhooks.terms import STAGE_CHANGED, Terms, terms_of
from service.webhooks.transport import GuardedClient
from tests.servers.postgres import CURE, Databases, is_available, serving

ENDPOINTS_HERE = 8
AT_ONCE = ENDPOINTS_HERE * 8
CUSTOMERS = 2_000
CLAIMED_AT_ONCE = 200
LEASED_MICROSECONDS = 60_000_000
HERE = Guard(parse_networks(["127.0.0.0/8"]))


def endpoints(port: int, now: int) -> list[Endpoint]:
    """Return endpoints at the receiver."""
    secret = secrets_text([Secret(SharedSecret(b"benchmark" * 4).text)])
    url = f"http://127.0.0.1:{port}/hooks"
    return [
        Endpoint("default", f"we_{nth}", Terms(url).text, secret, "enabled", "", 1, now, now)
        for nth in range(ENDPOINTS_HERE)
    ]


def messages(count: int, now: int, run: str) -> list[Message]:
    """Return stage changes as the fan-out makes them, of one customer after another."""
    told = sample_of(STAGE_CHANGED, "default", now, run)
    return [
        replace(told, lane=f"user-{nth % CUSTOMERS}", model="b2c").message(
            now, message_id=f"tr_{run}_{nth}"
        )
        for nth in range(count)
    ]


async def put_in(store: Store, names: Sequence[str], coming: Sequence[Message], now: int) -> None:
    """Let each message wait for one of the endpoints *names*, which take turns by customer."""
    parcels = [Parcel(names[nth % CUSTOMERS % len(names)], one) for nth, one in enumerate(coming)]
    for at in range(0, len(parcels), 1_000):
        await store.carry(enqueue(parcels[at : at + 1_000], now))


async def delivered(store: Store, count: int) -> float:
    """Return deliveries per second until all that wait are delivered."""
    courier = Courier(store, SystemClock(), SystemRandomness(), GuardedClient(HERE), Alone())
    start = time.perf_counter()
    while await store.look(_left(), of=EVERYBODY):
        await courier.round()
    rate = count / (time.perf_counter() - start)
    await courier.close()
    return rate


def _left() -> Script[bool]:
    """Return whether anything waits."""
    return bool((yield from entries(WAITING, limit=1)))


async def posted(coming: Sequence[Message], one: Endpoint, store: Store) -> float:
    """Return posts per second of plain httpx."""
    clock = SystemClock()
    now, terms = clock.now(), terms_of(one.terms)
    signers = Signers(store, clock).of(one, terms, now)
    posts = iter([Post(each, terms).message(signers, 1, now) for each in coming])
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
    async with httpx.AsyncClient(limits=limits, trust_env=False) as client:

        async def work() -> None:
            for post in posts:
                answer = await client.post(post.url, content=post.body, headers=post.headers)
                answer.raise_for_status()

        start = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        return len(coming) / (time.perf_counter() - start)


async def settled(store: Store, names: Sequence[str], count: int) -> float:
    """Return deliveries per second that are taken up and written down with nothing between."""
    rooms = [Room(name, CLAIMED_AT_ONCE // len(names)) for name in names]
    clock, leases, done = SystemClock(), itertools.count(1), 0
    claimed: list[Claimed] = []
    start = time.perf_counter()
    while True:
        now = clock.now()
        results = [_taken(one, now) for one in claimed]

        def work() -> Script[list[Claimed]]:
            yield from settle(results, (), now)  # noqa: B023 -- run before the next turn
            until = now + LEASED_MICROSECONDS  # noqa: B023 -- as above
            return (yield from claim(rooms, now=now, lease=next(leases), until=until))  # noqa: B023 -- as above

        done += len(results)
        claimed = await store.carry(work())
        if not claimed:
            break
    if done != count:
        message = f"expected {count} deliveries, found {done}"
        raise SystemExit(message)
    return count / (time.perf_counter() - start)


def _taken(one: Claimed, now: int) -> Settled:
    delivery = replace(one.delivery, status="delivered", attempts=1, last_at=now, http_status=200)
    attempt = Attempt(
        delivery.tenant,
        delivery.number,
        1,
        delivery.endpoint,
        now,
        1,
        200,
        "",
        "the receiver answered 200",
        "127.0.0.1",
        "{}",
        b"",
    )
    return Settled(one, delivery, attempt)


async def measure(store: Store, name: str, arguments: argparse.Namespace) -> None:
    """Tell P12 on one store."""
    now, count = SystemClock().now(), arguments.deliveries
    with taking() as port:
        made = endpoints(port, now)
        names = [one.id for one in made]
        await store.carry(put(ENDPOINTS, *made))
        rounds = []
        for nth in range(arguments.rounds + 1):
            coming = messages(count, now, f"r{nth}")
            ceiling = await posted(coming, made[0], store)
            await put_in(store, names, coming, now)
            rounds.append((await delivered(store, count), ceiling))
        what = f"{name}: deliveries over HTTP ÷ httpx posting the same, {AT_ONCE} at a time"
        say(ratio("P12", what, rounds[1:], 0.6, "deliveries/s"))
    rates = []
    for nth in range(3):
        await put_in(store, names, messages(count, now, f"s{nth}"), now)
        rates.append(await settled(store, names, count))
    what = f"{name}: taken up and written down without HTTP, {CLAIMED_AT_ONCE} at a time"
    said = ", ".join(f"{each:,.0f}" for each in rates)
    say(Figure("P12", what, sorted(rates)[1], None, f"rounds: {said}", unit="deliveries/s"))


@asynccontextmanager
async def embedded() -> AsyncIterator[Store]:
    """Lend an empty SQLite store as a server has it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stagefold.db"
        upgrade(path)
        store = sqlite_store(path, ThreadRunner())
        yield store
        await store.close()


async def run(arguments: argparse.Namespace, databases: Databases | None) -> None:
    """Tell P12 on both stores."""
    async with embedded() as store:
        await measure(store, "SQLite", arguments)
    if databases is None:
        say(Figure("P12", "PostgreSQL: deliveries over HTTP", None, 0.6, CURE))
        return
    async with databases.fresh() as url:
        shared = await postgres_store(url)
        await measure(shared, "PostgreSQL", arguments)
        await shared.close()
    await databases.close()


def main() -> None:
    """Tell the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=8_000)
    parser.add_argument("--rounds", type=int, default=6)
    arguments = parser.parse_args()
    with ExitStack() as stack:
        databases = None
        if is_available():
            databases = Databases(stack.enter_context(serving("-c max_wal_size=4GB")))
        runner = stack.enter_context(asyncio.Runner(loop_factory=loop_factory()))
        runner.run(run(arguments, databases))


if __name__ == "__main__":
    main()
