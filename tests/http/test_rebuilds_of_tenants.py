"""Rebuilds, activations and backtests over HTTP, of a tenant that is not the operator's."""

from __future__ import annotations

import pytest

from tests.http.conftest import Api, client_of, did
from tests.http.test_models_api import finished
from tests.http.test_rebuilds import ONE, OTHER

pytestmark = pytest.mark.anyio

YAML = {"Content-Type": "application/yaml"}


@pytest.fixture
async def theirs(api: Api) -> Api:
    """Return the application as a second tenant asks it."""
    made = await api.client.post("/v1/tenants", json={"id": "acme", "name": "Acme"})
    assert made.status_code == 201, made.text
    headers = {"Authorization": f"Bearer {made.json()['admin_key']['key']}"}
    return Api(client_of(api.services, **headers), api.services, api.clock)


async def stage_of(api: Api, customer: str) -> str:
    """Return where a customer stands in the small model."""
    found = await api.get(f"/v1/customers/{customer}/stages", params={"model": "small"})
    stage: str = found.json()["data"][0]["stage"]
    return stage


async def activated(api: Api) -> str:
    """Return where the activation of the second version of the small model is."""
    begun = await api.client.post("/v1/models/small/versions/2/activate")
    assert begun.status_code == 202, begun.text
    return begun.headers["Location"]


async def test_two_tenants_activate_versions_of_models_of_one_name(api: Api, theirs: Api) -> None:
    """Neither takes the place of the other's, and neither waits for ever."""
    for each in (api, theirs):
        await each.send(did("seen", "ann"))
        stored = await each.client.put("/v1/models/small", content=ONE, headers=YAML)
        tag = {"If-Match": stored.headers["ETag"]}
        await each.client.put("/v1/models/small", content=OTHER, headers=YAML | tag)
    before = [await stage_of(each, "ann") for each in (api, theirs)]

    jobs = [await activated(each) for each in (theirs, api)]
    ended = [await finished(each, job) for each, job in zip((theirs, api), jobs, strict=True)]

    assert before == ["a", "a"]
    assert [job["status"] for job in ended] == ["active", "active"]
    assert [await stage_of(each, "ann") for each in (api, theirs)] == ["b", "b"]


async def test_a_second_tenant_rebuilds_rolls_back_and_backtests(api: Api, theirs: Api) -> None:
    await theirs.send(did("seen", "ann"))
    stored = await theirs.client.put("/v1/models/small", content=ONE, headers=YAML)
    tag = {"If-Match": stored.headers["ETag"]}
    await theirs.client.put("/v1/models/small", content=OTHER, headers=YAML | tag)
    await finished(theirs, await activated(theirs))

    again = await theirs.client.post("/v1/rebuilds", json={"model": "small"})
    rebuilt = await finished(theirs, again.headers["Location"])
    back = await theirs.client.post("/v1/models/small/rollback")
    trial = await theirs.client.post("/v1/models/small/backtests", params={"version": "2"})
    backtests = theirs.services.backtests
    await backtests.settle(await backtests.find("acme", "small", trial.json()["id"]))
    tried = (await theirs.get(trial.headers["Location"])).json()

    assert (rebuilt["status"], back.status_code) == ("active", 200)
    assert await stage_of(theirs, "ann") == "a"
    assert (tried["status"], tried["done"]) == ("done", 1)
    assert (await api.get("/v1/models/small")).status_code == 404
