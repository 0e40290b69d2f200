"""The audit log: no management call without its entry, and who may read it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from projections.asking import EVERYBODY
from projections.registers.access import AUDIT_LOG, AuditEntry
from projections.registers.register import entries
from service.http.schemas.operations import OPERATIONS, is_managed
from tests.http.conftest import Api, did
from tests.http.test_access import BODIES, NAMES

pytestmark = pytest.mark.anyio

MANAGED = [key for key, operation in OPERATIONS.items() if is_managed(key[0], operation)]

TARGETS = {("DELETE", "/v1/customers/{subject_id}"): "/v1/customers/{erased}"}
"""What is noted of calls whose path must not be kept."""


async def log_of(api: Api, **query: Any) -> list[dict[str, Any]]:  # noqa: ANN401 -- any parameter
    """Return the entries, the newest first."""
    answer = await api.get("/v1/audit-log", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


@pytest.mark.parametrize("operation", MANAGED, ids=map(" ".join, MANAGED))
async def test_every_management_call_is_noted_once(api: Api, operation: tuple[str, str]) -> None:
    """Generated from the table of operations, whether the call succeeds or is refused."""
    method, path = operation

    answer = await api.client.request(
        method,
        path.format_map(NAMES),
        json=BODIES.get(operation),
        headers={"X-Request-Id": "req_of_this_test"},
    )

    (entry,) = await log_of(api)
    assert answer.status_code < 500
    assert entry["action"] == f"{method} {path}"
    assert entry["target"] == TARGETS.get(operation, path.format_map(NAMES))
    assert entry["request_id"] == "req_of_this_test"
    assert entry["address"] == "127.0.0.1"
    assert entry["actor"] == (await api.get("/v1/api-keys")).json()["data"][0]["id"]
    assert entry["outcome"] == ("done" if answer.is_success else answer.json()["code"])


async def test_reading_and_sending_events_is_not_noted(api: Api) -> None:
    await api.send(did("ordered", "ann"))
    await api.get("/v1/customers/ann")
    await api.client.post("/v1/api-keys", headers={"Authorization": "Bearer nonsense"}, json={})

    assert await log_of(api) == []


async def test_before_and_after_make_a_chain(api: Api) -> None:
    """What a call leaves is what the next one finds, unless somebody changed it unnoted."""
    made = await api.client.post("/v1/api-keys", json={"name": "x", "scopes": ["admin"]})
    key_id = made.json()["id"]
    await api.client.post(f"/v1/api-keys/{key_id}/rotate", json={})
    await api.client.delete(f"/v1/api-keys/{key_id}")

    revoked, rotated, created = await log_of(api)

    assert created["before"] is None
    assert created["after"] == rotated["before"]
    assert rotated["after"] == revoked["before"]
    assert len({created["after"], rotated["after"], revoked["after"]}) == 3


async def test_the_log_is_paged_and_narrowed(api: Api) -> None:
    reader = await api.key("customers:read")
    for name in ("a", "b", "c"):
        api.clock.turn(days=1)
        await api.client.post("/v1/tenants", json={"id": name})
    await api.client.post("/v1/tenants", json={"id": "d"}, headers=reader)

    first = (await api.get("/v1/audit-log", params={"limit": 2})).json()
    second = await api.get("/v1/audit-log", params={"limit": 2, "cursor": first["next_cursor"]})

    assert [each["number"] for each in first["data"]] == [5, 4]
    assert [each["number"] for each in second.json()["data"]] == [3, 2]
    refused = await log_of(api, outcome="scope_missing")
    assert [each["number"] for each in refused] == [5]
    days = await log_of(
        api, since="2026-03-03T00:00:00Z", until="2026-03-05", action="POST /v1/tenants"
    )
    assert [each["number"] for each in days] == [3, 2]
    assert await log_of(api, actor="nobody") == []


async def test_a_tenant_reads_its_own_calls_only(api: Api) -> None:
    made = await api.client.post("/v1/tenants", json={"id": "acme"})
    theirs = {"Authorization": f"Bearer {made.json()['admin_key']['key']}"}
    await api.client.post("/v1/api-keys", json={"name": "x", "scopes": ["admin"]}, headers=theirs)

    read: httpx.Response = await api.get("/v1/audit-log", headers=theirs)

    assert [each["action"] for each in read.json()["data"]] == ["POST /v1/api-keys"]
    assert [each["action"] for each in await log_of(api)] == ["POST /v1/tenants"]


async def test_an_entry_holds_no_secret(api: Api) -> None:
    made = await api.client.post("/v1/api-keys", json={"name": "x", "scopes": ["admin"]})

    noted: list[AuditEntry] = await api.services.store.look(entries(AUDIT_LOG), of=EVERYBODY)

    assert made.json()["key"] not in repr(noted)
