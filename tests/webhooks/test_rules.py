"""What is told, and what is told to nobody: imports, rebuilds, merges, corrections, and upkeep."""

from __future__ import annotations

import pytest

from projections.asking import EVERYBODY
from projections.registers.register import entries
from projections.webhooks.rows import (
    ATTEMPTS,
    DELIVERIES,
    DUE,
    LANES,
    MESSAGE_IDS,
    MESSAGES,
    WAITING,
)
from tests.http.conftest import did
from tests.webhooks.hooking import Hooked
from tests.webhooks.receiving import Receiver

pytestmark = pytest.mark.anyio

PAST = {"historical": "true"}


def visit(at: str) -> dict[str, object]:
    """Return an event of somebody whose name is not known yet."""
    return {"type": "seen", "anonymous_id": "a-1", "occurred_at": at}


async def test_an_import_tells_nothing_at_all(hooked: Hooked, receiver: Receiver) -> None:
    """Not that customers came to be, changed, were merged, raised an alert or were corrected."""
    hooked.api.clock.turn(seconds=1)  # the model was activated before
    await hooked.endpoint(receiver.url, types=["*"])
    await hooked.api.send(did("ordered", "ann", "2026-01-10T00:00:00Z", amount=2_000), params=PAST)
    await hooked.api.send(visit("2026-01-11T00:00:00Z"), params=PAST)
    await hooked.api.send(
        {**did("seen", "ann", "2026-01-12T00:00:00Z"), "anonymous_id": "a-1"}, params=PAST
    )
    await hooked.api.send(did("ordered", "ann", "2026-01-02T00:00:00Z"), params=PAST)

    await hooked.deliver()

    assert receiver.types == []
    assert await hooked.api.services.store.look(entries(MESSAGES), of=EVERYBODY) == []


async def test_an_import_that_joins_two_who_are_known_tells_nobody(
    hooked: Hooked, receiver: Receiver
) -> None:
    await hooked.endpoint(receiver.url, types=["*"])
    await hooked.api.send(did("ordered", "ann", "2026-03-01T00:00:00Z"))
    await hooked.api.send(visit("2026-03-01T01:00:00Z"))
    await hooked.deliver()
    receiver.came.clear()

    await hooked.api.send(
        {**did("seen", "ann", "2026-02-20T00:00:00Z"), "anonymous_id": "a-1"}, params=PAST
    )
    await hooked.deliver()

    assert receiver.types == []


async def test_a_live_event_that_joins_two_tells_of_the_merge_once(
    hooked: Hooked, receiver: Receiver
) -> None:
    await hooked.endpoint(receiver.url, types=["customer.merged"])
    await hooked.api.send(did("ordered", "ann", "2026-03-01T00:00:00Z"))
    await hooked.api.send(visit("2026-03-01T01:00:00Z"))

    joining = {**did("seen", "ann", "2026-03-01T02:00:00Z"), "id": "j-1", "anonymous_id": "a-1"}
    for _ in range(2):
        await hooked.api.send(joining)
        await hooked.deliver()

    (told,) = receiver.came
    assert told.data["customer_id"] == "ann"
    assert told.data["merged"]["customer_id"] == "anon:a-1"


async def test_what_was_said_and_does_not_hold_is_corrected(
    hooked: Hooked, receiver: Receiver
) -> None:
    """An event that is taken back: one correction, and the stage that holds now."""
    await hooked.endpoint(receiver.url, types=["customer.*"])
    order = {**did("ordered", "ann", "2026-03-01T00:00:00Z"), "id": "o-1"}
    await hooked.api.send(did("seen", "ann", "2026-02-28T00:00:00Z"))
    await hooked.api.send(order)
    await hooked.deliver()
    receiver.came.clear()

    void: dict[str, object] = {
        "id": "v-1",
        "type": "$void",
        "customer_id": "ann",
        "properties": {"event_id": "o-1"},
    }
    await hooked.api.send(void)
    await hooked.deliver()

    assert receiver.types[0] == "customer.stage.corrected"
    (corrected,) = [one for one in receiver.came if one.type == "customer.stage.corrected"]
    assert corrected.data["cause"] == "void"
    assert corrected.data["before"]["stage"] == "customer"
    assert corrected.data["after"]["stage"] == "visitor"
    assert set(receiver.types) <= {"customer.stage.corrected", "customer.stage.changed"}


