"""A rebuild that an outage stops goes on when it is over, however long it lasts."""

from __future__ import annotations

import asyncio
import random
from contextlib import nullcontext

import pytest
from structlog.testing import capture_logs

from projections.rebuilding.diffs import Matrix, Sides
from service.adapters.embedded.store import EmbeddedStore
from service.adapters.memory.readings import MemoryReadings
from service.adapters.memory.rows import MemoryRows
from service.adapters.runners import DirectRunner
from service.http.models.rebuilds import diff_of
from service.leases import Alone
from service.modelling.rebuilds import Rebuilds
from service.ports import Generation, StoreUnavailable
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
    rebuilds = Rebuilds(store, Noon(), Alone())
    begun = await rebuilds.begin(TENANT, "shop", 1)
    trouble.set_in(1)
    await asyncio.sleep(3_600)
    trouble.set_in(0)
    await asyncio.sleep(120)
    await rebuilds.close()
    found = await store.generation(TENANT, begun.generation)
    assert found is not None
    return found


def test_no_rebuild_is_failed_by_an_outage() -> None:
    """Nobody begins it again: it waits, and goes on from where it stood."""
    for seed in range(20):
        chance = random.Random(seed)  # noqa: S311 -- it repeats

        with capture_logs():
            found = simulated_loop(chance).run_until_complete(rebuilt_in(Trouble(chance)))

        assert found.status == "active", seed


class TooMany(MemoryReadings):
    """Readings of a database that gives up comparing everybody, as one does in which many are."""

    def stage_matrix(self, sides: Sides) -> Matrix:
        """Never answer."""
        raise StoreUnavailable(f"canceling statement due to statement timeout: {sides}")


@pytest.mark.anyio
async def test_an_activation_whose_report_takes_too_long_leaves_it_out() -> None:
    rows = MemoryRows()
    store = EmbeddedStore(rows, lambda _: nullcontext(TooMany(rows)), DirectRunner())
    await publish(store, SHOP)
    await post(store, sent("e1"), now=at(1))
    rebuilds = Rebuilds(store, Noon(), Alone())
    begun = await rebuilds.begin(TENANT, "shop", 1)

    with capture_logs():
        ended = await rebuilds.ended(begun)

    diff = await rebuilds.diff(TENANT, ended.generation)
    told = diff_of(diff, None)
    await rebuilds.close()
    assert ended.status == "active"
    assert (told["matrix_available"], told["subjects"], told["matrix"]) == (False, None, [])
