"""Backtests, rollbacks and cancelled rebuilds over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from service.http.schemas.answers import Listed
from service.http.schemas.models import BacktestOut, ChangeOut, RollbackOut
from tests.http.conftest import SHOP, Api, did

pytestmark = pytest.mark.anyio

YAML = {"Content-Type": "application/yaml"}
EAGER = SHOP.replace(b"signals.orders >= 3", b"signals.orders >= 2")
PATH = "/v1/models/shop/backtests"


async def orders(api: Api, customers: int = 4) -> None:
    """Let customer number n order n times, some days ago."""
    await api.send(
        *(
            did("ordered", f"c{n}", f"2026-02-2{day}T00:00:00Z")
            for n in range(1, customers + 1)
            for day in range(n)
        )
    )


async def begun(api: Api, document: bytes = EAGER, query: str = "") -> dict[str, Any]:
    """Return a backtest of *document* as its beginning was answered."""
    answer = await api.client.post(PATH + query, content=document, headers=YAML)
    assert answer.status_code == 202, answer.text
    BacktestOut.model_validate(answer.json())
    assert answer.headers["Location"] == f"{PATH}/{answer.json()['id']}"
    found: dict[str, Any] = answer.json()
    return found


async def ended(api: Api, name: str) -> dict[str, Any]:
    """Return the backtest *name* once it has ended."""
    backtests = api.services.backtests
    await backtests.settle(await backtests.find("default", "shop", name))
    answer = await api.get(f"{PATH}/{name}")
    BacktestOut.model_validate(answer.json())
    found: dict[str, Any] = answer.json()
    return found


async def test_a_document_is_tried_without_being_stored(api: Api) -> None:
    await orders(api)
    feed = (await api.get("/v1/transitions?limit=500")).json()

    job = await begun(api)
    done = await ended(api, job["id"])

    assert (job["status"], job["total"], job["against_version"]) == ("running", 10, 1)
    assert (done["status"], done["done"], done["seconds_left"]) == ("done", 10, 0)
    assert done["result"]["matrix"] == [
        {"from": "loyal", "to": "loyal", "count": 2},
        {"from": "customer", "to": "customer", "count": 1},
        {"from": "customer", "to": "loyal", "count": 1},
    ]
    assert (done["result"]["subjects"], done["result"]["changed"]) == (4, 1)
    versions = (await api.get("/v1/models/shop/versions")).json()["data"]
    assert len(versions) == 1
    assert (await api.get("/v1/transitions?limit=500")).json() == feed


async def test_those_who_change_are_told_with_both_causes(api: Api) -> None:
    await orders(api)
    job = await begun(api)
    await ended(api, job["id"])

    answer = await api.get(f"{PATH}/{job['id']}/changes")

    Listed[ChangeOut].model_validate(answer.json())
    (found,) = answer.json()["data"]
    assert found["customer_id"] == "c2"
    assert (found["old"]["stage"], found["old"]["cause"]["rule"]) == ("customer", "first-order")
    assert (found["new"]["stage"], found["new"]["cause"]["rule"]) == ("loyal", "third-order")


async def test_changes_are_paged_and_narrowed(api: Api) -> None:
    await orders(api)
    job = await begun(api, SHOP.replace(b"orders >= 3", b"orders >= 1"))
    await ended(api, job["id"])
    path = f"{PATH}/{job['id']}/changes"

    first = (await api.get(f"{path}?limit=1")).json()
    second = (await api.get(f"{path}?limit=1&cursor={first['next_cursor']}")).json()
    none = (await api.get(f"{path}?from=loyal")).json()
    other = await api.get(f"{path}?to=loyal&cursor={first['next_cursor']}")

    assert first["has_more"]
    assert first["data"] != second["data"]
    assert none["data"] == []
    assert (other.status_code, other.json()["code"]) == (400, "cursor_mismatch")


async def test_an_instant_and_a_sample_can_be_asked_for(api: Api) -> None:
    await orders(api)

    past = await ended(api, (await begun(api, query="?as_of=2026-02-20"))["id"])
    part = await ended(api, (await begun(api, query="?sample=0.0001"))["id"])

    assert past["as_of"] == "2026-02-20T00:00:00Z"
    assert past["result"]["matrix"] == [{"from": "customer", "to": "customer", "count": 4}]
    assert (part["sample"], part["result"]["subjects"]) == (0.0001, 0)


async def test_backtests_are_listed_and_cancelled(api: Api) -> None:
    await orders(api)
    job = await begun(api)

    stopped = await api.client.delete(f"{PATH}/{job['id']}")
    again = await api.client.delete(f"{PATH}/{job['id']}")
    listed = (await api.get(PATH)).json()["data"]

    assert (stopped.status_code, stopped.json()["status"]) == (200, "cancelled")
    assert again.json() == stopped.json()
    assert stopped.json()["result"] is None
    assert [each["id"] for each in listed] == [job["id"]]


async def test_refusals_say_why(api: Api) -> None:
    job = await begun(api)
    broken = await api.client.post(PATH, content=b"model: shop", headers=YAML)
    other = await api.client.post(PATH, content=SHOP.replace(b"shop", b"ship"), headers=YAML)
    text = await api.client.post(PATH, content=SHOP, headers={"Content-Type": "text/plain"})
    much = await api.client.post(f"{PATH}?sample=2", content=SHOP, headers=YAML)
    missing = await api.get(f"{PATH}/bt_1")
    elsewhere = await api.get(f"/v1/models/ship/backtests/{job['id']}")

    assert [(each.status_code, each.json()["code"]) for each in (broken, other)] == [
        (422, "model_invalid")
    ] * 2
    assert (text.status_code, much.status_code) == (415, 400)
    assert {missing.json()["code"], elsewhere.json()["code"]} == {"backtest_not_found"}


async def test_names_of_customers_need_their_scope(api: Api) -> None:
    await orders(api)
    job = await begun(api)
    key = await api.key("metrics:read")

    result = await api.get(f"{PATH}/{job['id']}", headers=key)
    names = await api.get(f"{PATH}/{job['id']}/changes", headers=key)
    begins = await api.client.post(PATH, content=SHOP, headers={**YAML, **key})

    assert (result.status_code, names.status_code, begins.status_code) == (200, 403, 403)


async def activate(api: Api, document: bytes) -> None:
    """Store *document* as the next version and make it the active one."""
    headers = {**YAML, "If-Match": "*"}
    stored = await api.client.put("/v1/models/shop", content=document, headers=headers)
    number = stored.json()["version"]
    answer = await api.client.post(f"/v1/models/shop/versions/{number}/activate")
    assert answer.status_code == 202, answer.text
    await api.services.rebuilds.settle()


async def stage_of(api: Api, customer: str) -> tuple[str, int]:
    """Return the stage of a customer, and the version that says so."""
    (found,) = (await api.get(f"/v1/customers/{customer}")).json()["stages"]
    return found["stage"], found["model_version"]


async def test_a_rollback_brings_the_version_before_back_quietly(api: Api) -> None:
    await orders(api)
    feed = (await api.get("/v1/transitions?limit=500")).json()["data"]
    await activate(api, EAGER)
    changed = await stage_of(api, "c2")

    answer = await api.client.post("/v1/models/shop/rollback")
    await api.services.rebuilds.settle()

    RollbackOut.model_validate(answer.json())
    assert (answer.status_code, answer.json()["model_version"]) == (200, 1)
    assert changed == ("loyal", 2)
    assert await stage_of(api, "c2") == ("customer", 1)
    after = (await api.get("/v1/transitions?limit=500")).json()["data"]
    assert [each["position"] for each in after] == [each["position"] for each in feed]


async def test_a_rollback_goes_one_step_and_a_second_one_comes_back(api: Api) -> None:
    """Of three versions the one before the last was active before; after it, the last was."""
    await activate(api, EAGER)
    await activate(api, EAGER.replace(b"1000.0", b"2000.0"))

    steps = []
    for _ in range(2):
        answer = await api.client.post("/v1/models/shop/rollback")
        await api.services.rebuilds.settle()
        steps.append(answer.json()["model_version"])

    assert steps == [2, 3]


async def test_a_rollback_needs_somewhere_to_go(api: Api) -> None:
    first = await api.client.post("/v1/models/shop/rollback")
    missing = await api.client.post("/v1/models/none/rollback")

    assert (first.status_code, first.json()["code"]) == (409, "rollback_refused")
    assert (missing.status_code, missing.json()["code"]) == (404, "model_not_found")


async def test_a_rebuild_under_way_is_cancelled_before_a_rollback(api: Api) -> None:
    """Who activates by mistake takes that back; a rollback would go one version too far."""
    await orders(api)
    await activate(api, EAGER)
    begun = await api.client.post("/v1/rebuilds", json={"model": "shop"})
    location = begun.headers["Location"]

    refused = await api.client.post("/v1/models/shop/rollback")
    cancelled = await api.client.delete(location)
    await api.services.rebuilds.settle()

    told = (await api.get(location)).json()
    assert (refused.status_code, refused.json()["code"]) == (409, "rollback_refused")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "failed")
    assert (told["status"], told["error"]) == ("failed", "cancelled")
    assert await stage_of(api, "c2") == ("loyal", 2)


async def test_a_rebuild_that_has_ended_cannot_be_cancelled(api: Api) -> None:
    (newest,) = (await api.get("/v1/rebuilds")).json()["data"]

    ended = await api.client.delete(f"/v1/rebuilds/{newest['id']}")
    missing = await api.client.delete("/v1/rebuilds/99")
    strange = await api.client.delete("/v1/rebuilds/x")

    assert (ended.status_code, ended.json()["code"]) == (409, "rebuild_ended")
    assert {missing.json()["code"], strange.json()["code"]} == {"rebuild_not_found"}
