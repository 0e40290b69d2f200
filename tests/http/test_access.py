"""Who may do what: every route without a key, with a bad one, without the scope, as a stranger."""

from __future__ import annotations

import re

import pytest

from service.access.keys import SCOPES, id_of, new_token
from service.http.schemas.operations import OPERATIONS
from tests.http.conftest import ADMIN_KEY, Api, SeededRandomness, did

pytestmark = pytest.mark.anyio

GUARDED = [key for key, operation in OPERATIONS.items() if not operation.is_open]
OPEN = [key for key, operation in OPERATIONS.items() if operation.is_open]
BODIES: dict[tuple[str, str], object] = {
    ("POST", "/v1/customers/{subject_id}/transitions"): {"model": "shop", "stage": "loyal"},
    ("POST", "/v1/customers/{subject_id}/aliases"): {"anonymous_id": "x"},
    ("POST", "/v1/rebuilds"): {"model": "shop"},
    ("POST", "/v1/api-keys"): {"name": "x", "scopes": ["admin"]},
    ("POST", "/v1/api-keys/{key_id}/rotate"): {},
    ("POST", "/v1/tenants"): {"id": "acme"},
    ("PUT", "/v1/event-schemas/{event_type}"): {"schema": {}},
    ("PUT", "/v1/event-schemas/{event_type}/versions/{version}"): {"schema": {}},
    ("POST", "/v1/events"): did("seen", "zoe"),
    ("POST", "/v1/imports"): {"name": "seen.ndjson"},
}
QUERIES = {("GET", "/v1/stream"): {"after": "999"}}
"""A stream from a place that is not there ends at once."""

ADMIN_PATHS = (
    "/v1/audit-log",
    "/v1/api-keys",
    "/v1/erasures",
    "/v1/tenants",
    "/v1/rejected-events",
    "/v1/usage",
    "/v1/webhook-keys",
)
ADMIN_ONLY = {("DELETE", "/v1/customers/{subject_id}")}
"""What only `admin` opens."""

NAMES = {
    "subject_id": "ann",
    "event_id": "e-1",
    "alias": "anon:a-1",
    "key": "shop",
    "number": "1",
    "rebuild": "1",
    "backtest": "bt_1",
    "import_id": "imp_1",
    "key_id": "AAAAAAAA",
    "tenant": "acme",
    "endpoint_id": "we_0000000000000000000000",
    "delivery_id": "dl_1",
    "redelivery_id": "rd_00000000",
    "event_type": "ordered",
    "version": "1",
    "code": "not_found",
    "call": "track",
}


async def ask(api: Api, operation: tuple[str, str], headers: dict[str, str]) -> tuple[int, str]:
    """Return status and code of the answer to *operation*."""
    method, path = operation
    answer = await api.client.request(
        method,
        path.format_map(NAMES),
        params=QUERIES.get(operation),
        json=BODIES.get(operation),
        headers=headers,
    )
    is_problem = answer.headers.get("content-type") == "application/problem+json"
    return answer.status_code, answer.json()["code"] if is_problem else ""


@pytest.mark.parametrize("operation", GUARDED, ids=map(" ".join, GUARDED))
async def test_nothing_opens_without_a_key(api: Api, operation: tuple[str, str]) -> None:
    del api.client.headers["Authorization"]
    stranger = new_token(SeededRandomness())

    assert await ask(api, operation, {}) == (401, "key_missing")
    for bad in ("Bearer x", "Basic abc", "Bearer", f"Bearer {stranger}", f"bearer {ADMIN_KEY}x"):
        assert await ask(api, operation, {"Authorization": bad}) == (401, "key_invalid")


@pytest.mark.parametrize("operation", GUARDED, ids=map(" ".join, GUARDED))
async def test_a_key_opens_only_what_its_scopes_say(api: Api, operation: tuple[str, str]) -> None:
    """Of all scopes some open the route, and without those it stays shut."""
    opening = []
    for scope in SCOPES:
        status, code = await ask(api, operation, await api.key(scope))
        if code != "scope_missing":
            opening.append(scope)
        else:
            assert status == 403

    assert "admin" in opening
    if operation != ("GET", "/v1/limits"):
        is_for_admins = operation[1].startswith(ADMIN_PATHS) or operation in ADMIN_ONLY
        assert len(opening) == (1 if is_for_admins else 2)


@pytest.mark.parametrize("operation", OPEN, ids=map(" ".join, OPEN))
async def test_probes_and_documents_are_open(api: Api, operation: tuple[str, str]) -> None:
    del api.client.headers["Authorization"]

    status, _ = await ask(api, operation, {})

    assert status == 200


TENANT_PATHS = [
    "/v1/customers/{}",
    "/v1/customers/{}/stages",
    "/v1/customers/{}/transitions",
    "/v1/customers/{}/events",
    "/v1/customers/{}/timeline",
    "/v1/customers/{}/explain",
    "/v1/accounts/{}",
    "/v1/events/{}",
    "/v1/models/{}",
    "/v1/models/{}/versions",
    "/v1/models/{}/board",
    "/v1/rebuilds/{}",
]


