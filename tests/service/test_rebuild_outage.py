"""A rebuild that an outage stops is written down as failed, however long the outage lasts."""

from __future__ import annotations

import asyncio
import random

from structlog.testing import capture_logs

from service.adapters.memory.rows import MemoryRows
from service.catalogue import Catalogue
from service.ports import Generation
from tests.builders import at
from tests.contract.saying import SHOP, TENANT, post, publish, sent
from tests.simulation.loop import simulated_loop
from tests.simulation.trouble import Trouble, memory_store


class Noon:
    """A clock that stands."""

    def now(self) -> int:
        """Return the one instant."""
        return at(200)


async def rebuilt_in(trouble: Trouble) -> Generation:
    """Return what became of a rebuild during which most calls failed for an hour."""
    store = memory_store(trouble, MemoryRows())
    await publish(store, SHOP)
    await post(store, sent("e1"), now=at(1))
    catalogue = Catalogue(store, Noon())
    begun = await catalogue.activate(TENANT, "shop", 1)
    trouble.set_in(1)
    await asyncio.sleep(3_600)
    trouble.set_in(0)
    await asyncio.sleep(120)
    await catalogue.close()
    found = await store.generation(TENANT, begun.generation)
    assert found is not None
    return found


def test_no_rebuild_is_left_building_by_an_outage() -> None:
    """Giving up needs the database too: it is tried until it is written."""
    for seed in range(20):
        chance = random.Random(seed)  # noqa: S311 -- it repeats

        with capture_logs():
            found = simulated_loop(chance).run_until_complete(rebuilt_in(Trouble(chance)))

        assert found.status in {"active", "failed"}, seed
