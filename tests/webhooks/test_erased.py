"""Webhooks and erasures: who asked is told whom to forget, and then nothing of the name is left."""

from __future__ import annotations

import pytest

from projections.asking import EVERYBODY
from projections.registers.register import entries
from projections.webhooks.rows import ATTEMPTS, DELIVERIES, DUE, LANES, MESSAGES, WAITING
from tests.http.conftest import did
from tests.servers.ports import free_port
from tests.webhooks.hooking import Hooked
from tests.webhooks.receiving import Receiver

pytestmark = pytest.mark.anyio


async def left(hooked: Hooked) -> str:
    """Return all that webhooks have written of deliveries."""
    rows = []
    for register in (MESSAGES, DELIVERIES, ATTEMPTS, WAITING, LANES, DUE):
        rows += await hooked.api.services.store.look(entries(register), of=EVERYBODY)
    return "\n".join(map(repr, rows))


async def test_who_asked_is_told_whom_to_forget(hooked: Hooked, receiver: Receiver) -> None:
    await hooked.endpoint(receiver.url, types=["customer.*"])
    await hooked.api.send(did("seen", "ann", "2026-02-10T00:00:00Z"))
    await hooked.post("/v1/customers/ann/aliases", {"anonymous_id": "visitor-7"})
    await hooked.deliver()
    receiver.came.clear()

    await hooked.api.client.delete("/v1/customers/ann")
    await hooked.deliver()

    (told,) = receiver.came
    assert (told.data["customer_id"], told.data["aliases"]) == ("ann", ["anon:visitor-7"])
    assert told.data["mode"] == "anonymise"


async def test_once_all_are_told_nothing_of_the_name_is_left(
    hooked: Hooked, receiver: Receiver
) -> None:
    await hooked.endpoint(receiver.url, types=["customer.*"])
    await hooked.api.send(did("seen", "ann", "2026-02-10T00:00:00Z"))
    await hooked.api.send(did("seen", "bob", "2026-02-10T00:00:00Z"))
    await hooked.deliver()
    await hooked.api.client.delete("/v1/customers/ann")
    await hooked.deliver()
    assert "ann" in await left(hooked)

    hooked.api.clock.turn(seconds=61)
    await hooked.api.services.erasing.round()

    assert "ann" not in await left(hooked)
    assert "bob" in await left(hooked)


async def test_what_was_still_to_be_delivered_is_not(hooked: Hooked, receiver: Receiver) -> None:
    await hooked.endpoint(receiver.url, types=["customer.stage.changed"])
    await hooked.api.send(did("seen", "ann", "2026-02-10T00:00:00Z"))
    while await hooked.api.services.hooks.fan_out.pages():
        pass

    await hooked.api.client.delete("/v1/customers/ann")
    await hooked.deliver()

    assert receiver.came == []
    hooked.api.clock.turn(seconds=61)
    assert await hooked.api.services.erasing.finish() == 0
    assert "ann" not in await left(hooked)


async def test_a_receiver_that_is_away_keeps_the_name_for_a_month_at_most(hooked: Hooked) -> None:
    await hooked.endpoint(f"http://127.0.0.1:{free_port()}", types=["customer.erased"])
    await hooked.api.send(did("seen", "ann", "2026-02-10T00:00:00Z"))
    await hooked.api.client.delete("/v1/customers/ann")
    await hooked.deliver()

    hooked.api.clock.turn(days=1)
    assert await hooked.api.services.erasing.finish() == 1
    hooked.api.clock.turn(days=30)
    assert await hooked.api.services.erasing.finish() == 0

    assert "ann" not in await left(hooked)
