"""What is removed with a generation, and what has to stay."""

from __future__ import annotations

import pytest

from service.ports import Store
from tests.builders import at
from tests.contract.saying import SHOP, TENANT, post, publish, sent

pytestmark = pytest.mark.anyio


async def test_the_feed_keeps_what_it_told_as_retracted_only(store: Store) -> None:
    """A rebuild finds records quietly; one of them taken back is news that has to stay."""
    await post(store, sent("e1", "ordered", 0), now=at(1))
    await publish(store, SHOP, at(2))
    await post(store, sent("e2", "$void", None, properties={"event_id": "e1"}), now=at(3))
    before = await store.feed(TENANT)
    assert [record.kind for record in before.rows] == ["retracted", "retracted"]

    await publish(store, SHOP, at(4))
    for _ in range(20):
        await store.remove_retired(100)

    assert not (await store.health(at(4))).retired_rows
    assert await store.feed(TENANT) == before
