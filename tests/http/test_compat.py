"""Requests of real clients of other products, replayed byte for byte: what is stored of them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from domain.instants import parse_instant
from service.access.keys import hash_of, id_of
from service.ports import ApiKey
from tests.http.captures import CAPTURED_KEYS, Captured, captured
from tests.http.conftest import Api

pytestmark = pytest.mark.anyio

Want = dict[str, object]
"""What an event is to say, by dotted paths."""

THEN = "2025-03-01T12:00:00Z"
LATER = "2026-12-24T00:00:00Z"
"""More than a day after the captures, when their clocks count as right."""
ANN: Want = {"customer_id": "user-1"}
ORDER: Want = {"type": "Order Completed", **ANN, "properties.order_id": "o-1", "occurred_at": THEN}
PRICING: Want = {"type": "page", **ANN, "properties.name": "Pricing", "properties.category": "Docs"}
GROUP: Want = {"type": "group", **ANN, "account_id": "acct-9", "properties.name": "Initech"}
ALIAS: Want = {"type": "$alias", **ANN, "properties.previous_id": "anon-1"}
SEGMENT_PYTHON: list[Want] = [
    {
        "type": "$identify",
        **ANN,
        "id": "seg-id-1",
        "anonymous_id": "anon-1",
        "traits.名前": "山田",
        "traits.plan": "pro",
        "occurred_at": THEN,
    },
    ORDER,
    {"type": "Signed Up", "anonymous_id": "anon-2"},
    PRICING,
    {"type": "screen", **ANN, "properties.a": 1, "properties.name": "Main"},
    GROUP,
    ALIAS,
    {"type": "Numeric Id", "customer_id": "12345"},
]
POSTHOG: list[Want] = [
    {**ORDER, "properties.revenue": 39.95},
    {"type": "$identify", **ANN, "traits.email": "a@example.com"},
]
FROM_PYTHON: Want = {"type": "$alias", "customer_id": "anon-1", "properties.alias": "user-1"}
SHOP_ORDER: Want = {
    "type": "com.example.order.completed",
    **ANN,
    "source": "/shop",
    "properties.revenue": 39.95,
}
JAPANESE: Want = {**SHOP_ORDER, "source": "/shop/日本", "properties.名前": "山田"}
EXPECTED: Mapping[str, list[Want]] = {
    "segment_python": SEGMENT_PYTHON,
    "segment_python_gzip": SEGMENT_PYTHON,
    "segment_node": [
        {"type": "$identify", **ANN, "traits.plan": "pro"},
        {**ORDER, "id": "my-own-id-1"},
        {"type": "Signed Up", "anonymous_id": "anon-2"},
        PRICING,
        {"type": "screen", **ANN, "properties.name": "Home"},
        GROUP,
        ALIAS,
    ],
    "rudder_python": [
        {"type": "$identify", **ANN, "anonymous_id": "anon-1", "traits.plan": "pro"},
        ORDER,
        PRICING,
        {"type": "screen", **ANN, "properties.category": "Home"},
        GROUP,
        ALIAS,
    ],
    "rudder_node": [
        {"type": "$identify", **ANN, "traits.email": "a@example.com", "occurred_at": THEN},
        ORDER,
        PRICING,
        GROUP,
        ALIAS,
    ],
    "jitsu_node": [
        {"type": "$identify", **ANN, "traits.email": "a@example.com"},
        {"type": "Order Completed", **ANN, "properties.order_id": "o-1"},
        {"type": "page", **ANN},
        GROUP,
    ],
    "posthog_python_v0": [*POSTHOG, FROM_PYTHON],
    "posthog_python_v1": [*POSTHOG, FROM_PYTHON],
    "posthog_node": [*POSTHOG, {"type": "$alias", **ANN, "properties.alias": "anon-1"}],
    "cloudevents_python": [
        {**JAPANESE, "id": "ce-1", "occurred_at": "2025-03-01T12:00:01Z"},
        {**JAPANESE, "id": "ce-2"},
    ],
    "cloudevents_python_v1api": [SHOP_ORDER],
    "cloudevents_node": [
        {**SHOP_ORDER, "id": f"ce-js-{n}", "occurred_at": f"2025-03-01T12:00:0{n}Z"}
        for n in range(1, 5)
    ],
}


async def adopt(api: Api, token: str, *scopes: str, **options: Any) -> None:  # noqa: ANN401 -- of the key
    """Make *token* a key, as it stands in what clients have sent."""
    key_id = id_of(token)
    assert key_id is not None
    key = ApiKey(
        id=key_id,
        tenant="default",
        name=token,
        secret_hash=hash_of(token),
        scopes=scopes or ("events:write",),
        created_at=api.clock.now(),
        **options,
    )
    await api.services.store.create_key(key)


@pytest.fixture
async def shop(api: Api) -> Api:
    """Return an application that knows the keys of the captures, after they were made."""
    api.clock.instant = parse_instant(LATER)
    for token in CAPTURED_KEYS:
        await adopt(api, token)
    return api


async def replay(api: Api, one: Captured) -> httpx.Response:
    """Return the answer to a captured request; CloudEvents need a key of ours."""
    headers = list(one.headers)
    is_ours = one.path == "/v1/cloudevents"
    path = "/v1/events" if is_ours else one.path
    if is_ours:
        headers.append(("Authorization", f"Bearer {CAPTURED_KEYS[0]}"))
    request = httpx.Request("POST", f"http://test{path}", headers=headers, content=one.body)
    return await api.client.send(request)


async def stored(api: Api) -> list[dict[str, Any]]:
    """Return every event, as the API tells it."""
    found: list[dict[str, Any]] = (await api.get("/v1/events?limit=500")).json()["data"]
    return found


def at(event: Mapping[str, Any], path: str) -> object:
    """Return what stands at the dotted *path*."""
    found: object = event
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


@pytest.mark.parametrize("client", EXPECTED)
async def test_what_a_client_sent_becomes_the_same_events_for_everybody(
    shop: Api, client: str
) -> None:
    for one in captured(client):
        answer = await replay(shop, one)
        assert answer.status_code in {200, 201}, answer.text

    found = await stored(shop)

    told = [
        {path: at(event, path) for path in want}
        for event, want in zip(found, EXPECTED[client], strict=False)
    ]
    assert (len(found), told) == (len(EXPECTED[client]), EXPECTED[client])


@pytest.mark.parametrize("client", EXPECTED)
async def test_the_same_request_again_stores_nothing(shop: Api, client: str) -> None:
    for one in captured(client) * 2:
        await replay(shop, one)

    assert len(await stored(shop)) == len(EXPECTED[client])
    assert len({event["id"] for event in await stored(shop)}) == len(EXPECTED[client])


@pytest.mark.parametrize("client", [name for name in EXPECTED if "cloud" not in name])
async def test_what_was_sent_is_kept_as_it_was(shop: Api, client: str) -> None:
    sent: list[Any] = []
    for one in captured(client):
        await replay(shop, one)
        body = json.loads(gzip.decompress(one.body) if one.body[:1] == b"\x1f" else one.body)
        sent += body.get("batch", [body])

    for event in await stored(shop):
        same = [each for each in sent if each.get("messageId", each.get("uuid")) == event["id"]]
        assert [{**each, "writeKey": None} for each in same] == [
            {**event["original"], "writeKey": None}
        ]
