"""The routes of other products: keys, bodies, answers, browsers."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from service.http.schemas.compat import BATCHES_AT, CALLS_AT, CAPTURES_AT, CAPTURES_V1_AT
from tests.http.conftest import ADMIN_KEY, Api

pytestmark = pytest.mark.anyio

TRACK: dict[str, object] = {"event": "seen", "userId": "ann", "messageId": "m-1"}
CAPTURE: dict[str, object] = {"event": "seen", "distinct_id": "ann", "uuid": "u-1"}
ANYWHERE = {"Origin": "https://shop.example"}


async def post(api: Api, path: str, body: object, **headers: str) -> httpx.Response:
    """Return the answer to *body*; what is not bytes is written as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.client.post(path, content=content, headers=named)


async def events(api: Api) -> list[dict[str, Any]]:
    """Return every event, as the API tells it."""
    headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
    found: list[dict[str, Any]] = (await api.get("/v1/events", headers=headers)).json()["data"]
    return found


# ---------------------------------------------------------------- answers


@pytest.mark.parametrize(("path", "call"), CALLS_AT.items())
async def test_a_path_says_which_call_it_is(api: Api, path: str, call: str) -> None:
    types = {"identify": "$identify", "alias": "$alias", "track": "seen"}
    body = {**TRACK, "previousId": "v-1", "groupId": "acme"}

    answer = await post(api, path, body)

    assert answer.json() == {"success": True, "accepted": 1, "duplicate": 0, "rejected": []}
    event = (await events(api))[0]
    assert (event["type"], event["original"]["type"]) == (types.get(call, call), call)
    assert answer.headers["Stagefold-Position"] == "1"


@pytest.mark.parametrize("path", BATCHES_AT)
async def test_a_batch_is_answered_with_200_and_each_verdict(api: Api, path: str) -> None:
    good = {**TRACK, "type": "track"}
    batch = [good, good, {"type": "track", "messageId": "m-2"}, 7]

    answer = await post(api, path, {"batch": batch})

    told = answer.json()
    assert (answer.status_code, told["success"]) == (200, True)
    assert (told["accepted"], told["duplicate"]) == (1, 1)
    assert [(each["index"], each["id"], each["code"]) for each in told["rejected"]] == [
        (2, "m-2", "type_missing"),
        (3, None, "not_an_object"),
    ]
    assert told["rejected"][0]["pointer"] == "/batch/2/event"


@pytest.mark.parametrize("path", CAPTURES_AT)
async def test_a_capture_is_answered_as_posthog_answers(api: Api, path: str) -> None:
    alone = await post(api, path, CAPTURE)
    several = await post(api, path, {"batch": [{**CAPTURE, "uuid": "u-2"}, {"event": "x"}]})
    bare = await post(api, path, [{**CAPTURE, "uuid": "u-3"}])

    assert alone.json() == bare.json() == {"status": "Ok"}
    assert several.json()["status"] == "Ok"
    assert [each["code"] for each in several.json()["rejected"]] == ["customer_missing"]
    assert [each["id"] for each in await events(api)] == ["u-1", "u-2", "u-3"]


async def test_the_newer_capture_hears_of_each_event_by_its_uuid(api: Api) -> None:
    ahead = {**CAPTURE, "uuid": "u-2", "timestamp": "2026-03-02T00:30:00Z"}
    group = {"event": "$groupidentify", "uuid": "u-3", "distinct_id": "$company_acct-9"}
    await post(api, CAPTURES_V1_AT, {"batch": [CAPTURE]})

    changed = {**CAPTURE, "properties": {"a": 1}}
    answer = await post(api, CAPTURES_V1_AT, {"batch": [changed, ahead, group, {"event": 1}]})

    results = answer.json()["results"]
    assert {name: each["result"] for name, each in results.items()} == {
        "u-1": "warning",
        "u-2": "warning",
        "u-3": "drop",
        "index:3": "drop",
    }
    assert all(each["details"] for each in results.values())


