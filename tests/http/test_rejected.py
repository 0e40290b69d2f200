"""Rejected events: kept as sent, listed with their reasons, tried again, forgotten at last."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.http.conftest import Api, did

pytestmark = pytest.mark.anyio

BAD: dict[str, object] = {"id": "b-1", "type": "ordered", "properties": {"amount": 1.50}}
BATCH = {
    "sentAt": "2026-03-01T23:00:00Z",
    "batch": [
        {"type": "track", "event": "ordered", "userId": "ann", "messageId": "m-1"},
        {"type": "track", "event": "$void", "userId": "ann", "messageId": "m-2"},
        {"type": "jump", "userId": "ann", "messageId": "m-3"},
        {"type": "track", "event": "x", "messageId": "m-4"},
    ],
}
NEVER: dict[str, object] = {
    "type": "$stage.set",
    "customer_id": "ann",
    "properties": {"model": "shop"},
}


async def rejected(api: Api, query: str = "") -> list[dict[str, Any]]:
    """Return the rejected events that meet *query*."""
    answer = await api.get(f"/v1/rejected-events{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def retry(api: Api, **body: object) -> httpx.Response:
    """Return the answer to a second try."""
    return await api.client.post("/v1/rejected-events/retry", json=body)


async def test_what_was_refused_is_kept_as_it_was_sent(api: Api) -> None:
    text = '{ "id":"b-1","type":"ordered","properties":{"amount":1.50} }'
    await api.client.post(
        "/v1/events", content=f"[{text}]", headers={"Content-Type": "application/json"}
    )

    kept = (await rejected(api))[0]
    assert kept["text"] == text
    assert (kept["event_id"], kept["status"], kept["times"]) == ("b-1", "open", 1)
    assert kept["error"]["code"] == "customer_missing"
    assert (kept["route"], kept["api_format"]) == ("/v1/events", "native")


async def test_it_does_not_matter_how_it_came(api: Api) -> None:
    lines = {"Content-Type": "application/x-ndjson"}
    await api.client.post("/v1/events", json=BAD)
    await api.client.post("/v1/events", content=b"{}\n{x\n", headers=lines)
    await api.client.post("/v1/batch", json=BATCH)
    await api.client.post("/v1/events", json=[BAD, {}], params={"atomic": "true"})

    codes = [kept["error"]["code"] for kept in await rejected(api)]
    assert sorted(codes) == [
        "customer_missing",
        "customer_missing",
        "malformed_json",
        "type_missing",
        "unknown_call",
        "unknown_control_type",
    ]


async def test_a_client_that_repeats_itself_is_counted(api: Api) -> None:
    for _ in range(3):
        await api.client.post("/v1/batch", json=BATCH)

    assert [kept["times"] for kept in await rejected(api)] == [3, 3, 3]


async def test_they_are_listed_by_what_is_asked_for_and_in_pages(api: Api) -> None:
    await api.client.post("/v1/batch", json=BATCH)

    first = (await api.get("/v1/rejected-events?limit=2")).json()
    rest = (await api.get(f"/v1/rejected-events?limit=2&cursor={first['next_cursor']}")).json()
    ids = [kept["event_id"] for kept in (*first["data"], *rest["data"])]
    assert ids == ["m-4", "m-3", "m-2"]
    assert [kept["event_id"] for kept in await rejected(api, "?code=unknown_call")] == ["m-3"]
    assert len(await rejected(api, "?route=/v1/batch&api_format=segment")) == 3
    assert await rejected(api, "?since=2026-03-03") == []
    other = await api.get(f"/v1/rejected-events?code=x&cursor={first['next_cursor']}")
    assert other.json()["code"] == "cursor_mismatch"


async def test_a_second_try_succeeds_once_the_reason_is_gone(api: Api) -> None:
    """A schema was too strict; the time of the first try counts for what names none."""
    schema = "/v1/event-schemas/ordered"
    await api.client.put(schema, json={"schema": {"required": ["amount"]}, "mode": "strict"})
    await api.send(did("ordered", "ann"))
    came_at = (await rejected(api))[0]["received_at"]
    await api.client.delete(schema)
    api.clock.turn(days=1)

    first = await retry(api, filter={})
    second = await retry(api, ids=[first.json()["results"][0]["id"]])

    assert (first.json()["accepted"], second.json()["accepted"]) == (1, 1)
    stored = (await api.get("/v1/events")).json()["data"]
    assert [event["effective_at"] for event in stored] == [came_at]
    assert await rejected(api) == []
    settled = (await rejected(api, "?status=settled"))[0]
    assert (settled["outcome"], settled["position"], settled["attempts"]) == ("accepted", 1, 1)


async def test_a_call_is_tried_again_with_what_its_batch_said(api: Api) -> None:
    strict = {"schema": {"required": ["amount"]}, "mode": "strict"}
    await api.client.put("/v1/event-schemas/x", json=strict)
    narrow = await api.key("events:write")
    said = {"context": {"groupId": "acme"}, "sentAt": "2026-03-01T23:00:00Z"}
    item = {"event": "x", "userId": "ann", "messageId": "m-9", "type": "track"}
    item |= {"timestamp": "2026-03-01T10:00:00Z"}
    await api.client.post("/v1/batch", json={**said, "batch": [item]}, headers=narrow)
    await api.client.delete("/v1/event-schemas/x")
    api.clock.turn(days=9)

    await retry(api, filter={"source": "http"})

    event = (await api.get("/v1/events")).json()["data"][0]
    assert event["account_id"] == "acme"
    assert event["occurred_at"] == "2026-03-01T11:00:00Z"


async def test_what_stays_wrong_stays(api: Api) -> None:
    await api.send(NEVER, BAD)

    told = (await retry(api, filter={})).json()

    assert (told["accepted"], told["rejected"]) == (0, 2)
    assert [one["error"]["code"] for one in told["results"]] == [
        "missing_property",
        "customer_missing",
    ]
    assert [kept["attempts"] for kept in await rejected(api)] == [1, 1]


async def test_a_long_list_is_tried_in_parts(api: Api) -> None:
    for n in range(5):
        await api.send({"id": f"b-{n}"}, did("seen", "ann"))

    first = (await retry(api, filter={}, limit=3)).json()
    rest = (await retry(api, filter={}, limit=3, after=first["next_after"])).json()

    tried = [one["event_id"] for one in (*first["results"], *rest["results"])]
    assert tried == ["b-0", "b-1", "b-2", "b-3", "b-4"]
    assert rest["next_after"] is None


async def test_an_id_taken_by_other_content_is_no_refusal_to_a_client_but_is_kept(
    api: Api,
) -> None:
    call = {"type": "track", "event": "seen", "userId": "ann", "messageId": "m-1"}
    await api.client.post("/v1/track", json=call)

    answer = await api.client.post("/v1/track", json={**call, "properties": {"a": 1}})

    assert answer.json() == {"success": True, "accepted": 0, "duplicate": 1, "rejected": []}
    assert [kept["error"]["code"] for kept in await rejected(api)] == ["event_id_conflict"]


async def test_after_thirty_days_they_are_forgotten(api: Api) -> None:
    await api.send(BAD)
    api.clock.turn(days=30)
    await api.services.rejections.forget_old()
    assert len(await rejected(api)) == 1

    api.clock.turn(seconds=1)
    await api.services.rejections.forget_old()

    assert await rejected(api) == []


@pytest.mark.parametrize(
    "body", [{}, {"ids": ["x"]}, {"ids": ["rej_1"], "filter": {}}, {"filter": {"a": "b"}}]
)
async def test_a_second_try_says_what_it_wants(api: Api, body: dict[str, object]) -> None:
    assert (await retry(api, **body)).status_code == 422


async def test_the_reasons_are_counted(api: Api) -> None:
    await api.client.post("/v1/batch", json=BATCH)

    figures = (await api.get("/metrics")).text

    assert 'stagefold_rejected_events_total{code="unknown_call"} 1.0' in figures


async def test_nobody_sees_what_others_were_refused(api: Api) -> None:
    await api.send(BAD, did("ordered", "ann"))
    key = await api.key("events:write", "customers:read")

    assert (await api.get("/v1/rejected-events", headers=key)).status_code == 403


async def test_a_second_try_is_held_to_the_event_types_of_the_key(api: Api) -> None:
    narrow = await api.key("events:write", event_types=["page_*"])
    await api.client.post("/v1/events", json=did("ordered", "ann"), headers=narrow)

    again = (await retry(api, filter={})).json()

    assert [each["error"]["code"] for each in again["results"]] == ["type_not_allowed"]
    assert (await api.get("/v1/events")).json()["data"] == []
