"""The sweeper's round: what is due is written down, what failed is tried, what is old goes."""

from __future__ import annotations

import pytest

from projections.events.log import SubjectKey
from service.adapters.memory import memory_store
from service.workers import sweeper
from service.workers.sweeper import Sweeper
from tests.builders import at
from tests.contract.saying import SHOP, TENANT, post, publish, sent, told

pytestmark = pytest.mark.anyio


class Noon:
    """A clock that tests set."""

    instant = at(0)

    def now(self) -> int:
        """Return what was set."""
        return self.instant


async def test_a_round_catches_up_after_a_downtime(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five fell due while nobody swept; two pages of two a round, so two rounds do."""
    monkeypatch.setattr(sweeper, "PAGE", 2)
    monkeypatch.setattr(sweeper, "PAGES_PER_ROUND", 2)
    store, clock = memory_store(), Noon()
    await publish(store, SHOP)
    names = [f"c{number}" for number in range(5)]
    await post(store, *(sent(name, "ordered", 0, name) for name in names), now=at(1))
    clock.instant = at(100)

    more = [await Sweeper(store, clock).round(), await Sweeper(store, clock).round()]

    assert more == [True, False]
    assert [(await told(store, name))[-1] for name in names] == [("dormant", 60)] * 5


async def test_a_round_removes_what_is_no_longer_read() -> None:
    store, clock = memory_store(), Noon()
    await publish(store, SHOP)
    await post(store, sent("e1"), now=at(0))
    await publish(store, SHOP)
    rounds = Sweeper(store, clock)

    while await rounds.round():
        pass
    await rounds.round()

    assert not (await store.health(at(0))).retired_rows
    assert await store.snapshot(TENANT, SubjectKey("customer", "ann")) is not None