async def test_an_empty_batch_is_no_mistake(api: Api) -> None:
    assert (await post(api, "/v1/batch", {"batch": []})).json()["success"] is True
    assert (await post(api, "/batch/", {"batch": []})).json() == {"status": "Ok"}
    assert (await post(api, CAPTURES_V1_AT, {"batch": []})).json() == {"results": {}}


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"", {}, 400, "malformed_json"),
        (b"[", {}, 400, "malformed_json"),
        (b'{"batch":{}}', {}, 400, "malformed_json"),
        (b'{"batch":[],"sentAt":NaN}', {}, 400, "malformed_json"),
        (b'"x"', {}, 400, "malformed_json"),
        (b"\xff", {}, 400, "malformed_utf8"),
        (b"\x1f\x8b", {}, 400, "malformed_encoding"),
        (b"data=%%%", {}, 400, "malformed_encoding"),
        (b"{}", {"Content-Encoding": "br"}, 415, "unsupported_encoding"),
        (b'{"batch":[' + b"1," * 1_000 + b"1]}", {}, 413, "batch_too_large"),
        (gzip.compress(b'{"batch":[' + b" " * 2_000_000), {}, 413, "body_too_large"),
    ],
)
async def test_what_cannot_be_told_apart_is_refused_as_a_whole(
    api: Api, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await post(api, "/v1/batch", body, **headers)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await events(api) == []


async def test_one_bad_item_does_not_take_the_others_with_it(api: Api) -> None:
    """Half of a surrogate pair is JSON to some libraries, and to no store."""
    text = '{"batch":[{"type":"track","event":"a","userId":"ann","messageId":"m-1"},'
    text += '{"type":"track","event":"\\ud800","userId":"ann"}],"writeKey":"key:***"}'

    told = (await post(api, "/v1/batch", text.encode())).json()

    assert told["accepted"] == 1
    assert told["rejected"][0]["code"] == "lone_surrogate"


async def test_too_much_at_once_is_asked_for_again(api: Api) -> None:
    slow = await api.key("events:write", events_per_second=1)
    await post(api, "/v1/batch", {"batch": [{**TRACK, "type": "track"}] * 30}, **slow)

    answer = await post(api, "/v1/track", TRACK, **slow)

    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert 1 <= int(answer.headers["Retry-After"]) <= 300


async def test_without_a_store_the_same_is_asked_for_again(api: Api) -> None:
    await api.services.store.close()

    answer = await post(api, "/v1/track", TRACK)

    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("historical", "scopes", "expected"),
    [
        (True, ("events:write", "events:import"), True),
        (True, ("events:write",), False),
        (False, ("events:write", "events:import"), False),
    ],
)
async def test_a_migration_is_historical_if_the_key_may_import(
    api: Api, scopes: tuple[str, ...], *, historical: bool, expected: bool
) -> None:
    body = {"batch": [CAPTURE], "historical_migration": historical}
    await post(api, "/batch/", body, **await api.key(*scopes))

    assert (await events(api))[0]["historical"] is expected


# ---------------------------------------------------------------- bodies that browsers send


async def test_what_a_browser_sends_as_text_is_read(api: Api) -> None:
    answer = await post(api, "/v1/t", TRACK, Content_Type="text/plain")

    assert answer.json()["accepted"] == 1


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(json.dumps(CAPTURE).encode()),
        b"data=" + quote(json.dumps(CAPTURE)).encode(),
        b"data=" + quote(base64.b64encode(json.dumps(CAPTURE).encode())).encode(),
        b"data=" + base64.b64encode(json.dumps(CAPTURE).encode()) + b"&compression=base64",
    ],
    ids=["gzip", "form", "base64", "unescaped"],
)
async def test_a_body_is_read_by_how_it_begins(api: Api, body: bytes) -> None:
    """posthog-js says in the query how a body is packed, so that its requests stay simple ones."""
    answer = await post(api, "/e/?compression=gzip-js&ip=1&ver=1.2", body)

    assert answer.json() == {"status": "Ok"}
    assert len(await events(api)) == 1


async def test_a_browser_may_ask_first(api: Api) -> None:
    wanted = "anonymousid,authorization, rsa-retry-reason"
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": wanted}
    del api.client.headers["Authorization"]
    answer = await api.client.options("/v1/b", headers={**ANYWHERE, **asked})
    strange = await api.client.options("/v1/b", headers={**asked, **STRANGE})

    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Headers"] == wanted
    assert "X-Write-Key" in strange.headers["Access-Control-Allow-Headers"]


STRANGE = {"Access-Control-Request-Headers": "x-a; x-b"}


async def test_a_beacon_has_its_key_in_the_address(api: Api) -> None:
    key = (await api.key("events:write"))["Authorization"].removeprefix("Bearer ")
    del api.client.headers["Authorization"]
    body = json.dumps({"batch": [{**TRACK, "type": "track"}]}).encode()

    taken = await api.client.post("/beacon/v1/batch", params={"writeKey": key}, content=body)
    refused = await api.client.post("/v1/batch", params={"writeKey": key}, content=body)

    assert (taken.status_code, taken.json()["accepted"]) == (200, 1)
    assert (refused.status_code, refused.json()["code"]) == (401, "key_missing")


