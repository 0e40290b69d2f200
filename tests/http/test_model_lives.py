"""The life of a model's version over HTTP: drafted, activated from now on, rolled back, retired."""

from __future__ import annotations

from typing import Any

import pytest

from domain.instants import format_instant
from service.workers.sweeper import Sweeper
from tests.http.conftest import SHOP, Api, MakeApi, did

pytestmark = pytest.mark.anyio

YAML = {"Content-Type": "application/yaml"}
FANS = (
    SHOP.replace(b"loyal", b"fan")
    .replace(b"signals.orders >= 3", b"signals.orders >= 2")
    .replace(b"after: 30d", b"after: 45d")
)
"""Another version of the shop: loyal customers are called fans, and two orders make one."""


async def put(api: Api, body: bytes = FANS, query: str = "", key: str = "shop") -> dict[str, Any]:
    """Return what came of the next version of a model."""
    tag = (await api.get(f"/v1/models/{key}")).headers.get("ETag")
    headers = YAML | ({"If-Match": tag} if tag else {})
    answer = await api.client.put(f"/v1/models/{key}{query}", content=body, headers=headers)
    assert answer.status_code == 201, answer.text
    members: dict[str, Any] = answer.json()
    return members


async def activated(api: Api, number: int, **body: object) -> dict[str, Any]:
    """Return the rebuild by which a version of the shop became active, at its end."""
    begun = await api.client.post(f"/v1/models/shop/versions/{number}/activate", json=body)
    assert begun.status_code == 202, begun.text
    await api.services.rebuilds.settle()
    members: dict[str, Any] = (await api.get(begun.headers["Location"])).json()
    return members


async def states(api: Api) -> list[str]:
    """Return how far each version of the shop has come, the newest first."""
    found = (await api.get("/v1/models/shop/versions")).json()["data"]
    return [each["state"] for each in found]


async def stage_of(api: Api, customer: str, **query: str) -> dict[str, Any]:
    """Return where a customer stands in the shop."""
    found = (await api.get(f"/v1/customers/{customer}", params={"model": "shop", **query})).json()
    stage: dict[str, Any] = found["stages"][0]
    return stage


async def test_a_version_goes_through_its_life(api: Api) -> None:
    assert await states(api) == ["active"]

    await put(api)
    stored = await states(api)
    await activated(api, 2)
    active = await states(api)
    standby = (await api.get("/v1/models/shop")).json()["standby"]
    api.clock.turn(days=1)
    await Sweeper(api.services.store, api.clock).round()

    assert stored == ["validated", "active"]
    assert active == ["active", "standby"]
    assert standby == {"version": 1, "until": "2026-03-03T00:00:00Z"}
    assert await states(api) == ["active", "retired"]
    assert (await api.get("/v1/models/shop")).json()["standby"] is None


async def test_from_now_on_everybody_stays_where_they_are(api: Api) -> None:
    """History stays as it was told; what comes is told by the new version."""
    now = api.clock.now()
    days = 86_400_000_000
    orders = [did("ordered", "ann", now - back * days) for back in (20, 10, 5)]
    await api.send(*orders, did("ordered", "bob", now - 8 * days), did("seen", "cyd", now - days))
    before = (await api.get("/v1/customers/ann/transitions")).json()["data"]
    await put(api)

    job = await activated(api, 2, mode="from_now", stage_map={"loyal": "fan"})

    ann, bob = await stage_of(api, "ann"), await stage_of(api, "bob")
    assert (job["status"], job["mode"], job["since"]) == ("active", "from_now", format_instant(now))
    assert (ann["stage"], ann["entered_at"]) == ("fan", format_instant(now - 5 * days))
    assert (ann["model_version"], ann["cause"]["rule"]) == (2, "$activation")
    assert (bob["stage"], bob["cause"]["kind"]) == ("customer", "model")
    then = await stage_of(api, "ann", as_of=format_instant(now - days))
    assert (then["stage"], then["model_version"]) == ("loyal", 1)
    after = (await api.get("/v1/customers/ann/transitions")).json()["data"]
    assert after[: len(before)] == [
        {**row, "position": told["position"]} for row, told in zip(before, after, strict=False)
    ]
    carried = after[len(before)]
    assert (carried["from"], carried["to"], carried["sequence"]) == ("loyal", "fan", 4)
    assert carried["time_in_previous_seconds"] == 5 * 86_400

    await api.send(did("ordered", "bob"))

    assert (await stage_of(api, "bob"))["stage"] == "fan"


