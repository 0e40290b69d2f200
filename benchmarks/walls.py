"""What row security costs whoever reads: the same questions with a wall and without, in turns.

    python -m benchmarks.walls [--customers 5000] [--tenants 4] [--rounds 9]

One database is read by two stores of one process, which take turns. What counts is the CPU time of
this process and of the server's together, which other work on the machine disturbs least. Callers
ask of several tenants; the wall keeps their batches apart.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import asyncpg

from benchmarks.fold import MODEL
from benchmarks.growth import activate, history
from domain.instants import DAY
from projections.registers.register import entries
from projections.webhooks.rows import ENDPOINTS
from service.adapters.postgres import postgres_store
from service.ports import BoardQuery, CustomerQuery, Store, SubjectKey, Submission
from tests.servers.postgres import CURE, PATIENT, Databases, is_available, reader_role_of, serving

CALLERS = 8
"""As many as connections of readers: nobody waits for one."""

ASKED_EACH = 40
EVENTS_EACH = 10
AT_ONCE = 1_000
KNOWN = 200
"""Customers who are asked for again and again; the rest is asked for once in a while."""

Ask = Callable[[Store, str, int], Awaitable[object]]
"""A question to a store, of a tenant, about a customer by number."""


def questions(now: int) -> dict[str, Ask]:
    """Return what is asked, by name."""
    model = MODEL["model"]

    def named(number: int) -> SubjectKey:
        return SubjectKey("customer", f"customer-{number}")

    return {
        "a customer asked for before": lambda store, tenant, n: store.snapshot(
            tenant, named(n % KNOWN)
        ),
        "any customer": lambda store, tenant, n: store.snapshot(tenant, named(n)),
        "transitions of one": lambda store, tenant, n: store.transitions(tenant, named(n)),
        "events of one": lambda store, tenant, n: store.events(tenant, named(n)),
        "50 customers": lambda store, tenant, n: store.customers(
            CustomerQuery(tenant, now, after=(f"customer-{n}", f"customer-{n}", "customer"))
        ),
        "board now": lambda store, tenant, _: store.board(BoardQuery(tenant, model, now)),
        "board a week ago": lambda store, tenant, _: store.board(
            BoardQuery(tenant, model, now - 7 * DAY)
        ),
        "100 events of the log": lambda store, tenant, n: store.log(tenant, after=n),
        "100 records of the feed": lambda store, tenant, n: store.feed(tenant, after=n),
        "endpoints of webhooks": lambda store, tenant, _: store.look(
            entries(ENDPOINTS, tenant), of=tenant
        ),
    }


async def fill(store: Store, tenants: list[str], customers: int, now: int) -> None:
    """Append the history of each tenant's customers."""
    for tenant in tenants:
        await activate(store, now, tenant)
        made = list(history(customers * EVENTS_EACH, customers, now, tenant))
        for at in range(0, len(made), AT_ONCE):
            await store.append([Submission(made[at : at + AT_ONCE])], now)


async def microseconds(
    store: Store, ask: Ask, tenants: list[str], numbers: list[int], pid: int
) -> float:
    """Return the CPU time per question, of which so many callers ask one after another."""

    async def call(caller: int) -> None:
        for number in numbers[caller::CALLERS]:
            await ask(store, tenants[number % len(tenants)], number)

    start = time.process_time() + of_server(pid)
    await asyncio.gather(*(call(caller) for caller in range(CALLERS)))
    return (time.process_time() + of_server(pid) - start) * 1e6 / len(numbers)


def of_server(pid: int) -> float:
    """Return the CPU seconds that the connections of a server have taken so far."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            rest = path.read_text(encoding="utf-8").rpartition(")")[2].split()
            if int(rest[1]) == pid:
                ticks += int(rest[11]) + int(rest[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def compare(stores: tuple[Store, Store], tenants: list[str], how: argparse.Namespace) -> None:
    """Print for each question what it takes without a wall and with it, and the ratio."""
    chance = random.Random(1)
    for name, ask in questions(time.time_ns() // 1_000).items():
        ratios, found = [], ([], [])  # type: ignore[var-annotated] # lists of numbers
        for turn in range(how.rounds + 1):
            numbers = [chance.randrange(how.customers) for _ in range(CALLERS * ASKED_EACH)]
            for place in (0, 1) if turn % 2 else (1, 0):
                taken = await microseconds(stores[place], ask, tenants, numbers, how.pid)
                if turn:  # the first one plans
                    found[place].append(taken)
            if turn:
                ratios.append(found[1][-1] / found[0][-1])
        plain, walled = (statistics.median(each) for each in found)
        ratio = statistics.median(ratios)
        print(f"{name:30} {plain:8.0f} us {walled:8.0f} us   {ratio:5.2f}", flush=True)


async def analyze(url: str) -> None:
    """Let the server know its tables, as it does by itself some time later."""
    connection = await asyncpg.connect(url)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


async def measure(databases: Databases, how: argparse.Namespace) -> None:
    """Fill a database and read it both ways."""
    tenants = [f"tenant-{number}" for number in range(how.tenants)]
    async with databases.fresh() as url:
        plain = await postgres_store(url, limits=PATIENT)
        walled = await postgres_store(url, limits=PATIENT, reader_role=reader_role_of(url))
        await fill(plain, tenants, how.customers, time.time_ns() // 1_000)
        await analyze(url)
        print(f"{how.tenants} tenants of {how.customers} customers; without, with, with / without")
        await compare((plain, walled), tenants, how)
        await plain.close()
        await walled.close()
    await databases.close()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=5_000)
    parser.add_argument("--tenants", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    if not is_available():
        print(CURE)
        return
    with serving("-c fsync=off") as server:
        databases = Databases(server)
        assert server.folder is not None  # noqa: S101 -- one that we started
        written = (server.folder / "data" / "postmaster.pid").read_text(encoding="utf-8")
        arguments.pid = int(written.split()[0])
        asyncio.run(measure(databases, arguments))


if __name__ == "__main__":
    main()
