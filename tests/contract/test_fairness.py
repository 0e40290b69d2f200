"""A claim serves every endpoint and reads no more rows because much waits for another one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from projections.asking import Script
from projections.webhooks.lanes import Claimed, Parcel, Room, claim, enqueue
from projections.webhooks.rows import Message
from service.ports import Store

pytestmark = pytest.mark.anyio

HEALTHY = ("we_1", "we_2", "we_3", "we_4")
DEAD = "we_0"
WAITING_FOR_THE_DEAD = 3_000
PLACES = 8


def parcels(endpoint: str, count: int, customers: int) -> list[Parcel]:
    """Return so many messages for an endpoint, about that many customers."""
    return [
        Parcel(
            endpoint,
            Message(
                "default",
                0,
                f"tr_{endpoint}_{nth}",
                "customer.stage.changed",
                f"c{nth % customers}",
                "shop",
                1,
                1,
                b"{}",
            ),
        )
        for nth in range(count)
    ]


def counted(script: Script[Sequence[Claimed]], rows: list[int]) -> Script[Sequence[Claimed]]:
    """Do as *script*, and note how many rows each of its questions was answered with."""
    try:
        question = next(script)
        while True:
            answer = yield question
            rows.append(len(answer or ()))
            question = script.send(answer)
    except StopIteration as end:
        found: Sequence[Claimed] = end.value
        return found


async def claimed(store: Store, places: int, most: int, now: int = 1) -> tuple[Counter[str], int]:
    """Return how many each endpoint was given, and how many rows were read for it."""
    rows: list[int] = []
    rooms = [Room(name, places) for name in (DEAD, *HEALTHY)]
    taking = claim(rooms, now=now, lease=now, until=now + 100, most=most)
    found = await store.carry(counted(taking, rows))
    return Counter(one.lane.endpoint for one in found), sum(rows)


@pytest.mark.parametrize("customers", [1_000, 1], ids=["many customers", "one customer"])
async def test_what_waits_for_a_dead_endpoint_costs_a_claim_nothing(
    store: Store, customers: int
) -> None:
    await store.carry(enqueue(parcels(DEAD, WAITING_FOR_THE_DEAD, customers), 0))
    for name in HEALTHY:
        await store.carry(enqueue(parcels(name, 3, 3), 0))

    given, rows = await claimed(store, PLACES, 200)

    expected = {DEAD: min(PLACES, customers), **dict.fromkeys(HEALTHY, 3)}
    assert given == expected
    assert rows <= 5 * sum(expected.values())  # due, lane, head, delivery, message


async def test_where_there_is_little_room_endpoints_take_turns(store: Store) -> None:
    await store.carry(enqueue(parcels(DEAD, 1_000, 1_000), 0))
    for name in HEALTHY:
        await store.carry(enqueue(parcels(name, 3, 3), 0))

    first, _ = await claimed(store, PLACES, 5)
    second, _ = await claimed(store, PLACES, 5, now=2)

    assert first == second == dict.fromkeys((DEAD, *HEALTHY), 1)


async def test_who_has_waited_for_longest_comes_first(store: Store) -> None:
    await store.carry(enqueue(parcels(HEALTHY[0], 1, 1), 0))
    await store.carry(enqueue(parcels(DEAD, 100, 100), 1))

    given, _ = await claimed(store, PLACES, 1, now=2)

    assert given == {HEALTHY[0]: 1}


async def test_a_host_is_given_no_more_than_it_may_have_whatever_endpoints_are_there(
    store: Store,
) -> None:
    for name in (DEAD, *HEALTHY):
        await store.carry(enqueue(parcels(name, 10, 10), 0))
    rooms = [Room(name, 8, host="one.example") for name in HEALTHY]
    other = Room(DEAD, 8, host="two.example")

    taking = claim(
        [*rooms, other], now=1, lease=1, until=100, hosts={"one.example": 6, "two.example": 50}
    )
    given = Counter(one.lane.endpoint for one in await store.carry(taking))

    assert given[DEAD] == 8
    assert sum(given[name] for name in HEALTHY) == 6
    assert min(given[name] for name in HEALTHY) == 1
