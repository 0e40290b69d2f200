"""What a key is held to: event types, networks, quotas; and how its secret changes."""

from __future__ import annotations

import io
import json

import httpx
import pytest
import structlog

from domain.instants import SECOND, format_instant
from service import logs
from service.http.requests.addresses import address_of
from service.settings import Settings
from tests.http.conftest import Api, MakeApi, did

pytestmark = pytest.mark.anyio


async def test_a_key_sends_only_the_types_it_may(api: Api) -> None:
    headers = await api.key("events:write", event_types=["order.*", "seen"])

    sent = await api.send(
        did("order.completed", "ann"),
        did("seen", "ann"),
        did("seen.twice", "ann"),
        did("$identify", "ann", plan="pro"),
        headers=headers,
    )

    assert [each["status"] for each in sent.json()["results"]] == [
        "accepted",
        "accepted",
        "rejected",
        "rejected",
    ]
    fault = sent.json()["results"][2]["error"]
    assert (fault["code"], fault["pointer"]) == ("type_not_allowed", "/2/type")
    assert "order.*, seen" in fault["message"]


async def test_one_type_that_is_not_allowed_keeps_an_atomic_batch_out(api: Api) -> None:
    headers = await api.key("events:write", event_types=["seen"])

    refused = await api.client.post(
        "/v1/events?atomic=true", json=[did("seen", "ann"), did("x", "ann")], headers=headers
    )

    assert refused.status_code == 422
    assert [each["code"] for each in refused.json()["errors"]] == ["type_not_allowed"]


@pytest.mark.parametrize(
    ("networks", "status"),
    [(["127.0.0.0/8"], 200), (["10.0.0.0/8", "127.0.0.1/32"], 200), (["10.0.0.0/8"], 403)],
)
async def test_a_key_is_good_in_its_networks_only(
    api: Api, networks: list[str], status: int
) -> None:
    headers = await api.key("customers:read", networks=networks)

    found = await api.get("/v1/customers", headers=headers)

    assert found.status_code == status
    if status != 200:
        assert found.json()["code"] == "address_not_allowed"


async def test_forwarded_addresses_count_only_from_a_trusted_proxy(make_api: MakeApi) -> None:
    answers = []
    for proxies in ("", "127.0.0.0/8, 10.1.0.0/16"):
        api = await make_api(STAGEFOLD_TRUSTED_PROXIES=proxies)
        headers = await api.key("customers:read", networks=["203.0.113.0/24"])
        forwarded = {**headers, "X-Forwarded-For": "198.51.100.1, 203.0.113.9, 10.1.2.3"}
        answers.append((await api.get("/v1/customers", headers=forwarded)).status_code)

    assert answers == [403, 200]


