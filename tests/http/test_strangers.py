"""Every route of the API asked by somebody of another tenant, about what is ours and what is not.

Generated from the table of operations: a route that is added tomorrow is asked tomorrow. Whatever
a stranger asks, the answer about something of ours is the one about something of nobody, and
nothing of ours has changed or is told.
"""

from __future__ import annotations

import re

import httpx
import pytest

from tests.http.conftest import Api, did
from tests.http.test_access import BODIES, GUARDED, NAMES, QUERIES

pytestmark = pytest.mark.anyio

MARK = "seldom-seen-word"
"""Stands in everything that we have, and in nothing that a stranger may read."""

PROBES = (
    "/v1/customers/ann",
    "/v1/customers/ann/transitions",
    "/v1/events",
    "/v1/models/shop",
    "/v1/models/shop/versions",
    "/v1/models/shop/board",
    "/v1/api-keys",
    "/v1/webhook-endpoints",
    "/v1/deliveries",
    "/v1/rebuilds",
    "/v1/imports",
    "/v1/event-types",
)


async def ours(api: Api) -> dict[str, str]:
    """Return ids of what we have, by parameter of the routes."""
    hook = {"url": "http://93.184.215.14/", "description": MARK}
    endpoint = (await api.client.post("/v1/webhook-endpoints", json=hook)).json()["id"]
    event = {**did("ordered", "ann", note=MARK), "id": "e-1", "account_id": "ann"}
    await api.send({**event, "anonymous_id": "a-1"})
    key = await api.client.post("/v1/api-keys", json={"name": MARK, "scopes": ["admin"]})
    rebuild = await api.client.post("/v1/rebuilds", json={"model": "shop"})
    document = {"model": "shop", "initial": "x", "stages": [{"id": "x"}]}
    backtest = await api.client.post("/v1/models/shop/backtests", json=document)
    imported = await api.client.post("/v1/imports", json={"name": f"{MARK}.ndjson"})
    await api.services.rebuilds.settle()
    await api.services.hooks.fan_out.pages()
    order = {"since": "2026-01-01T00:00:00Z", "status": ["failed"]}
    again = await api.client.post(f"/v1/webhook-endpoints/{endpoint}/redeliveries", json=order)
    return {
        **NAMES,
        "key_id": key.json()["id"],
        "endpoint_id": endpoint,
        "delivery_id": "dl_1",
        "redelivery_id": again.json()["id"],
        "rebuild": rebuild.json()["id"],
        "backtest": backtest.json().get("id", "bt_1"),
        "import_id": imported.json()["id"],
        "type": "ordered",
    }


def nobodys(names: dict[str, str]) -> dict[str, str]:
    """Return as many ids that nobody has, of the same form."""
    return {
        name: str(int(value) + 1_000) if value.isdigit() else f"{value[:-2]}qq"
        for name, value in names.items()
    }


def told(answer: httpx.Response, names: set[str]) -> tuple[int, str, str]:
    """Return status, code and message of *answer* without the names that were asked about."""
    problem = answer.json() if answer.status_code >= 400 else {}
    detail = str(problem.get("detail", ""))
    for value in sorted(names, key=len, reverse=True):
        detail = re.sub(re.escape(value), "…", detail)
    return answer.status_code, str(problem.get("code", "")), detail


@pytest.mark.parametrize("operation", GUARDED, ids=map(" ".join, GUARDED))
async def test_what_is_ours_is_answered_like_what_is_nobodys(
    api: Api, operation: tuple[str, str]
) -> None:
    names = await ours(api)
    _, token = await api.services.keys.create(tenant="other", name="theirs", scopes=("admin",))
    stranger = {"Authorization": f"Bearer {token}"}
    before = [(await api.get(probe)).text for probe in PROBES]
    method, path = operation
    answers = []
    for each in (nobodys(names), names):
        answer = await api.client.request(
            method,
            path.format_map(each),
            params=QUERIES.get(operation),
            json=BODIES.get(operation),
            headers=stranger,
        )
        answers.append(told(answer, {*names.values(), *nobodys(names).values()}))
        assert MARK not in answer.text
        assert answer.status_code < 500

    assert answers[0] == answers[1]
    assert [(await api.get(probe)).text for probe in PROBES] == before
