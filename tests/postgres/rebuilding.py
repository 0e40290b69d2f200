"""A process that carries rebuilds on until there is none; made to be killed."""

from __future__ import annotations

import asyncio
import sys

from service.adapters.postgres import PostgresBuilders, postgres_store
from service.adapters.postgres.store import PostgresStore
from service.leases import Alone
from service.modelling.rebuilds import Rebuilds
from tests.builders import at
from tests.servers.postgres import PATIENT

NOW = at(500)
FEW = 4
"""Subjects of a range: a rebuild has many, and many moments to be killed at."""


class Standing:
    """A clock that stands."""

    def now(self) -> int:
        """Return the one instant."""
        return NOW


def rebuilds_of(store: PostgresStore, url: str) -> Rebuilds:
    """Return what rebuilds by two processes, in ranges of few subjects.

    Without leases: whoever takes over is not kept waiting, and a slow death does no harm.
    """
    builders = PostgresBuilders(url, store, 2, small_events=0, range_subjects=FEW)
    return Rebuilds(store, Standing(), Alone(), builders)


async def main(url: str) -> None:
    """Carry on whatever is under way in the database at *url*, to its end."""
    store = await postgres_store(url, limits=PATIENT)
    rebuilds = rebuilds_of(store, url)
    await rebuilds.settle()
    await rebuilds.close()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
