"""Who goes first where more arrives than can be stored and folded."""

from __future__ import annotations

import pytest

from projections.following.projecting import PAGE_EVENTS
from service.adapters.memory import memory_store
from service.ports import Submission
from service.workers.follower import Follower
from tests.contract.saying import LATER, sent

pytestmark = pytest.mark.anyio


async def test_appends_go_first_while_they_are_crowded() -> None:
    follower = Follower(memory_store())
    crowd = [True]
    follower.give_way(lambda: crowd[0])

    before = follower.gives_way
    crowd[0] = False

    assert (before, follower.gives_way) == (True, False)


async def test_a_follower_that_is_too_far_behind_gives_way_to_nobody() -> None:
    store = memory_store()
    for size in (PAGE_EVENTS, 1):
        events = [sent(f"{size}-{number}", "visited", 1) for number in range(size)]
        await store.append([Submission(events)], LATER, defer=True)
    follower = Follower(store, behind_max=0)
    follower.give_way(lambda: True)

    at_first = follower.gives_way
    more_waits = await follower.page()

    assert more_waits
    assert (at_first, follower.gives_way) == (True, False)
