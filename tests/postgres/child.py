"""A process that appends from many callers and prints each acknowledged id; made to be killed.

Where the database is away it sends the same events again until it is back, as a producer does.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys

import anyio

from projections.events.log import NewEvent, Receipt, Submission
from service.adapters.postgres import postgres_store
from service.adapters.postgres.store import PostgresStore
from service.intake.appender import Appender
from service.ports import StoreUnavailable
from tests.builders import at
from tests.contract.saying import sent

CALLERS = 8
PAUSE_SECONDS = 0.05


class Counting:
    """A clock that advances a minute a look."""

    instant = at(500)

    def now(self) -> int:
        """Return the next minute."""
        self.instant += 60_000_000
        return self.instant


def drawn(chance: random.Random, prefix: str) -> list[NewEvent]:
    """Return events of a few customers, late ones, accounts and joins among them."""
    events = []
    for place in range(chance.choice((1, 1, 5))):
        name = chance.choice(("visited", "ordered", "ordered", "cancelled"))
        fields = {"anonymous_id": f"a{chance.randrange(40)}"} if chance.random() < 0.1 else {}
        if chance.random() < 0.2:
            fields["account_id"] = f"k{chance.randrange(5)}"
        day, customer = chance.randrange(400), f"c{chance.randrange(30)}"
        events.append(sent(f"{prefix}-{place}", name, day, customer, **fields))
    return events


async def delivered(appender: Appender, events: list[NewEvent]) -> list[Receipt]:
    """Return the receipts of *events*, sent again for as long as the database is away."""
    while True:
        try:
            return await appender.append(Submission(events))
        except StoreUnavailable:
            await anyio.sleep(PAUSE_SECONDS)


async def call(appender: Appender, run: str, caller: int) -> None:
    """Append until killed."""
    chance = random.Random(f"{run}-{caller}")  # noqa: S311 -- repeatable, not secret
    number = 0
    while True:
        number += 1
        receipts = await delivered(appender, drawn(chance, f"{run}-{caller}-{number}"))
        sys.stdout.write("".join(f"{one.status} {one.event_id}\n" for one in receipts))
        sys.stdout.flush()


async def sweep(store: PostgresStore) -> None:
    """Sweep until killed, beside everything else."""
    while True:
        with contextlib.suppress(StoreUnavailable):
            await store.sweep(at(505))
        await anyio.sleep(PAUSE_SECONDS)


async def opened(url: str) -> PostgresStore:
    """Return the store, waited for where the database is away."""
    while True:
        with contextlib.suppress(StoreUnavailable):
            return await postgres_store(url)
        await anyio.sleep(PAUSE_SECONDS)


async def main(url: str, run: str) -> None:
    """Append to the database at *url* until the process is killed."""
    store = await opened(url)
    appender = Appender(store, Counting())
    appender.start()
    await asyncio.gather(sweep(store), *(call(appender, run, caller) for caller in range(CALLERS)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
