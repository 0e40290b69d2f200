"""A receiver is asked whether it wants messages, where an endpoint says so."""

from __future__ import annotations

import pytest

from tests.webhooks.hooking import Hooked
from tests.webhooks.receiving import Receiver

pytestmark = pytest.mark.anyio

Headers = dict[str, str]


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, {"WebHook-Allowed-Origin": "stagefold"}),
        (204, {"WebHook-Allowed-Origin": "*", "WebHook-Allowed-Rate": "*"}),
        (200, {"WebHook-Allowed-Origin": "*", "WebHook-Allowed-Rate": "120"}),
    ],
)
async def test_a_receiver_that_consents_is_asked_once_and_let_in(
    hooked: Hooked, receiver: Receiver, status: int, headers: Headers
) -> None:
    receiver.answers = lambda _: (status, headers)

    made = await hooked.endpoint(
        receiver.url, handshake=True, rate_limit={"per_second": 2}, headers={"x-token": "t"}
    )

    (asked,) = receiver.came
    assert (asked.method, asked.body) == ("OPTIONS", b"")
    assert asked.headers["webhook-request-origin"] == "stagefold"
    assert asked.headers["webhook-request-rate"] == "120"
    assert asked.headers["x-token"] == "t"
    assert made["handshake"]


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (200, {}, "found none"),
        (200, {"WebHook-Allowed-Origin": "other.example"}, "found other.example"),
        (404, {"WebHook-Allowed-Origin": "*"}, "found 404"),
        (200, {"WebHook-Allowed-Origin": "*", "WebHook-Allowed-Rate": "60"}, "takes 60 messages"),
    ],
)
async def test_a_receiver_that_does_not_consent_is_not_let_in(
    hooked: Hooked, receiver: Receiver, status: int, headers: Headers, words: str
) -> None:
    receiver.answers = lambda _: (status, headers)
    terms = {"url": receiver.url, "handshake": True, "rate_limit": {"per_second": 2}}

    refused = await hooked.api.client.post("/v1/webhook-endpoints", json=terms)

    assert refused.status_code == 422
    (place,) = refused.json()["errors"]
    assert (place["pointer"], place["code"]) == ("/url", "handshake_refused")
    assert words in place["message"]
    assert (await hooked.get("/v1/webhook-endpoints"))["data"] == []


async def test_nobody_is_asked_where_nobody_wants_it(hooked: Hooked, receiver: Receiver) -> None:
    await hooked.endpoint(receiver.url)

    assert receiver.came == []


async def test_another_address_is_asked_too(hooked: Hooked, receiver: Receiver) -> None:
    receiver.answers = lambda one: (
        200,
        {"WebHook-Allowed-Origin": "*"} if one.path == "/hooks" else {},
    )
    made = await hooked.endpoint(receiver.url, handshake=True)
    path = f"/v1/webhook-endpoints/{made['id']}"

    moved = await hooked.api.client.patch(
        path, json={"url": f"{receiver.url}/b"}, headers={"If-Match": '"1"'}
    )

    assert moved.status_code == 422
    assert [one.path for one in receiver.came] == ["/hooks", "/hooks/b"]