async def test_a_page_may_read_the_answer_if_its_key_can_only_write(api: Api) -> None:
    narrow = await api.key("events:write")
    wide = await api.key("events:write", "customers:read")

    told = await post(api, "/v1/t", TRACK, **narrow, **ANYWHERE)
    refused = await post(api, "/v1/b", b"{", **narrow, **ANYWHERE)
    silent = await post(api, "/v1/t", TRACK, **wide, **ANYWHERE)

    assert told.headers["Access-Control-Allow-Origin"] == "*"
    assert refused.headers["Access-Control-Allow-Origin"] == "*"
    assert "Retry-After" in refused.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Origin" not in silent.headers


async def test_a_key_of_some_pages_answers_those(api: Api) -> None:
    ours = await api.key("events:write", origins=["https://shop.example"])

    told = await post(api, "/v1/t", TRACK, **ours, **ANYWHERE)
    silent = await post(api, "/v1/t", TRACK, **ours, Origin="https://elsewhere.example")

    assert told.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert told.headers["Vary"] == "Origin"
    assert "Access-Control-Allow-Origin" not in silent.headers


# ---------------------------------------------------------------- who is who


@pytest.mark.parametrize("first", ["the visitor", "the alias"])
async def test_an_alias_joins_visitor_and_name_whichever_came_first(api: Api, first: str) -> None:
    """A previous id may be that of a visitor or of somebody known by name; calls do not say."""
    seen = [
        {"type": "track", "event": "ordered", "anonymousId": "old", "messageId": "m-1"},
        {"type": "track", "event": "ordered", "userId": "old", "messageId": "m-2"},
    ]
    alias = [{"type": "alias", "userId": "ann", "previousId": "old", "messageId": "m-3"}]
    for batch in (seen, alias) if first == "the visitor" else (alias, seen):
        assert (await post(api, "/v1/batch", {"batch": batch})).json()["rejected"] == []

    ann = (await api.get("/v1/customers/ann?model=shop")).json()
    assert sorted(ann["aliases"]) == ["anon:old", "old"]
    assert ann["stages"][0]["signals"]["orders"] == 2


async def test_posthogs_alias_joins_whichever_name_comes_first(api: Api) -> None:
    """The library for Python and that for Node write the two names the other way round."""
    for number, (one, other) in enumerate([("old", "ann"), ("bob", "older")]):
        alias = {"event": "$create_alias", "distinct_id": one, "uuid": f"u-{number}"}
        await post(api, "/batch/", {"batch": [{**alias, "properties": {"alias": other}}]})

    for names in (("old", "ann"), ("older", "bob")):
        ids = {(await api.get(f"/v1/customers/{name}")).json()["id"] for name in names}
        assert len(ids) == 1


async def test_traits_and_groups_reach_the_customer_and_the_account(api: Api) -> None:
    calls: list[dict[str, object]] = [
        {"type": "identify", "userId": "ann", "context": {"traits": {"plan": "pro"}}},
        {"type": "group", "userId": "ann", "groupId": "acme", "traits": {"name": "Acme"}},
        {
            "type": "identify",
            "userId": "ann",
            "context": {"groupId": "acme"},
            "traits": {"name": "Ann"},
        },
    ]
    await post(api, "/v1/batch", {"batch": calls})

    ann = (await api.get("/v1/customers/ann")).json()
    assert ann["traits"] == {"plan": "pro", "name": "Ann"}
    told = (await api.get("/v1/accounts/acme/events")).json()["data"]
    (group,) = (each for each in told if each["type"] == "group")
    assert (group["type"], group["properties"]) == ("group", {"name": "Acme"})
    assert (await api.get("/v1/accounts/acme")).json()["traits"] == {"name": "Acme"}


async def test_an_identify_says_what_is_known_of_the_account_beside_its_member(api: Api) -> None:
    both = {"type": "$identify", "customer_id": "ann", "account_id": "acme"}
    await api.send({**both, "traits": {"name": "Ann"}, "account_traits": {"seats": 9}})
    await api.send({**both, "account_traits": {"seats": None, "plan": "pro"}})

    assert (await api.get("/v1/customers/ann")).json()["traits"] == {"name": "Ann"}
    assert (await api.get("/v1/accounts/acme")).json()["traits"] == {"plan": "pro"}
