"""Rebuilds over HTTP: looked at before they are put to use, and told of afterwards."""

from __future__ import annotations

import pytest

from tests.http.conftest import Api, did
from tests.http.test_models_api import finished, put

pytestmark = pytest.mark.anyio

ONE = b"""
model: small
initial: a
stages: [{id: a}, {id: b}]
transitions: [{id: go, from: a, to: b, on: ordered}]
"""
OTHER = ONE.replace(b"on: ordered", b"on: seen")


@pytest.fixture
async def ready(api: Api) -> str:
    """Return where a rebuild is that waits to be looked at: those who were seen stand elsewhere."""
    await api.send(*(did("seen", f"c{number}") for number in range(3)), did("ordered", "ann"))
    _, _, tag = await put(api, ONE)
    await put(api, OTHER, **{"If-Match": tag})
    order = {"model": "small", "version": 2, "activate": False}
    begun = await api.client.post("/v1/rebuilds", json=order)
    job = await finished(api, begun.headers["Location"])
    assert (job["status"], job["activate"]) == ("ready", False)
    assert job["buckets_done"] == job["buckets_total"]
    return begun.headers["Location"]


async def test_a_rebuild_waits_to_be_looked_at_and_is_then_put_to_use(api: Api, ready: str) -> None:
    diff = (await api.get(f"{ready}/diff?limit=3")).json()
    rest = (await api.get(f"{ready}/diff?limit=3&cursor={diff['next_cursor']}")).json()
    before = (await api.get("/v1/customers/c0?model=small")).json()["stages"][0]["stage"]

    active = await api.client.post(f"{ready}/activate")

    after = (await api.get("/v1/customers/c0?model=small")).json()["stages"][0]["stage"]
    assert (before, after, active.json()["status"]) == ("a", "b", "active")
    assert diff["matrix"] == [
        {"from": "a", "to": "b", "count": 3},
        {"from": "b", "to": "a", "count": 1},
    ]
    assert (diff["subjects"], diff["changed"], diff["has_more"]) == (4, 4, True)
    found = {row["customer_id"]: row["new"]["stage"] for row in diff["data"] + rest["data"]}
    assert found == {"c0": "b", "c1": "b", "c2": "b", "ann": "a"}
    assert rest["has_more"] is False


async def test_what_a_rebuild_changed_is_told_afterwards(api: Api, ready: str) -> None:
    await api.client.post(f"{ready}/activate")
    await api.send(did("seen", "ann"))

    diff = (await api.get(f"{ready}/diff")).json()

    assert diff["changed"] == 4
    assert diff["changes_available"] is True
    again = await api.client.post(f"{ready}/activate")
    assert again.json()["status"] == "active"


async def test_what_is_not_whole_is_neither_told_nor_put_to_use(api: Api, ready: str) -> None:
    await api.client.delete(ready)

    for answer in (await api.get(f"{ready}/diff"), await api.client.post(f"{ready}/activate")):
        assert (answer.status_code, answer.json()["code"]) == (409, "rebuild_not_ready")
    for path in ("/v1/rebuilds/99", "/v1/rebuilds/99/diff", "/v1/rebuilds/none"):
        missing = await api.get(path)
        assert (missing.status_code, missing.json()["code"]) == (404, "rebuild_not_found")


async def test_readiness_tells_how_far_a_rebuild_has_come(api: Api, ready: str) -> None:
    services = api.services
    begun = await services.store.begin_generation("default", "small", 2, services.clock.now())

    answer = await api.get("/readyz?verbose")

    assert answer.status_code == 200, ready
    assert f"[+] rebuild: {begun.generation} has folded 0 of 4 events" in answer.text
