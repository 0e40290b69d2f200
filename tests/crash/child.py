"""A process that appends from many callers and prints each acknowledged id; made to be killed."""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

from projections.events.log import Submission
from service.adapters.runners import ThreadRunner
from service.adapters.sqlite import sqlite_store
from service.intake.appender import Appender
from tests.builders import DAY, at
from tests.contract.saying import sent

CALLERS = 12


class Counting:
    """A clock that advances a minute a look."""

    instant = at(500)

    def now(self) -> int:
        """Return the next minute."""
        self.instant += 60_000_000
        return self.instant


async def call(appender: Appender, run: str, caller: int) -> None:
    """Append events of a few customers, late ones and joins among them, until killed."""
    chance = random.Random(f"{run}-{caller}")  # noqa: S311 -- repeatable, not secret
    number = 0
    while True:
        events = []
        for _ in range(chance.choice((1, 1, 5))):
            number += 1
            name = chance.choice(("visited", "ordered", "ordered", "cancelled"))
            fields = {"anonymous_id": f"a{chance.randrange(40)}"} if chance.random() < 0.1 else {}
            day, customer = chance.randrange(400), f"c{chance.randrange(30)}"
            events.append(sent(f"{run}-{caller}-{number}", name, day, customer, **fields))
        receipts = await appender.append(Submission(events))
        ids = [receipt.event_id for receipt in receipts if receipt.status == "accepted"]
        sys.stdout.write("".join(f"{event_id}\n" for event_id in ids))
        sys.stdout.flush()


async def main(path: Path, run: str) -> None:
    """Append to the database at *path* until the process is killed."""
    store = sqlite_store(path, ThreadRunner())
    appender = Appender(store, Counting())
    appender.start()
    await store.sweep(at(500) + DAY)
    await asyncio.gather(*(call(appender, run, caller) for caller in range(CALLERS)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
