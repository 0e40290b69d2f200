"""Accounts fold what their members do; long lives are folded from snapshots."""

from __future__ import annotations

import json

import pytest

from projections.events.log import SubjectKey
from service.ports import StageRow, Store
from tests.builders import DAY, START, at
from tests.contract.judging import assert_true
from tests.contract.saying import SHOP, TEAM, TENANT, OpenStore, post, publish, sent, told

pytestmark = pytest.mark.anyio

ANN = SubjectKey("customer", "ann")


async def test_an_account_folds_what_its_members_do(store: Store) -> None:
    await publish(store, TEAM)
    await post(
        store,
        sent("e1", account_id="acme"),
        sent("b1", "visited", 1, "bob", account_id="acme"),
        now=at(2),
    )

    page = await store.transitions(TENANT, SubjectKey("account", "acme"))

    assert [(record.to_stage, record.effective_at) for record in page.rows] == [
        ("trial", at(0)),
        ("active", at(1)),
    ]


SEATED = {
    **TEAM,
    "transitions": [
        {"id": "large", "from": "trial", "to": "active", "when": "traits.seats >= 5"},
        {"id": "small", "from": "active", "to": "idle", "when": "traits.seats < 5"},
    ],
}


async def test_an_account_has_traits_of_its_own(store: Store) -> None:
    """Said by a group call or an `$identify`, beside what is known of the member who says it."""
    both = {"traits": {"seats": 90}, "account_traits": {"seats": 2}}
    await publish(store, SHOP)
    await publish(store, SEATED)
    await post(
        store,
        sent("e1", account_id="acme"),
        sent("e2", "group", 1, account_id="acme", properties={"seats": 9}),
        sent("e3", "group", 2, account_id="acme", properties={"account_traits": {"seats": 6}}),
        sent("e4", "$identify", 3, account_id="acme", properties=both),
        now=at(4),
    )

    page = await store.transitions(TENANT, SubjectKey("account", "acme"))

    assert [(record.to_stage, record.effective_at) for record in page.rows] == [
        ("trial", at(0)),
        ("active", at(2)),
        ("idle", at(3)),
    ]
    await assert_true(store, at(4))


async def test_late_events_of_a_member_retell_the_account(store: Store) -> None:
    await publish(store, TEAM)
    await post(store, sent("e1", "visited", 20, account_id="acme"), now=at(21))

    await post(store, sent("b1", "visited", 10, "bob", account_id="acme"), now=at(21))

    page = await store.transitions(TENANT, SubjectKey("account", "acme"))
    assert [(record.to_stage, record.effective_at) for record in page.rows] == [
        ("trial", at(10)),
        ("active", at(20)),
    ]


def _place(row: StageRow) -> tuple[str | None, int, int, int]:
    state = row.machine.decode(row.state)
    return (state.stage_id, state.entered_at, state.cycle, state.sequence)


async def test_a_late_event_in_a_long_life_is_folded_from_a_snapshot(open_store: OpenStore) -> None:
    """Three hundred events, then one before the end and one before the beginning."""
    store, other = await open_store(), await open_store()
    life = [
        sent(f"e{number}", "ordered" if number % 40 == 0 else "visited", number / 4)
        for number in range(300)
    ]
    late = [sent("x1", "ordered", 70.1), sent("x2", "ordered", -1)]
    for one in (store, other):
        await publish(one, SHOP)

    for begin in range(0, 300, 7):
        await post(store, *life[begin : begin + 7], now=at(80))
    for event in late:
        await post(store, event, now=at(80))
    await post(other, *late, *life, now=at(80))

    assert await told(store) == await told(other)
    snapshots = [await one.snapshot(TENANT, ANN) for one in (store, other)]
    assert snapshots[0] is not None
    assert snapshots[1] is not None
    assert _place(snapshots[0].stages[0]) == _place(snapshots[1].stages[0])
    assert snapshots[0].subject.first_seen_at == START - DAY


async def test_events_of_older_versions_count_alike_live_late_and_rebuilt(store: Store) -> None:
    """Upcasts are part of the model, so whoever folds it reads the same."""
    upcast = {"event": "ordered", "from": 1, "steps": [{"rename": "sum", "to": "amount"}]}
    rule = {"id": "big", "from": "lead", "to": "loyal", "on": "ordered"}
    document = {
        **SHOP,
        "upcasts": [upcast],
        "transitions": [{**rule, "when": "properties.amount > 10"}],
        "alerts": [],
    }
    await publish(store, document)
    for customer, day, fields in (
        ("ann", 5.0, {"properties": {"sum": 50}}),
        ("bob", 5.0, {"schema_version": 2, "properties": {"amount": 50}}),
        ("cid", 5.0, {"schema_version": 2, "properties": {"sum": 50}}),
    ):
        item = {"id": f"e-{customer}", **fields}
        await post(store, sent(f"e-{customer}", "ordered", day, customer, payload=json.dumps(item)))
        await post(store, sent(f"v-{customer}", "visited", 1, customer))
    live = {name: await told(store, name) for name in ("ann", "bob", "cid")}

    await publish(store, document)

    assert live["ann"] == live["bob"] == [("lead", 1), ("loyal", 5)]
    assert live["cid"] == [("lead", 1)]
    assert {name: await told(store, name) for name in live} == live