@pytest.mark.parametrize(
    ("forwarded", "found"),
    [
        ("", "10.1.1.1"),
        ("203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 10.1.9.9", "203.0.113.9"),
        ("203.0.113.9, rubbish", "10.1.1.1"),
        ("rubbish, 10.1.9.9", "10.1.9.9"),
        ("10.1.9.9", "10.1.9.9"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_the_last_address_that_is_not_a_proxy_of_ours_counts(forwarded: str, found: str) -> None:
    """What stands before it was said by the client, who may say anything."""
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    scope = {"client": ("10.1.1.1", 5), "headers": headers}

    assert address_of(scope, ("10.1.0.0/16",)) == found
    assert address_of(scope, ()) == "10.1.1.1"


async def test_a_rotated_key_has_two_good_secrets_for_a_while(api: Api) -> None:
    former = await api.key("customers:read")
    key_id = former["Authorization"].split("_")[1]
    await api.get("/v1/customers", headers=former)

    rotated = await api.client.post(f"/v1/api-keys/{key_id}/rotate", json={"overlap": "1h"})

    newest = {"Authorization": f"Bearer {rotated.json()['key']}"}
    assert rotated.json()["overlap_until"] == "2026-03-02T01:00:00Z"
    assert rotated.json()["key"].startswith(f"sfk_{key_id}_")
    for headers in (former, newest):
        assert (await api.get("/v1/customers", headers=headers)).status_code == 200
    api.clock.turn(seconds=3_600)
    assert (await api.get("/v1/customers", headers=former)).status_code == 401
    assert (await api.get("/v1/customers", headers=newest)).status_code == 200


@pytest.mark.parametrize("ends", ["expiry", "overlap", "revocation"])
async def test_a_secret_that_was_good_a_moment_ago_opens_nothing_once_it_ends(
    api: Api, ends: str
) -> None:
    """Whoever was recognised a second before is looked at anew."""
    begun = api.clock.now()
    headers = await api.key("customers:read", expires_at=format_instant(begun + 11 * SECOND))
    key_id = headers["Authorization"].split("_")[1]
    api.clock.turn(seconds=9)
    if ends == "overlap":
        await api.client.post(f"/v1/api-keys/{key_id}/rotate", json={"overlap": "1s"})

    before = [(await api.get("/v1/customers", headers=headers)).status_code for _ in range(3)]
    if ends == "revocation":
        await api.client.delete(f"/v1/api-keys/{key_id}")
    else:
        api.clock.turn(seconds=1 if ends == "overlap" else 2)
    after = [(await api.get("/v1/customers", headers=headers)).status_code for _ in range(2)]

    assert (before, after) == ([200] * 3, [401] * 2)


async def test_a_secret_rotated_elsewhere_is_good_here_at_once(api: Api) -> None:
    """Nobody has to wait 30 seconds for a secret that he was just given."""
    former = await api.key("customers:read")
    key_id = former["Authorization"].split("_")[1]
    await api.get("/v1/customers", headers=former)
    api.clock.turn(seconds=1)
    elsewhere = type(api.services.keys)(api.services.store, api.clock, api.services.randomness)

    _, token = await elsewhere.rotate("default", key_id, 0)

    newest = {"Authorization": f"Bearer {token}"}
    assert (await api.get("/v1/customers", headers=newest)).status_code == 200


async def test_a_key_that_opens_nothing_is_not_rotated(api: Api) -> None:
    headers = await api.key("customers:read")
    key_id = headers["Authorization"].split("_")[1]
    bootstrap = (await api.get("/v1/api-keys")).json()["data"][0]
    await api.client.delete(f"/v1/api-keys/{key_id}")

    for each in (key_id, bootstrap["id"]):
        refused = await api.client.post(f"/v1/api-keys/{each}/rotate", json={})
        assert (refused.status_code, refused.json()["code"]) == (409, "rotation_refused")


@pytest.mark.parametrize("overlap", ["31d", "-1h", "1mo", "soon", ""])
async def test_an_overlap_is_a_bounded_duration(api: Api, overlap: str) -> None:
    refused = await api.client.post("/v1/api-keys/AAAAAAAA/rotate", json={"overlap": overlap})

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/overlap"


@pytest.mark.parametrize(
    ("terms", "pointer"),
    [
        ({"networks": ["10.0.0.0/8", "10.0.0.1/8"]}, "/networks/1"),
        ({"expires_at": "soon"}, "/expires_at"),
        ({"events_per_second": -1}, "/events_per_second"),
        ({"event_types": [""]}, "/event_types/0"),
    ],
)
async def test_terms_that_mean_nothing_are_refused(
    api: Api, terms: dict[str, object], pointer: str
) -> None:
    body = {"name": "x", "scopes": ["admin"], **terms}

    refused = await api.client.post("/v1/api-keys", json=body)

    assert refused.status_code == 422
    assert pointer in [each["pointer"] for each in refused.json()["errors"]]


async def test_terms_are_told_again(api: Api) -> None:
    terms = {
        "source": "crm",
        "event_types": ["order.*"],
        "networks": ["10.0.0.0/8"],
        "origins": ["https://shop.example"],
        "events_per_second": 5,
        "requests_per_second": 0,
    }
    made = await api.client.post(
        "/v1/api-keys", json={"name": "x", "scopes": ["events:write"], **terms}
    )

    told = (await api.get(f"/v1/api-keys/{made.json()['id']}")).json()

    assert {name: told[name] for name in terms} == terms
    assert "key" not in told


async def test_who_asks_too_often_is_told_when_to_come_back(api: Api) -> None:
    headers = await api.key("customers:read", requests_per_second=1)

    first = await api.get("/v1/customers", headers=headers)
    second = await api.get("/v1/customers", headers=headers)
    api.clock.turn(seconds=float(second.headers["Retry-After"]))
    third = await api.get("/v1/customers", headers=headers)

    assert [each.status_code for each in (first, second, third)] == [200, 429, 200]
    assert first.headers["RateLimit-Policy"] == '"api";q=1;w=1'
    assert first.headers["RateLimit"] == '"api";r=0;t=1'
    assert second.headers["Retry-After"] == "1"
    problem = second.json()
    assert problem["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert problem["violated-policies"] == ["api"]
    assert problem["code"] == "rate_limited"


async def test_events_are_counted_each_and_told_after_the_batch(api: Api) -> None:
    headers = await api.key("events:write", events_per_second=10)

    taken = await api.send(*[did("seen", "ann")] * 30, headers=headers)
    refused = await api.send(did("seen", "ann"), headers=headers)

    assert taken.status_code == 200
    assert taken.headers["RateLimit-Policy"] == '"write";q=10;w=1;qu="events"'
    assert taken.headers["RateLimit"] == '"write";r=0;t=3'
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3")


async def test_no_key_is_ever_logged(api: Api) -> None:
    """Neither a good one nor a bad one, in whatever way it is sent and whatever goes wrong."""
    out = io.StringIO()
    logs.configure(Settings(log_level="debug", log_format="json"), out)
    made = await api.client.post("/v1/api-keys", json={"name": "x", "scopes": ["admin"]})
    secrets = [
        made.json()["key"],
        "a-word-that-somebody-took-for-a-key",
        "sfk_AAAAAAAA_" + "x" * 38,
    ]

    for secret in secrets:
        for headers in ({"Authorization": f"Bearer {secret}"}, {"X-Write-Key": secret}):
            await api.get("/v1/customers", headers=headers)
            await api.client.post("/v1/events", content=secret, headers=headers)
            await api.client.post(f"/v1/api-keys/{made.json()['id']}/rotate", headers=headers)
    structlog.get_logger("stagefold.test").info("told", key=secrets[0])

    logged = out.getvalue()
    assert len(logged.splitlines()) > 10
    assert all(json.loads(line) for line in logged.splitlines())
    assert not [secret for secret in secrets if secret[13:] in logged]


async def test_a_tenant_is_made_with_a_key_that_sees_nothing_of_others(api: Api) -> None:
    await api.send(did("ordered", "ann"))

    made = await api.client.post("/v1/tenants", json={"id": "acme", "name": "Acme Inc."})

    theirs = {"Authorization": f"Bearer {made.json()['admin_key']['key']}"}
    listed = (await api.get("/v1/tenants")).json()["data"]
    assert made.status_code == 201
    assert [each["id"] for each in listed] == ["default", "acme"]
    assert (await api.get("/v1/customers", headers=theirs)).json()["data"] == []
    again = await api.client.post("/v1/tenants", json={"id": "acme"})
    assert (again.status_code, again.json()["code"]) == (409, "tenant_exists")


async def test_only_the_operator_sees_tenants(api: Api) -> None:
    made = await api.client.post("/v1/tenants", json={"id": "acme"})
    theirs = {"Authorization": f"Bearer {made.json()['admin_key']['key']}"}

    answers: list[httpx.Response] = [
        await api.get("/v1/tenants", headers=theirs),
        await api.client.post("/v1/tenants", json={"id": "other"}, headers=theirs),
    ]

    assert {(each.status_code, each.json()["code"]) for each in answers} == {(403, "scope_missing")}