async def stranger_of(api: Api) -> dict[str, str]:
    """Return the header of an admin key of another tenant."""
    _, token = await api.services.keys.create(tenant="other", name="theirs", scopes=("admin",))
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("path", TENANT_PATHS)
async def test_what_another_tenant_has_looks_like_nothing(api: Api, path: str) -> None:
    """The answer about an id of somebody else equals the answer about an id of nobody."""
    await api.send({**did("ordered", "ann"), "id": "ann", "account_id": "ann"})
    headers = {**await stranger_of(api), "X-Request-Id": "the-same-request"}
    existing = "shop" if "models" in path else "1" if "rebuilds" in path else "ann"
    missing = "zoe" if existing != "1" else "9"

    theirs = await api.get(path.format(existing), headers=headers)
    nobodys = await api.get(path.format(missing), headers=headers)

    assert theirs.status_code == nobodys.status_code == 404
    for member in ("code", "title", "status"):
        assert theirs.json()[member] == nobodys.json()[member]
    assert re.sub(rf"\b{existing}\b", missing, theirs.json()["detail"]) == nobodys.json()["detail"]


async def test_lists_of_another_tenant_are_empty(api: Api) -> None:
    await api.send(did("ordered", "ann"))
    headers = await stranger_of(api)

    for path in ("/v1/customers", "/v1/events", "/v1/transitions", "/v1/models", "/v1/rebuilds"):
        assert (await api.get(path, headers=headers)).json()["data"] == []
    keys = (await api.get("/v1/api-keys", headers=headers)).json()["data"]
    assert [each["name"] for each in keys] == ["theirs"]


async def test_a_key_is_shown_once_and_revoked_for_good(api: Api) -> None:
    made = await api.client.post("/v1/api-keys", json={"name": "ci", "scopes": ["metrics:read"]})
    key = made.json()
    headers = {"Authorization": f"Bearer {key['key']}"}

    listed = await api.get("/v1/api-keys")
    before = await api.get("/v1/models/shop/board", headers=headers)
    revoked = await api.client.delete(f"/v1/api-keys/{key['id']}")
    after = await api.get("/v1/models/shop/board", headers=headers)

    assert key["key"] not in listed.text
    assert key["key"].startswith(f"sfk_{key['id']}_")
    assert before.status_code == 200
    assert revoked.json()["revoked_at"] is not None
    assert (after.status_code, after.json()["code"]) == (401, "key_invalid")


async def test_a_key_expires(api: Api) -> None:
    headers = await api.key("customers:read", expires_at="2026-03-03T00:00:00Z")

    before = await api.get("/v1/customers", headers=headers)
    api.clock.turn(days=1)
    after = await api.get("/v1/customers", headers=headers)

    assert (before.status_code, after.status_code) == (200, 401)


async def test_a_key_revoked_elsewhere_is_taken_for_thirty_more_seconds(api: Api) -> None:
    headers = await api.key("customers:read")
    await api.get("/v1/customers", headers=headers)
    key_id = headers["Authorization"].split("_")[1]
    await api.services.store.revoke_key("default", key_id, api.clock.now())

    api.clock.turn(seconds=29.9)
    remembered = await api.get("/v1/limits", headers=headers)
    api.clock.turn(seconds=0.1)
    looked_up = await api.get("/v1/limits", headers=headers)

    assert (remembered.status_code, looked_up.status_code) == (200, 401)


async def test_a_key_speaks_for_its_source_only(api: Api) -> None:
    headers = await api.key("events:write", source="crm")

    taken = await api.client.post("/v1/events", json=did("seen", "ann"), headers=headers)
    refused = await api.client.post(
        "/v1/events", json={**did("seen", "ann"), "source": "erp"}, headers=headers
    )

    assert taken.status_code == 201
    assert refused.json()["errors"][0]["code"] == "source_not_allowed"


async def test_last_use_is_noted(api: Api) -> None:
    headers = await api.key("customers:read")
    await api.get("/v1/customers", headers=headers)

    await api.services.keys.note_uses()

    used = [each["last_used_at"] for each in (await api.get("/v1/api-keys")).json()["data"]]
    assert used == ["2026-03-02T00:00:00Z", "2026-03-02T00:00:00Z"]


async def test_a_new_bootstrap_key_takes_the_place_of_the_old_one(api: Api) -> None:
    fresh = "another-bootstrap-key-for-tests-of-32-characters"

    await api.services.keys.ensure_bootstrap(fresh)
    api.services.keys.forget(str(id_of(ADMIN_KEY)))

    old = await api.get("/v1/customers")
    new = await api.get("/v1/customers", headers={"Authorization": f"Bearer {fresh}"})
    assert (old.status_code, new.status_code) == (401, 200)


def test_a_mistyped_key_is_told_from_a_whole_one() -> None:
    token = new_token(SeededRandomness())

    assert id_of(token) == token[4:12]
    assert all(id_of(token[:at] + "~" + token[at + 1 :]) != id_of(token) for at in range(4, 50))
    assert id_of(token[:-1] + ("A" if token[-1] != "A" else "B")) is None
