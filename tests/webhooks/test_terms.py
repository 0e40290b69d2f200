"""What an endpoint asks for it gets: its pace, its order, and alerts like transitions."""

from __future__ import annotations

import pytest

from tests.http.conftest import did
from tests.webhooks.hooking import Hooked
from tests.webhooks.receiving import Received, Receiver

pytestmark = pytest.mark.anyio

NOON = "2026-03-01T12:00:00Z"


async def test_an_endpoint_gets_no_more_a_second_than_it_asks_for(
    hooked: Hooked, receiver: Receiver
) -> None:
    types = ["customer.stage.changed"]
    await hooked.endpoint(receiver.url, types=types, rate_limit={"per_second": 2})
    await hooked.api.send(*(did("seen", f"c{number}", NOON) for number in range(7)))

    came = []
    for _ in range(4):
        await hooked.deliver_at_pace()
        came.append(len(receiver.came))
        hooked.api.clock.turn(seconds=1)

    assert came == [2, 4, 6, 7]


async def test_without_an_order_a_failure_holds_up_nothing(
    hooked: Hooked, receiver: Receiver
) -> None:
    def answers(one: Received) -> tuple[int, dict[str, str]]:
        return (500 if one.data["to"] == "visitor" else 200), {}

    receiver.answers = answers
    await hooked.endpoint(receiver.url, types=["customer.stage.changed"], ordering="none")

    await hooked.api.send(did("ordered", "ann", NOON))
    await hooked.deliver()

    assert sorted(one.data["to"] for one in receiver.came) == ["customer", "visitor"]


async def test_an_alert_is_told_like_a_transition(hooked: Hooked, receiver: Receiver) -> None:
    await hooked.endpoint(receiver.url, types=["customer.alert.raised"])

    await hooked.api.send(did("ordered", "ann", NOON, amount=2000.0))
    await hooked.deliver()
    await hooked.deliver()

    (told,) = receiver.came
    assert (told.type, told.data["customer_id"]) == ("customer.alert.raised", "ann")
    assert told.data["alert"] == "big-order"