async def test_boards_of_the_past_are_those_of_the_version_of_then(api: Api) -> None:
    now = api.clock.now()
    await api.send(*(did("ordered", "ann", now - back * 86_400_000_000) for back in (20, 10, 5)))
    await put(api)
    await activated(api, 2, mode="from_now", stage_map={"loyal": "fan"})

    past = (await api.get("/v1/models/shop/board?as_of=2026-03-01T00:00:00Z")).json()
    present = (await api.get("/v1/models/shop/board")).json()

    assert past["model_version"] == 1
    assert [each["stage"] for each in past["stages"] if each["count"]] == ["loyal"]
    assert present["model_version"] == 2
    assert [each["stage"] for each in present["stages"] if each["count"]] == ["fan"]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"mode": "from_now"}, ["/stage_map/loyal"]),
        ({"mode": "from_now", "stage_map": {"loyal": "best"}}, ["/stage_map/loyal"]),
        (
            {"mode": "from_now", "stage_map": {"loyal": "fan", "gone": "fan"}},
            ["/stage_map/gone"],
        ),
        ({"mode": "rebuild", "stage_map": {"loyal": "fan"}}, ["/stage_map"]),
        ({"mode": "tomorrow"}, ["/mode"]),
    ],
)
async def test_a_stage_is_never_mapped_by_a_guess(
    api: Api, body: dict[str, Any], pointers: list[str]
) -> None:
    await put(api)

    answer = await api.client.post("/v1/models/shop/versions/2/activate", json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert [each["pointer"] for each in answer.json()["errors"]] == pointers
    assert (await api.get("/v1/rebuilds")).json()["data"][0]["model_version"] == 1


async def test_a_rollback_to_what_stands_by_is_done_when_it_is_answered(api: Api) -> None:
    await api.send(did("ordered", "ann"), did("ordered", "ann"))
    await put(api)
    await activated(api, 2)
    await api.send(did("ordered", "ann"))

    back = await api.client.post("/v1/models/shop/rollback")
    old = await stage_of(api, "ann")
    forth = await api.client.post("/v1/models/shop/rollback")

    assert (back.status_code, back.json()["at_once"]) == (200, True)
    assert (old["stage"], old["model_version"]) == ("loyal", 1)
    assert (forth.status_code, forth.json()["model_version"]) == (200, 2)
    assert (await stage_of(api, "ann"))["stage"] == "fan"


async def test_a_rollback_without_standby_is_a_rebuild_and_says_so(make_api: MakeApi) -> None:
    api = await make_api(STAGEFOLD_STANDBY_HOURS="0")
    await put(api)
    await activated(api, 2)
    assert await states(api) == ["active", "retired"]

    back = await api.client.post("/v1/models/shop/rollback")
    await api.services.rebuilds.settle()

    assert (back.status_code, back.json()["at_once"]) == (202, False)
    assert await states(api) == ["retired", "active"]


async def test_a_rebuild_of_what_tells_from_now_on_tells_the_same(api: Api) -> None:
    now = api.clock.now()
    await api.send(*(did("ordered", "ann", now - back * 86_400_000_000) for back in (20, 10, 5)))
    await put(api)
    await activated(api, 2, mode="from_now", stage_map={"loyal": "fan"})
    before = (await api.get("/v1/customers/ann/transitions")).json()["data"]

    await api.client.post("/v1/rebuilds", json={"model": "shop"})
    await api.services.rebuilds.settle()

    assert (await api.get("/v1/customers/ann/transitions")).json()["data"] == before
    assert await states(api) == ["active", "standby"]


async def test_activations_are_quiet(api: Api) -> None:
    await api.send(did("ordered", "ann"), did("ordered", "ann"))
    feed = (await api.get("/v1/transitions")).json()["data"]
    await put(api)

    await activated(api, 2, mode="from_now", stage_map={"loyal": "fan"})
    await activated(api, 1)

    assert (await api.get("/v1/transitions")).json()["data"] == feed


async def test_a_draft_may_have_errors_and_is_never_activated(api: Api) -> None:
    broken = FANS.replace(b"signals.orders", b"signals.ordrs")

    made = await put(api, broken, "?draft=true")
    refused = await api.client.post("/v1/models/shop/versions/2/activate")

    assert (made["state"], made["validated_at"]) == ("draft", None)
    assert made["warnings"]
    assert (refused.status_code, refused.json()["code"]) == (409, "activation_refused")


async def test_a_draft_is_not_made_active_because_it_is_the_first(api: Api) -> None:
    broken = FANS.replace(b"model: shop", b"model: other").replace(b"orders >=", b"ordrs >=")

    made = await put(api, broken, "?draft=true", "other")

    assert (made["state"], made["active"]) == ("draft", False)


async def test_from_now_needs_somebody_to_stand_somewhere(api: Api) -> None:
    other = FANS.replace(b"model: shop", b"model: other")
    await put(api, other, "?activate=false", "other")

    answer = await api.client.post(
        "/v1/models/other/versions/1/activate", json={"mode": "from_now"}
    )

    assert (answer.status_code, answer.json()["code"]) == (409, "activation_refused")


async def test_an_activation_that_is_to_be_announced_is_refused_by_name(api: Api) -> None:
    """Activations are quiet, so nothing may look as if they were not."""
    await put(api)

    refused = await api.client.post("/v1/models/shop/versions/2/activate", json={"announce": True})

    assert (refused.status_code, refused.json()["code"]) == (422, "validation_failed")
    assert [each["pointer"] for each in refused.json()["errors"]] == ["/announce"]
    assert await states(api) == ["validated", "active"]
