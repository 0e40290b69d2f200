"""A delivery that waits for its next attempt need not wait: somebody may ask for it now."""

from __future__ import annotations

import pytest

from tests.http.conftest import did
from tests.webhooks.hooking import Hooked
from tests.webhooks.receiving import Receiver

pytestmark = pytest.mark.anyio


async def test_a_delivery_whose_next_attempt_is_far_can_be_tried_at_once(
    hooked: Hooked, receiver: Receiver
) -> None:
    await hooked.endpoint(receiver.url, types=["customer.stage.changed"])
    receiver.answers = lambda _: (500, {})
    await hooked.api.send(did("seen", "ann", "2026-03-01T12:00:00Z"))
    for _ in range(4):  # behind the fourth attempt comes a wait of half an hour
        await hooked.deliver()
        hooked.api.clock.turn(seconds=600)
    tried = len(receiver.came)
    receiver.answers = lambda _: (200, {})
    (waiting,) = (await hooked.get("/v1/deliveries", status="pending"))["data"]

    await hooked.deliver()
    too_early = len(receiver.came)
    await hooked.post(f"/v1/deliveries/{waiting['id']}/retry")
    await hooked.deliver()

    assert too_early == tried
    assert (await hooked.get(f"/v1/deliveries/{waiting['id']}"))["status"] == "delivered"
