"""How clients of other products show their key, and which keys they may bring."""

from __future__ import annotations

import base64
import json

import pytest

from tests.http.conftest import ADMIN_KEY, Api
from tests.http.test_client_routes import CAPTURE, TRACK, events, post

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(api: Api) -> Api:
    """Return an application whose client holds no key."""
    del api.client.headers["Authorization"]
    return api


def basic(key: str) -> str:
    """Return the header field that shows *key* as a user name."""
    return f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}"


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": basic(ADMIN_KEY)},
        {"Authorization": f"Bearer {ADMIN_KEY}"},
        {"Authorization": f"bearer {ADMIN_KEY}"},
        {"X-Write-Key": ADMIN_KEY},
    ],
    ids=["basic", "bearer", "lower", "x-write-key"],
)
async def test_a_key_is_taken_from_any_header(shop: Api, headers: dict[str, str]) -> None:
    assert (await post(shop, "/v1/track", TRACK, **headers)).status_code == 200
    assert len(await events(shop)) == 1


@pytest.mark.parametrize("name", ["writeKey", "api_key", "token"])
async def test_a_key_is_taken_from_the_body_and_not_kept(shop: Api, name: str) -> None:
    lone = await post(shop, "/v1/track", {**TRACK, name: ADMIN_KEY})
    batch = {"batch": [{**TRACK, "type": "track", "messageId": "m-2"}], name: ADMIN_KEY}
    several = await post(shop, "/v1/batch", batch)

    assert (lone.status_code, several.status_code) == (200, 200)
    assert ADMIN_KEY not in json.dumps(await events(shop))
    assert [each["id"] for each in await events(shop)] == ["m-1", "m-2"]


async def test_a_header_goes_before_the_body(shop: Api) -> None:
    """Jitsu repeats its key in the body, masked."""
    masked = {**TRACK, "writeKey": "key:***"}

    assert (await post(shop, "/v1/track", masked, X_Write_Key=ADMIN_KEY)).status_code == 200
    wrong = await post(shop, "/v1/track", {**TRACK, "writeKey": ADMIN_KEY}, X_Write_Key="nobody")
    assert wrong.json()["code"] == "key_invalid"


async def test_a_key_of_two_parts_is_ours_where_one_of_them_is(api: Api) -> None:
    key = (await api.key("events:write"))["Authorization"].removeprefix("Bearer ")
    del api.client.headers["Authorization"]

    for shown in (f"jitsu:{key}", f"{key}:x"):
        assert (await post(api, "/api/s/track", TRACK, X_Write_Key=shown)).status_code == 200


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "key_missing"),
        ({"Authorization": "Basic ***"}, "key_invalid"),
        ({"Authorization": basic("nobody")}, "key_invalid"),
        ({"Authorization": "Digest x"}, "key_invalid"),
        ({"Authorization": "Bearer"}, "key_invalid"),
        ({"X-Write-Key": ""}, "key_missing"),
    ],
)
async def test_without_a_good_key_a_batch_is_dropped(
    shop: Api, headers: dict[str, str], code: str
) -> None:
    for body in ({"batch": [TRACK]}, b"no JSON"):
        answer = await post(shop, "/v1/batch", body, **headers)
        assert (answer.status_code, answer.json()["code"]) == (401, code)
        assert answer.json()["message"]


async def test_a_write_key_that_clients_have_already_can_stay(api: Api) -> None:
    theirs = {"name": "app", "scopes": ["events:write"], "key": "phc_their-own-write-key"}
    made = await api.client.post("/v1/api-keys", json=theirs)
    del api.client.headers["Authorization"]

    answer = await post(api, "/batch/", {"api_key": theirs["key"], "batch": [CAPTURE]})

    assert made.status_code == 201
    assert answer.status_code == 200
    assert [each["key_id"] for each in await events(api)] == [made.json()["id"]]


@pytest.mark.parametrize(
    ("key", "scopes"),
    [
        ("phc_their-own-write-key", ["events:write", "customers:read"]),
        ("too-short", ["events:write"]),
        ("blanks are not taken", ["events:write"]),
        (f"sfk_{'0' * 47}", ["events:write"]),
        (ADMIN_KEY, ["events:write"]),
    ],
)
async def test_a_weak_or_mighty_key_of_others_is_refused(
    api: Api, key: str, scopes: list[str]
) -> None:
    body = {"name": "app", "scopes": scopes, "key": key}
    answer = await api.client.post("/v1/api-keys", json=body)

    assert (answer.status_code, answer.json()["code"]) == (409, "key_refused")


async def test_a_key_of_others_is_not_rotated(api: Api) -> None:
    theirs = {"name": "app", "scopes": ["events:write"], "key": "phc_their-own-write-key"}
    made = (await api.client.post("/v1/api-keys", json=theirs)).json()

    answer = await api.client.post(f"/v1/api-keys/{made['id']}/rotate", json={})

    assert answer.json()["code"] == "rotation_refused"


async def test_a_key_that_may_not_write_is_told_so(api: Api) -> None:
    answer = await post(api, "/v1/batch", {"batch": []}, **await api.key("customers:read"))

    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
