"""Lanes: every store gives out heads only, each once, and believes whoever holds the lease."""

from __future__ import annotations

from dataclasses import replace

import pytest

from projections.asking import EVERYBODY
from projections.registers.register import entries
from projections.webhooks.lanes import (
    Claimed,
    Parcel,
    Room,
    Settled,
    claim,
    enqueue,
    release,
    renew,
    settle,
)
from projections.webhooks.rows import DELIVERIES, DUE, LANES, WAITING, Message
from service.ports import Store

pytestmark = pytest.mark.anyio

ROOM = Room("we_1", 10)


def message(number: int, customer: str) -> Message:
    """Return a message about *customer*."""
    kind = "customer.stage.changed"
    return Message("default", 0, f"tr_{number}", kind, customer, "shop", 1, 1, b"{}")


async def put_in(store: Store, *customers: str) -> None:
    """Put a message for each of *customers*, in order, into the lanes of one endpoint."""
    parcels = [Parcel("we_1", message(nth, name)) for nth, name in enumerate(customers)]
    await store.carry(enqueue(parcels, 0))


async def taken(store: Store, now: int, *, lease: int = 1) -> list[Claimed]:
    """Return what is taken up at *now*, in the order of its numbers."""
    found = await store.carry(claim([ROOM], now=now, lease=lease, until=now + 100))
    return sorted(found, key=lambda one: one.delivery.number)


def done(one: Claimed) -> Settled:
    """Return *one*, delivered."""
    return Settled(one, replace(one.delivery, status="delivered", attempts=1))


async def test_only_heads_are_taken_up_and_each_once(store: Store) -> None:
    await put_in(store, "ann", "bob", "ann")

    first = await taken(store, 1)
    again = await taken(store, 2)

    assert [one.message.id for one in first] == ["tr_0", "tr_1"]
    assert again == []


async def test_the_next_of_a_lane_follows_when_the_one_before_is_settled(store: Store) -> None:
    await put_in(store, "ann", "ann")
    (first,) = await taken(store, 1)

    await store.carry(settle([done(first)], (), 2))
    (second,) = await taken(store, 2)
    await store.carry(settle([done(second)], (), 3))

    assert [first.message.id, second.message.id] == ["tr_0", "tr_1"]
    for register in (LANES, DUE, WAITING):
        assert await store.look(entries(register), of=EVERYBODY) == []
    statuses = [one.status for one in await store.look(entries(DELIVERIES), of=EVERYBODY)]
    assert statuses == ["delivered", "delivered"]


async def test_who_lost_the_lease_settles_nothing(store: Store) -> None:
    await put_in(store, "ann")
    (slow,) = await taken(store, 1, lease=1)
    (quick,) = await taken(store, 200, lease=2)

    lost = await store.carry(settle([done(slow)], (), 201))
    won = await store.carry(settle([done(quick)], (), 202))

    assert (len(lost), len(won)) == (0, 1)


async def test_a_lease_is_renewed_or_given_back(store: Store) -> None:
    await put_in(store, "ann")
    (held,) = await taken(store, 1)

    (kept,) = await store.carry(renew([held.lane], 500))
    assert await taken(store, 200) == []
    await store.carry(release([kept], 201))

    assert len(await taken(store, 201, lease=2)) == 1


async def test_what_failed_waits_and_its_lane_with_it(store: Store) -> None:
    await put_in(store, "ann", "ann", "bob")
    first, other = await taken(store, 1)
    failed = replace(first.delivery, attempts=1, next_at=50)

    await store.carry(settle([Settled(first, failed), done(other)], (), 2))

    assert await taken(store, 49) == []
    assert [one.message.id for one in await taken(store, 50)] == ["tr_0"]
