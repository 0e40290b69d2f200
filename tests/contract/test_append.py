"""Appending: what is accepted, what it is told, and what it changes."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from projections.events.log import CLUSTER_MEMBERS_MAX, Expectation, SubjectKey, Submission
from service.ports import Store
from tests.builders import at
from tests.contract.saying import (
    LATER,
    SHOP,
    TENANT,
    post,
    publish,
    sent,
    told,
)

pytestmark = pytest.mark.anyio

ANN = SubjectKey("customer", "ann")
VISITOR = SubjectKey("anonymous", "a1")


async def test_events_take_dense_positions_in_the_order_given(store: Store) -> None:
    receipts = await post(store, sent("e1"), sent("e2", customer="bob"), sent("e3"))

    assert [receipt.position for receipt in receipts] == [1, 2, 3]
    assert (await store.positions()).head == 3


async def test_a_receipt_tells_which_stages_changed(store: Store) -> None:
    await publish(store, SHOP)

    first, second, third = await post(
        store, sent("e1"), sent("e2", "ordered", 1), sent("e3", "visited", 2)
    )

    (entry,) = first.stages
    assert (entry.from_stage, entry.to_stage, entry.sequence) == (None, "lead", 1)
    (order,) = second.stages
    assert (order.model, order.from_stage, order.to_stage) == ("shop", "lead", "buyer")
    assert third.stages == ()
    assert third.applied


SAME = '{"id":"e1","properties":{"a":1,"b":[true,"é"]}}'


@pytest.mark.parametrize(
    ("again", "status"),
    [
        (SAME, "duplicate"),
        ('{ "properties": {"b": [true, "\\u00e9"], "a": 1}, "id": "e1" }', "duplicate"),
        ('{"id":"e1","properties":{"a":1.0,"b":[true,"é"]}}', "conflict"),
        ('{"id":"e1","properties":{"a":2,"b":[true,"é"]}}', "conflict"),
    ],
)
async def test_an_id_is_one_event_for_ever(store: Store, again: str, status: str) -> None:
    """The same content is a duplicate however it is spelled; other content is a conflict."""
    await post(store, sent("e1", payload=SAME))

    (receipt,) = await post(store, sent("e1", payload=again))

    assert (receipt.status, receipt.position) == (status, 1)
    assert (await store.positions()).head == 1


async def test_a_repeat_inside_one_batch_is_recognised(store: Store) -> None:
    receipts = await post(store, sent("e1"), sent("e1"), sent("e1", payload='{"other":1}'))

    assert [receipt.status for receipt in receipts] == ["accepted", "duplicate", "conflict"]
    assert [receipt.applied for receipt in receipts[:2]] == [True, True]
    assert not any(receipt.waits for receipt in receipts)


async def test_ids_of_other_customers_and_sources_are_other_events(store: Store) -> None:
    receipts = await post(
        store, sent("e1"), sent("e1", customer="bob"), sent("e1", source="elsewhere")
    )

    assert {receipt.status for receipt in receipts} == {"accepted"}


async def test_one_tenant_never_meets_another(store: Store) -> None:
    """The same names and ids at two tenants are strangers."""
    await publish(store, SHOP)
    await post(store, sent("e1", "ordered"), sent("e1", tenant="other"))

    page = await store.events("other", ANN)

    assert [event.position for event in page.rows] == [2]
    assert await store.event("other", 1) is None
    assert (await store.feed("other")).rows == ()
    assert await store.models("other") == []


async def test_time_of_recording_never_runs_backwards(store: Store) -> None:
    await post(store, sent("e1", day=None), now=at(10))

    (receipt,) = await post(store, sent("e2", day=None), now=at(5))

    assert receipt.recorded_at == at(10)


async def test_an_event_counts_no_later_than_it_was_recorded(store: Store) -> None:
    await post(store, sent("e1", day=9), now=at(3))

    event = await store.event(TENANT, 1)

    assert event is not None
    assert (event.occurred_at, event.effective_at) == (at(9), at(3))


async def test_what_was_sent_is_kept_to_the_letter(store: Store) -> None:
    text = '{ "id":"e1",\t"properties":{"big":123456789012345678901234567890,"x":1.0e2} }'

    await post(store, sent("e1", payload=text, key_id="k1", traceparent="00-aa-bb-01"))

    event = await store.event(TENANT, 1)
    assert event is not None
    assert (event.payload, event.key_id, event.traceparent) == (text, "k1", "00-aa-bb-01")


async def test_a_late_event_retells_the_past_and_deletes_nothing(store: Store) -> None:
    await publish(store, SHOP)
    await post(store, sent("e1"), sent("e2", "ordered", 20), now=at(30))

    (receipt,) = await post(store, sent("e3", "ordered", 10), now=at(30))

    assert receipt.late
    assert await told(store) == [("lead", 0), ("buyer", 10), ("loyal", 20)]
    page = await store.transitions(TENANT, ANN, include_retracted=True)
    (gone,) = [record for record in page.rows if record.retracted_position is not None]
    assert (gone.to_stage, gone.effective_at) == ("buyer", at(20))
    assert (gone.retracted_position, gone.retracted_cause) == (3, "late")


async def test_an_event_before_a_swept_deadline_takes_it_back(store: Store) -> None:
    """Whoever looked first, an order on day 50 postpones the silence noticed on day 61."""
    await publish(store, SHOP)
    await post(store, sent("e1", "ordered", 0), now=at(1))
    await store.sweep(at(61))
    assert (await told(store))[-1] == ("dormant", 60)

    await post(store, sent("e2", "visited", 50), sent("e3", "ordered", 50), now=at(62))

    assert await told(store) == [("lead", 0), ("buyer", 0)]


async def test_a_deadline_that_comes_sooner_than_the_one_noted_is_met(store: Store) -> None:
    """Who stands under sixty days of silence and then under ten is noticed after ten."""
    hurry = [
        {"id": "called", "from": "buyer", "to": "loyal", "on": "called"},
        {"id": "forgotten", "from": "loyal", "to": "dormant", "after": "10d"},
    ]
    await publish(store, SHOP | {"transitions": [*SHOP["transitions"], *hurry]})
    await post(store, sent("e1", "ordered", 0), now=at(0))
    await post(store, sent("e2", "called", 1), now=at(1))

    await store.sweep(at(12))

    assert (await told(store))[-1] == ("dormant", 11)


async def test_a_void_withdraws_an_event_wherever_it_stands(store: Store) -> None:
    await publish(store, SHOP)
    await post(store, sent("e1"), sent("e2", "ordered", 1), sent("e3", "visited", 2), now=at(9))

    await post(store, sent("v1", "$void", 3, properties={"event_id": "e2"}), now=at(9))

    assert await told(store) == [("lead", 0)]
    page = await store.events(TENANT, ANN)
    assert [event.event_id for event in page.rows if event.voided] == ["e2"]


async def test_a_void_may_come_before_its_event(store: Store) -> None:
    await publish(store, SHOP)
    await post(store, sent("e1"), sent("v1", "$void", 1, properties={"event_id": "e2"}))

    await post(store, sent("e2", "ordered", 2))

    assert await told(store) == [("lead", 0)]


# ---------------------------------------------------------------- who is who


async def test_a_visitor_who_signs_up_brings_the_history(store: Store) -> None:
    """One event that carries both ids says that they are one."""
    await publish(store, SHOP)
    await post(store, sent("e1", "ordered", 0, None, anonymous_id="a1"), now=at(9))

    await post(store, sent("e2", "visited", 3, anonymous_id="a1"), now=at(9))

    assert await told(store) == [("lead", 0), ("buyer", 0)]
    snapshot = await store.snapshot(TENANT, VISITOR)
    assert snapshot is not None
    assert (snapshot.subject.key, snapshot.subject.aliases) == (ANN, (VISITOR,))


async def test_a_visitor_of_another_customer_stays_with_them(store: Store) -> None:
    await post(store, sent("e1", anonymous_id="a1"), sent("e2", customer="bob", anonymous_id="a1"))

    snapshot = await store.snapshot(TENANT, VISITOR)

    assert snapshot is not None
    assert snapshot.subject.key == ANN


async def test_an_alias_joins_two_customers_and_unalias_parts_them(store: Store) -> None:
    """Both come back as they were: events keep the subject that they were sent for."""
    await publish(store, SHOP)
    other = {"customer_id": "bob"}
    await post(store, sent("e1"), sent("b1", "ordered", 5, "bob"), now=at(9))

    await post(store, sent("j", "$alias", 6, properties=other), now=at(9))
    together = await told(store)
    alias = await store.snapshot(TENANT, SubjectKey("customer", "bob"))
    await post(store, sent("p", "$unalias", 7, properties=other), now=at(9))

    assert together == [("lead", 0), ("buyer", 5)]
    assert alias is not None
    assert alias.subject.key == ANN
    assert await told(store) == [("lead", 0)]
    assert await told(store, "bob") == [("lead", 5), ("buyer", 5)]


async def test_a_cut_restores_the_cluster_that_was_joined(store: Store) -> None:
    """Cy came with a visitor and leaves with her."""
    await post(
        store,
        sent("c1", customer="cyd", anonymous_id="a1"),
        sent("e1"),
        sent("j", "$alias", 1, properties={"customer_id": "cyd"}),
        sent("p", "$unalias", 2, properties={"customer_id": "cyd"}),
    )

    snapshot = await store.snapshot(TENANT, VISITOR)

    assert snapshot is not None
    assert snapshot.subject.key == SubjectKey("customer", "cyd")


async def test_the_same_event_sent_to_both_names_counts_once(store: Store) -> None:
    await publish(store, SHOP)
    await post(store, sent("e1", "ordered", 0), sent("e1", "ordered", 0, None, anonymous_id="a1"))

    await post(store, sent("e2", "visited", 1, anonymous_id="a1"))

    snapshot = await store.snapshot(TENANT, ANN)
    assert snapshot is not None
    assert snapshot.subject.events == 2
    (repeat,) = await post(store, sent("e1", "ordered", 0, None, anonymous_id="a1"))
    assert repeat.status == "duplicate"


@pytest.mark.parametrize(
    ("event_type", "properties"),
    [
        ("$alias", {"customer_id": "ann"}),
        ("$unalias", {"customer_id": "ann"}),
        ("$unalias", {"customer_id": "bob"}),
        ("$unalias", {"anonymous_id": "nobody"}),
    ],
)
async def test_a_join_or_cut_that_makes_no_sense_is_refused(
    store: Store, event_type: str, properties: dict[str, str]
) -> None:
    await post(store, sent("e1"), sent("b1", customer="bob"))

    (receipt,) = await post(store, sent("j", event_type, properties=properties))

    assert (receipt.status, receipt.code) == ("rejected", "alias_refused")


async def test_a_cluster_has_a_bounded_size(store: Store) -> None:
    """A shared device joins no more than so many; its further names stand alone."""
    visitors = [
        sent(f"e{number}", "visited", 0, anonymous_id=f"a{number}")
        for number in range(CLUSTER_MEMBERS_MAX + 1)
    ]
    await post(store, *visitors)

    refused = sent("j", "$alias", properties={"anonymous_id": "one more"})
    await post(store, sent("x", "visited", 0, None, anonymous_id="one more"))
    (receipt,) = await post(store, refused)

    snapshot = await store.snapshot(TENANT, ANN)
    assert snapshot is not None
    assert len(snapshot.subject.aliases) == CLUSTER_MEMBERS_MAX - 1
    assert receipt.code == "alias_refused"


# ---------------------------------------------------------------- conditions


async def test_a_manual_transition_may_name_the_state_it_saw(store: Store) -> None:
    """The second of two people who both saw sequence 1 is told what is there now."""
    await publish(store, SHOP)
    await post(store, sent("e1"), now=at(1))
    properties = {"model": "shop", "stage": "loyal", "reason": "called", "actor": "eve"}
    put = sent("s1", "$stage.set", 2, properties=properties, expected=Expectation("shop", 1))

    (first,) = await post(store, put, now=at(3))
    (second,) = await post(store, replace(put, event_id="s2"), now=at(3))

    assert first.stages[0].to_stage == "loyal"
    assert (second.status, second.code) == ("rejected", "sequence_mismatch")
    assert second.message == "model shop: expected sequence 1, found 2"


async def test_an_expectation_sees_what_others_of_the_same_batch_brought_about(
    store: Store,
) -> None:
    """Though only one of its own events expects anything."""
    await publish(store, SHOP)
    await post(store, sent("e1"), now=at(1))
    properties = {"model": "shop", "stage": "loyal", "reason": "called", "actor": "eve"}
    put = sent("s1", "$stage.set", 2, properties=properties, expected=Expectation("shop", 1))
    other = Submission([sent("e2", "ordered", 2)])

    _, (late, plain) = await store.append([other, Submission([put, sent("e3")])], at(3))

    assert late.message == "model shop: expected sequence 1, found 2"
    assert plain.status == "accepted"


async def test_whoever_is_unknown_stands_at_sequence_0(store: Store) -> None:
    await publish(store, SHOP)

    (wrong,) = await post(store, sent("e1", expected=Expectation("shop", 1)))
    (right,) = await post(store, sent("e1", expected=Expectation("shop", 0)))

    assert wrong.message == "model shop: expected sequence 1, found 0"
    assert right.status == "accepted"


async def test_deadlines_that_passed_count_for_an_expectation(store: Store) -> None:
    await publish(store, SHOP)
    await post(store, sent("e1", "ordered", 0), now=at(1))
    properties = {"model": "shop", "stage": "loyal", "reason": "called"}
    put = sent("s1", "$stage.set", None, properties=properties, expected=Expectation("shop", 2))

    (receipt,) = await post(store, put, now=at(61))

    assert receipt.message == "model shop: expected sequence 2, found 3"


async def test_an_atomic_batch_is_stored_whole_or_not_at_all(store: Store) -> None:
    await post(store, sent("e1"))
    batch = [sent("e2"), sent("e1", payload='{"other":1}'), sent("e3")]

    (receipts,) = await store.append([Submission(batch, atomic=True)], LATER)

    codes = [receipt.code for receipt in receipts]
    assert codes == ["batch_rejected", "event_id_conflict", "batch_rejected"]
    assert (await store.positions()).head == 1


async def test_a_duplicate_does_no_harm_to_an_atomic_batch(store: Store) -> None:
    await post(store, sent("e1"))

    (receipts,) = await store.append([Submission([sent("e1"), sent("e2")], atomic=True)], LATER)

    assert [receipt.status for receipt in receipts] == ["duplicate", "accepted"]


async def test_callers_of_one_batch_do_not_feel_each_other(store: Store) -> None:
    await post(store, sent("e1"))
    bad = Submission([sent("e1", payload='{"other":1}')], atomic=True)
    good = Submission([sent("e2")])

    receipts = await store.append([bad, good, bad], LATER)

    assert [one[0].status for one in receipts] == ["conflict", "accepted", "conflict"]
    assert receipts[1][0].position == 2
