"""Deliveries from an event to a receiver: order, retries, patience, and what is told of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from service.ports import FeedRecord, Page
from tests.http.conftest import MakeApi, did
from tests.webhooks.hooking import Hooked
from tests.webhooks.receiving import Received, Receiver

pytestmark = pytest.mark.anyio

DAY = "2026-03-01"


async def test_a_transition_is_told_signed_and_once(hooked: Hooked, receiver: Receiver) -> None:
    made = await hooked.endpoint(receiver.url, types=["customer.stage.*"])

    await hooked.api.send(did("ordered", "ann", f"{DAY}T12:00:00Z", amount=10))
    await hooked.deliver()
    await hooked.deliver()

    first, second = receiver.came
    assert [first.data["to"], second.data["to"]] == ["visitor", "customer"]
    assert second.data["customer_id"] == "ann"
    assert second.id == second.data["transition_id"]
    signed_at = datetime.fromtimestamp(int(second.headers["webhook-timestamp"]), UTC)
    signature = Webhook(made["secret"]).sign(second.id, signed_at, second.body.decode())
    assert second.headers["webhook-signature"] == signature


async def test_what_came_before_the_endpoint_is_not_told(
    hooked: Hooked, receiver: Receiver
) -> None:
    await hooked.api.send(did("ordered", "ann", f"{DAY}T12:00:00Z"))
    hooked.api.clock.turn(seconds=1)
    await hooked.endpoint(receiver.url)

    await hooked.deliver()

    assert receiver.types.count("customer.stage.changed") == 0


async def test_who_asks_while_the_feed_is_being_read_misses_nothing(
    hooked: Hooked, receiver: Receiver
) -> None:
    """Between two looks of the fan-out an endpoint is made, and then an event arrives."""
    await hooked.endpoint("http://127.0.0.1:1024/unheard", types=["customer.stage.changed"])
    store = hooked.api.services.store
    read = store.feed

    async def meanwhile(tenant: str, **how: int) -> Page[FeedRecord]:
        store.feed = read  # type: ignore[method-assign]  # this once
        await hooked.endpoint(receiver.url, types=["customer.stage.changed"])
        await hooked.api.send(did("ordered", "ann", f"{DAY}T12:00:00Z"))
        return await read(tenant, **how)

    store.feed = meanwhile  # type: ignore[method-assign]  # as above
    await hooked.deliver()

    assert "customer.stage.changed" in receiver.types


async def test_only_what_meets_the_filter_is_told(hooked: Hooked, receiver: Receiver) -> None:
    condition = "data.customer_id.startsWith('a')"
    narrow = {"model": ["shop"], "to": ["custom*"], "expression": condition}
    await hooked.endpoint(receiver.url, types=["customer.stage.changed"], filter=narrow)

    for name in ("ann", "bob"):
        await hooked.api.send(did("ordered", name, f"{DAY}T12:00:00Z"))
    await hooked.deliver()

    assert [(one.data["customer_id"], one.data["to"]) for one in receiver.came] == [
        ("ann", "customer")
    ]


async def test_a_failed_delivery_holds_up_its_customer_and_nobody_else(
    hooked: Hooked, receiver: Receiver
) -> None:
    failing = {"ann"}

    def answers(one: Received) -> tuple[int, dict[str, str]]:
        return (500 if one.data["customer_id"] in failing else 200), {}

    receiver.answers = answers
    await hooked.endpoint(receiver.url, types=["customer.stage.changed"])
    for name in ("ann", "bob"):
        await hooked.api.send(did("ordered", name, f"{DAY}T12:00:00Z"))
    await hooked.deliver()
    assert [one.data["to"] for one in receiver.came if one.data["customer_id"] == "ann"] == [
        "visitor"
    ]
    assert [one.data["to"] for one in receiver.came if one.data["customer_id"] == "bob"] == [
        "visitor",
        "customer",
    ]

    failing.clear()
    hooked.api.clock.turn(seconds=10)
    await hooked.deliver()

    ann = [one for one in receiver.came if one.data["customer_id"] == "ann"]
    assert [one.data["to"] for one in ann] == ["visitor", "visitor", "customer"]
    assert ann[0].id == ann[1].id
    assert [one.headers["stagefold-attempt"] for one in ann] == ["1", "2", "1"]


async def test_a_late_event_is_told_as_one_correction(hooked: Hooked, receiver: Receiver) -> None:
    await hooked.endpoint(receiver.url, types=["customer.stage.*"])
    await hooked.api.send(did("seen", "ann", "2026-02-10T00:00:00Z"))
    await hooked.api.send(did("ordered", "ann", "2026-02-20T00:00:00Z"))
    await hooked.deliver()
    receiver.came.clear()

    await hooked.api.send(did("ordered", "ann", "2026-02-15T00:00:00Z"))
    await hooked.deliver()

    (correction,) = receiver.came
    assert correction.type == "customer.stage.corrected"
    assert correction.data["before"]["stage"] == correction.data["after"]["stage"] == "customer"
    assert correction.data["after"]["entered_at"].startswith("2026-02-15")


async def test_a_rebuild_tells_nobody_of_stages(hooked: Hooked, receiver: Receiver) -> None:
    await hooked.endpoint(receiver.url, types=["customer.*"])
    await hooked.api.send(did("ordered", "ann", f"{DAY}T12:00:00Z"))
    await hooked.deliver()
    told = list(receiver.types)

    order = await hooked.post("/v1/rebuilds", {"model": "shop"})
    while await hooked.api.services.rebuilds.round():
        pass
    await hooked.deliver()

    assert (await hooked.get(f"/v1/rebuilds/{order['id']}"))["status"] == "active"
    assert "customer.stage.changed" in told
    assert receiver.types == told


async def test_a_receiver_that_is_gone_is_disabled_and_others_hear_of_it(
    hooked: Hooked, receiver: Receiver
) -> None:
    gone = await hooked.endpoint(f"{receiver.url}/gone", types=["customer.stage.changed"])
    await hooked.endpoint(receiver.url, types=["webhook.*"])
    receiver.answers = lambda one: (410 if one.path.endswith("/gone") else 200, {})

    await hooked.api.send(did("ordered", "ann", f"{DAY}T12:00:00Z"))
    await hooked.deliver()

    (told,) = [one for one in receiver.came if not one.path.endswith("/gone")]
    assert (told.type, told.data["endpoint_id"]) == ("webhook.endpoint.disabled", gone["id"])
    found = await hooked.get(f"/v1/webhook-endpoints/{gone['id']}")
    assert found["state"] == "disabled"
    held = await hooked.get("/v1/deliveries", status="held")
    assert [one["endpoint_id"] for one in held["data"]] == [gone["id"]] * 2


async def test_what_was_held_is_delivered_when_the_endpoint_is_enabled(
    hooked: Hooked, receiver: Receiver
) -> None:
    made = await hooked.endpoint(receiver.url, types=["customer.stage.changed"])
    path = f"/v1/webhook-endpoints/{made['id']}"
    await hooked.post(f"{path}/pause")
    await hooked.api.send(did("ordered", "ann", f"{DAY}T12:00:00Z"))
    await hooked.deliver()
    assert receiver.came == []

    await hooked.post(f"{path}/enable", {"resume": "latest"})
    await hooked.deliver()

    assert [one.data["to"] for one in receiver.came] == ["customer"]
    statuses = [one["status"] for one in (await hooked.get("/v1/deliveries"))["data"]]
    assert statuses == ["delivered", "superseded"]


async def test_only_the_newest_change_matters_where_somebody_says_so(
    hooked: Hooked, receiver: Receiver
) -> None:
    await hooked.endpoint(receiver.url, types=["customer.stage.changed"], on_backlog="latest")

    await hooked.api.send(*(did("ordered", "ann", f"{DAY}T12:00:0{n}Z") for n in range(3)))
    await hooked.deliver()

    assert [one.data["to"] for one in receiver.came] == ["loyal"]


async def test_an_endpoint_that_fails_is_left_alone_and_costs_no_attempts(
    hooked: Hooked, receiver: Receiver
) -> None:
    made = await hooked.endpoint(receiver.url, types=["customer.stage.changed"])
    receiver.answers = lambda _: (500, {})
    for number in range(30):
        await hooked.api.send(did("seen", f"c{number}", f"{DAY}T12:00:00Z"))

    await hooked.deliver()

    assert len(receiver.came) < 20
    stats = await hooked.get(f"/v1/webhook-endpoints/{made['id']}/stats")
    assert stats["breaker"]["state"] == "open"
    untouched = await hooked.get("/v1/deliveries", status="pending", limit="100")
    assert sum(one["attempts"] == 0 for one in untouched["data"]) > 10

    receiver.answers = lambda _: (200, {})
    hooked.api.clock.turn(seconds=100)
    await hooked.deliver()
    hooked.api.clock.turn(seconds=100)
    await hooked.deliver()

    left = await hooked.get("/v1/deliveries", status="pending", limit="100")
    assert left["data"] == []


async def test_a_message_is_given_up_after_its_last_attempt_and_can_be_retried(
    hooked: Hooked, receiver: Receiver
) -> None:
    await hooked.endpoint(f"{receiver.url}/bad", types=["customer.stage.changed"])
    await hooked.endpoint(receiver.url, types=["webhook.delivery.exhausted"])
    receiver.answers = lambda one: (500 if one.path.endswith("/bad") else 200, {})
    await hooked.api.send(did("seen", "ann", f"{DAY}T12:00:00Z"))
    for _ in range(14):
        await hooked.deliver()
        hooked.api.clock.turn(days=1.5)

    (told,) = [one for one in receiver.came if one.type == "webhook.delivery.exhausted"]
    assert told.data["attempts"] == 11
    receiver.answers = lambda _: (200, {})
    number = told.data["delivery_id"]
    await hooked.post(f"/v1/deliveries/{number}/retry")
    await hooked.deliver()

    assert (await hooked.get(f"/v1/deliveries/{number}"))["status"] == "delivered"
    attempts = (await hooked.get(f"/v1/deliveries/{number}/attempts"))["data"]
    assert [one["attempt"] for one in attempts] == list(range(1, 13))
    assert attempts[0]["status"] == 500


async def test_what_an_endpoint_never_got_is_sent_on_demand(
    hooked: Hooked, receiver: Receiver
) -> None:
    await hooked.api.send(did("ordered", "ann", f"{DAY}T12:00:00Z"))
    hooked.api.clock.turn(seconds=1)
    made = await hooked.endpoint(receiver.url, types=["customer.stage.changed"])
    hooked.api.clock.turn(seconds=1)
    order = {"since": "2026-03-01T00:00:00Z", "status": ["missing"]}
    path = f"/v1/webhook-endpoints/{made['id']}/redeliveries"

    jobs = []
    for is_dry in (True, False):
        jobs.append(await hooked.post(path, {**order, "dry_run": is_dry}))
        while await hooked.api.services.hooks.redeliveries.round():
            pass
    await hooked.deliver()

    assert [one.data["to"] for one in receiver.came] == ["visitor", "customer"]
    for job in jobs:
        found = await hooked.get(f"{path}/{job['id']}")
        assert (found["status"], found["count"]) == ("done", 2)


async def test_a_merge_is_told_to_whoever_knew_both(hooked: Hooked, receiver: Receiver) -> None:
    await hooked.endpoint(receiver.url, types=["customer.merged"])
    await hooked.api.send(did("seen", "ann", "2026-02-10T00:00:00Z"))
    await hooked.api.send(did("seen", "bob", "2026-02-11T00:00:00Z"))

    await hooked.post("/v1/customers/ann/aliases", {"customer_id": "bob"})
    await hooked.deliver()

    (told,) = receiver.came
    assert (told.data["customer_id"], told.data["merged"]["customer_id"]) == ("ann", "bob")


@pytest.mark.parametrize("form", ["cloudevents", "cloudevents-binary"])
async def test_bodies_are_cloudevents_where_somebody_asks(
    hooked: Hooked, receiver: Receiver, form: str
) -> None:
    await hooked.endpoint(receiver.url, types=["customer.stage.changed"], format=form)

    await hooked.api.send(did("seen", "änn", f"{DAY}T12:00:00Z"))
    await hooked.deliver()

    (one,) = receiver.came
    whole = json.loads(one.body)
    if form == "cloudevents":
        assert (whole["subject"], whole["sequence"], whole["specversion"]) == (
            "änn",
            "0000000001",
            "1.0",
        )
        assert whole["data"]["to"] == "visitor"
    else:
        assert (one.headers["ce-id"], one.headers["ce-subject"]) == (one.id, "%C3%A4nn")
        assert whole["to"] == "visitor"
    assert one.headers["webhook-signature"].startswith("v1,")


async def test_both_secrets_sign_while_one_is_being_changed(
    hooked: Hooked, receiver: Receiver
) -> None:
    made = await hooked.endpoint(receiver.url, signing=["v1", "v1a"], types=["webhook.test"])
    path = f"/v1/webhook-endpoints/{made['id']}"
    rotated = await hooked.post(f"{path}/rotate-secret", {"overlap": "24h"})

    tried = await hooked.post(f"{path}/test", {"type": "webhook.test"})
    hooked.api.clock.turn(days=2)
    await hooked.post(f"{path}/test", {"type": "webhook.test"})

    assert tried["delivered"]
    during, after = receiver.came
    signatures = [part.split(",")[0] for part in during.headers["webhook-signature"].split()]
    assert signatures == ["v1", "v1", "v1a"]
    assert len(after.headers["webhook-signature"].split()) == 2
    assert rotated["secret"] != made["secret"]
    keys = await hooked.get("/.well-known/webhook-keys.json")
    assert keys["keys"][0]["key"].startswith("whpk_")


async def test_addresses_that_must_not_be_reached_are_refused_at_once(make_api: MakeApi) -> None:
    api = await make_api()

    refused = await api.client.post("/v1/webhook-endpoints", json={"url": "http://127.0.0.1/"})

    assert refused.status_code == 422
    (place,) = refused.json()["errors"]
    assert (place["pointer"], place["code"]) == ("/url", "blocked_address")
    assert "STAGEFOLD_WEBHOOK_ALLOW_CIDRS" in place["message"]


async def test_an_endpoint_is_changed_by_whoever_has_seen_it(
    hooked: Hooked, receiver: Receiver
) -> None:
    made = await hooked.endpoint(receiver.url)
    path, client = f"/v1/webhook-endpoints/{made['id']}", hooked.api.client

    without = await client.patch(path, json={"description": "mine"})
    stale = await client.patch(path, json={"description": "mine"}, headers={"If-Match": '"9"'})
    done = await client.patch(path, json={"description": "mine"}, headers={"If-Match": '"1"'})
    late = await client.patch(path, json={"description": "yours"}, headers={"If-Match": '"1"'})

    assert [one.status_code for one in (without, stale, done, late)] == [428, 412, 200, 412]
    assert done.json()["description"] == "mine"
    assert (await client.delete(path)).status_code == 200
    assert (await client.get(path)).status_code == 404


async def test_what_has_been_kept_long_enough_goes(hooked: Hooked, receiver: Receiver) -> None:
    await hooked.endpoint(receiver.url)
    await hooked.api.send(did("ordered", "ann", f"{DAY}T12:00:00Z"))
    await hooked.deliver()
    assert (await hooked.get("/v1/deliveries"))["data"]

    hooked.api.clock.turn(days=31)
    while await hooked.api.services.hooks.deliveries.forget_old():
        pass

    assert (await hooked.get("/v1/deliveries"))["data"] == []


async def test_what_was_withdrawn_and_holds_again_is_told_by_another_id(
    hooked: Hooked, receiver: Receiver
) -> None:
    """Whoever remembers ids must not take it for a repeat."""
    await hooked.endpoint(receiver.url, types=["customer.stage.changed"])
    early = {**did("ordered", "ann", "2026-02-10T00:00:00Z"), "id": "early"}
    await hooked.api.send(did("seen", "ann", "2026-02-20T00:00:00Z"), early)
    await hooked.deliver()
    (customer,) = [one for one in receiver.came if one.data["to"] == "customer"]
    receiver.came.clear()

    void = {"type": "$void", "customer_id": "ann", "properties": {"event_id": "early"}}
    await hooked.api.send({**void, "id": "v1"})
    await hooked.api.send({**did("ordered", "ann", "2026-02-10T00:00:00Z"), "id": "early-2"})
    await hooked.deliver()

    told = [one for one in receiver.came if one.data["to"] == "customer"]
    assert [one.data["transition_id"] for one in told] == [customer.data["transition_id"]]
    assert told[0].id == f"{customer.id}_{told[0].data['position']}"
