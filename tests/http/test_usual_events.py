"""A usual event posted alone takes a way of its own, which must not be seen from outside."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence

import pytest

from tests.http.conftest import Api, MakeApi, did

pytestmark = pytest.mark.anyio

Event = dict[str, object]

ORDER: Event = {**did("ordered", "ann", "2026-03-01T10:00:00Z", amount=5), "id": "o-1"}
LATER: Event = {**ORDER, "id": "o-2", "occurred_at": "2026-03-01T11:00:00Z"}
STORIES: dict[str, Sequence[Event]] = {
    "accepted": [ORDER],
    "once more": [ORDER, ORDER],
    "with other content": [ORDER, {**ORDER, "properties": {"amount": 6}}],
    "late": [LATER, ORDER],
    "ahead of our clock": [{**ORDER, "occurred_at": "2026-03-02T00:10:00Z"}],
    "too far ahead": [{**ORDER, "occurred_at": "2036-03-02T00:10:00Z"}],
    "with an id that must be quoted": [{**ORDER, "id": "a/ü?"}],
}


async def told(api: Api, events: Sequence[Event]) -> list[tuple[int, object, object, object]]:
    """Return the answers to *events*, each posted alone, and what was kept of those refused."""
    found: list[tuple[int, object, object, object]] = []
    for event in events:
        answer = await api.client.post("/v1/events", json=event)
        members = {k: v for k, v in answer.json().items() if k not in {"request_id", "instance"}}
        headers = (answer.headers.get("location"), answer.headers.get("stagefold-position"))
        kept = (await api.get("/v1/rejected-events")).json()["data"]
        found.append((answer.status_code, members, headers, len(kept)))
    return found


@pytest.mark.parametrize("story", STORIES)
async def test_it_is_answered_as_one_that_says_more(make_api: MakeApi, story: str) -> None:
    """A field that is null says nothing, and yet leads past the way of its own."""
    events = STORIES[story]
    saying_more = [{**each, "anonymous_id": None} for each in events]

    answers = await told(await make_api(), events)

    assert answers == await told(await make_api(), saying_more)


async def test_it_is_held_to_the_schema_of_its_type(api: Api) -> None:
    schema = {"type": "object", "properties": {"amount": {"type": "string"}}}
    await api.client.put(
        "/v1/event-schemas/ordered/versions/1", json={"schema": schema, "mode": "strict"}
    )

    answer = await api.client.post("/v1/events", json=ORDER)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "schema_violation")


async def test_it_is_held_to_the_types_that_its_key_may_send(api: Api) -> None:
    key = await api.key("events:write", event_types=["visited"])

    answer = await api.client.post("/v1/events", json=ORDER, headers=key)

    assert answer.status_code == 422


async def test_it_may_come_in_pieces_between_blanks(api: Api) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for octet in json.dumps(ORDER).encode() + b" \n":
            yield bytes([octet])

    answer = await api.client.post("/v1/events", content=pieces())

    assert answer.status_code == 201
    assert (await api.get("/v1/events/o-1")).json()["properties"] == {"amount": 5}


async def test_it_counts_against_the_quota_of_its_key(make_api: MakeApi) -> None:
    api = await make_api(STAGEFOLD_KEY_EVENTS_PER_SECOND="2")
    posted = [{**ORDER, "id": f"o-{number}"} for number in range(3)]

    statuses = [(await api.client.post("/v1/events", json=each)).status_code for each in posted]

    assert statuses == [201, 201, 429]
