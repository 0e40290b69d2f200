"""How far the feed is in topics of others: moved on by whoever knows where it stands."""

from __future__ import annotations

import pytest

from projections.asking import EVERYBODY
from projections.registers.published import Published, publish_on, published
from service.ports import Store
from tests.contract.saying import LATER

pytestmark = pytest.mark.anyio

FIVE = Published("transitions", "default", 5, LATER)


async def test_a_feed_is_published_up_to_where_it_was_written_down(store: Store) -> None:
    assert await store.look(published("transitions", "default"), of=EVERYBODY) is None

    assert await store.carry(publish_on(FIVE, expected=None))

    assert await store.look(published("transitions", "default"), of=EVERYBODY) == 5
    assert await store.look(published("transitions", "acme"), of=EVERYBODY) is None
    assert await store.look(published("others", "default"), of=EVERYBODY) is None


async def test_who_does_not_know_where_it_stands_moves_nothing(store: Store) -> None:
    await store.carry(publish_on(FIVE, expected=None))
    nine = Published("transitions", "default", 9, LATER)

    late = await store.carry(publish_on(nine, expected=None))
    early = await store.carry(publish_on(nine, expected=4))
    known = await store.carry(publish_on(nine, expected=5))

    assert (late, early, known) == (False, False, True)
    assert await store.look(published("transitions", "default"), of=EVERYBODY) == 9