async def test_another_version_of_a_model_is_told_and_no_stage_of_it(
    hooked: Hooked, receiver: Receiver
) -> None:
    for name in ("ann", "bob"):
        await hooked.api.send(did("ordered", name, "2026-02-20T00:00:00Z", amount=10))
    hooked.api.clock.turn(seconds=1)
    await hooked.endpoint(receiver.url, types=["*"])

    await hooked.post("/v1/rebuilds", {"model": "shop"})
    while await hooked.api.services.rebuilds.round():
        pass
    await hooked.deliver()

    assert sorted(receiver.types) == ["model.activated", "rebuild.completed"]


async def test_retention_leaves_nothing_behind_of_what_is_old_and_all_of_what_is_not(
    hooked: Hooked, receiver: Receiver
) -> None:
    """Delivered, given up or held: after its time it is gone from every table."""
    await hooked.endpoint(receiver.url, types=["customer.stage.changed"])
    paused = await hooked.endpoint(f"{receiver.url}/held", types=["customer.stage.changed"])
    await hooked.post(f"/v1/webhook-endpoints/{paused['id']}/pause")
    for number in range(5):
        await hooked.api.send(did("seen", f"old-{number}", "2026-03-01T00:00:00Z"))
    await hooked.deliver()
    hooked.api.clock.turn(days=29)
    await hooked.api.send(did("seen", "new", "2026-03-30T00:00:00Z"))
    await hooked.deliver()
    hooked.api.clock.turn(days=2)

    while await hooked.api.services.hooks.deliveries.forget_old():
        pass
    await hooked.post(f"/v1/webhook-endpoints/{paused['id']}/enable", {"resume": "all"})
    await hooked.deliver()

    look = hooked.api.services.store.look
    left = [
        await look(entries(each), of=EVERYBODY)
        for each in (DELIVERIES, MESSAGES, MESSAGE_IDS, ATTEMPTS)
    ]
    assert [len(each) for each in left] == [2, 1, 1, 2]
    assert {one.customer for one in left[0]} == {"new"}
    assert [await look(entries(each), of=EVERYBODY) for each in (WAITING, LANES, DUE)] == [
        [],
        [],
        [],
    ]
    assert [one.data["customer_id"] for one in receiver.came if one.path.endswith("/held")] == [
        "new"
    ]


@pytest.mark.parametrize("status", ["held", "pending"])
async def test_pages_of_what_is_held_and_of_what_is_pending_are_full_to_the_last(
    hooked: Hooked, receiver: Receiver, status: str
) -> None:
    """However the deliveries of endpoints that are enabled, and are not, follow one another."""
    terms = {"types": ["customer.stage.changed"]}
    paused = await hooked.endpoint(f"{receiver.url}/paused", **terms)
    enabled = await hooked.endpoint(receiver.url, **terms)
    await hooked.post(f"/v1/webhook-endpoints/{paused['id']}/pause")
    for number in range(25):
        await hooked.api.send(did("seen", f"c{number}", "2026-03-01T00:00:00Z"))
    while await hooked.api.services.hooks.fan_out.pages():
        pass

    pages: list[list[dict[str, object]]] = []
    cursor: dict[str, str] = {}
    for _ in range(10):
        told = await hooked.get("/v1/deliveries", status=status, limit="10", **cursor)
        pages.append(told["data"])
        if not told["next_cursor"]:
            break
        cursor = {"cursor": told["next_cursor"]}

    assert [len(page) for page in pages] == [10, 10, 5]
    found = [one for page in pages for one in page]
    wanted = paused if status == "held" else enabled
    assert {(one["endpoint_id"], one["status"]) for one in found} == {(wanted["id"], status)}
    assert [one["customer"] for one in found] == [f"c{number}" for number in reversed(range(25))]
