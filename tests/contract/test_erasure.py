"""Erasing over every store: the person goes, and the log, its seals and its counts stay whole."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from projections.asking import EVERYBODY
from projections.erasing.erase import Erased
from projections.events.log import SubjectKey, Submission
from projections.reading.answers import BoardQuery, CustomerQuery
from projections.registers.consumed import Intake, OffsetTaken, Stretch, consumed
from projections.registers.erasure import (
    ERASED_PREFIX,
    ErasureMode,
    ErasureRefused,
    Order,
    erasures_of,
)
from service.ports import Store
from tests.builders import at
from tests.contract.saying import (
    LATER,
    SHOP,
    TEAM,
    TENANT,
    VIPS,
    post,
    publish,
    publish_from_now,
    sent,
    told,
)
from tests.seals.world import sealer, verdict

pytestmark = pytest.mark.anyio

ANN, BOB = SubjectKey("customer", "ann"), SubjectKey("customer", "bob")
PRIVATE = ("'ann'", "visitor-7", "ann@example.com", "Ann Example", "Main Street", "order-of-ann")
MODES: tuple[ErasureMode, ...] = ("anonymise", "purge")


async def fill(store: Store) -> None:
    """Let Ann and Bob live, in two models, with a company that both work for."""
    await publish(store, SHOP)
    await publish(store, TEAM)
    secret = {"email": "ann@example.com", "address": {"street": "Main Street"}}
    await post(
        store,
        sent("v-1", "visited", 0, None, anonymous_id="visitor-7", properties=secret),
        sent("b-1", "ordered", 1, "bob", account_id="acme"),
        sent("order-of-ann", "ordered", 2, account_id="acme", properties=secret),
        sent("s-1", "$identify", 3, payload=_identify({"plan": "vip", "name": "Ann Example"})),
        sent("o-2", "ordered", 9, properties={**secret, "amount": 12.5}),
        sent("o-3", "ordered", 9.5),
        sent("x-1", "$void", 10, properties={"event_id": "o-3"}),
    )
    joined = {"anonymous_id": "visitor-7"}
    await post(store, sent("a-1", "$alias", 11, properties=joined))
    await post(store, sent("l-1", "ordered", 1, account_id="acme", properties=secret))


def _identify(traits: dict[str, object]) -> str:
    return json.dumps({"id": "s-1", "type": "$identify", "traits": traits})


def order(mode: ErasureMode = "anonymise", key: SubjectKey = ANN, number: int = 1) -> Order:
    """Return whom to erase."""
    return Order(TENANT, key, mode, number.to_bytes(32))


async def erase(store: Store, mode: ErasureMode = "anonymise", **options: Any) -> Erased:  # noqa: ANN401 -- of `order`
    """Erase somebody who is there."""
    return await store.erase(order(mode, **options), LATER)


async def numbers(store: Store) -> list[Any]:
    """Return every count that anybody is shown, of now and of then."""
    found: list[Any] = []
    for model in ("shop", "team"):
        for day in (1, 5, 12, 80, 1_000):
            board = await store.board(BoardQuery(TENANT, model, at(day)))
            found.append((model, day, [(one.stage, one.count) for one in board.stages]))
            found.append([one.median_seconds_in_stage for one in board.stages])
    return found


async def everything_said(store: Store) -> str:
    """Return all that the store answers to whoever reads all of it."""
    log = await store.log(TENANT, limit=1_000)
    feed = await store.feed(TENANT, limit=1_000)
    customers = await store.customers(CustomerQuery(TENANT, LATER))
    accounts = await store.customers(CustomerQuery(TENANT, LATER, accounts=True))
    rows = [*log.rows, *feed.rows, *customers.rows, *accounts.rows]
    return re.sub(r" at 0x\w+", "", "\n".join(map(repr, rows)))


@pytest.mark.parametrize("mode", MODES)
async def test_nothing_that_is_answered_tells_of_the_person_any_more(
    store: Store, mode: ErasureMode
) -> None:
    await fill(store)
    told_before = await everything_said(store)
    assert [text for text in PRIVATE if text not in told_before] == []

    erased = await erase(store, mode)

    said = await everything_said(store)
    assert [text for text in PRIVATE if text in said] == []
    assert erased.names == ("ann", "anon:visitor-7")
    assert await store.snapshot(TENANT, ANN) is None
    assert await store.snapshot(TENANT, SubjectKey("anonymous", "visitor-7")) is None
    with pytest.raises(ErasureRefused, match="there is no customer"):
        await store.erase(order(mode), LATER)


async def test_anonymising_changes_no_count_of_now_or_then(store: Store) -> None:
    await fill(store)
    before, lives = await numbers(store), await told(store)
    positions = await store.positions()

    erased = await erase(store)

    assert await numbers(store) == before
    assert await told(store, erased.token) == lives
    after = await store.positions()
    assert (after.head, after.feed) == (positions.head + 1, positions.feed)
    assert erased.kept == ("traits.plan",)


async def test_a_rebuild_after_anonymising_tells_what_was_told_before(store: Store) -> None:
    await fill(store)
    before = await numbers(store)
    erased = await erase(store)
    life = await told(store, erased.token)

    await publish(store, SHOP)
    await publish(store, TEAM)

    assert await numbers(store) == before
    assert await told(store, erased.token) == life


async def test_what_an_earlier_version_told_from_facts_stays_as_well(store: Store) -> None:
    reading = {**VIPS["transitions"][1], "when": "properties.address.zip == 7"}
    zipped = {**VIPS, "transitions": [VIPS["transitions"][0], reading, *VIPS["transitions"][2:]]}
    await publish(store, SHOP)
    home = {"address": {"zip": 7, "street": "Main Street"}}
    await post(store, sent("o-1", "ordered", 1, properties=home))
    await publish_from_now(store, zipped, at(20))
    await publish_from_now(store, SHOP, at(40))
    before = await told(store)

    erased = await erase(store)

    assert await told(store, erased.token) == before
    assert erased.kept == ("properties.address.zip", "traits.plan")
    page = await store.events(TENANT, SubjectKey("customer", erased.token))
    assert json.loads(page.rows[0].payload) == {"properties": {"address": {"zip": 7}}}


async def test_a_purge_takes_the_person_out_of_boards_of_now_and_then(store: Store) -> None:
    await fill(store)
    alone = {"shop": 2, "team": 1}
    assert (await store.board(BoardQuery(TENANT, "shop", at(5)))).total == alone["shop"]

    erased = await erase(store, "purge")

    assert erased.left == (("shop", "dormant"),)
    for day in (5, 1_000):
        assert (await store.board(BoardQuery(TENANT, "shop", at(day)))).total == 1
    assert (await store.board(BoardQuery(TENANT, "team", at(5)))).total == alone["team"]
    assert await store.snapshot(TENANT, SubjectKey("customer", erased.token)) is None
    log = await store.log(TENANT, limit=1_000)
    assert {row.payload for row in log.rows if row.subject.id.startswith(ERASED_PREFIX)} == {
        "{}",
        '{"properties":{"mode":"purge"}}',
    }


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("when", ["before", "after", "both"])
async def test_seals_hold_whenever_the_log_was_sealed(
    store: Store, mode: ErasureMode, when: str
) -> None:
    await fill(store)
    if when != "after":
        await sealer(store).seal_everything()

    await erase(store, mode)

    if when != "before":
        await sealer(store).seal_everything()
    assert await verdict(store) == []


async def test_a_seal_made_of_what_is_erased_meanwhile_is_not_kept(store: Store) -> None:
    await fill(store)
    before = (await store.positions()).erased
    await sealer(store).seal_everything()
    seal = (await store.seals())[0]
    await erase(store)

    late = replace(seal, from_position=seal.to_position + 1, previous=seal.root)

    assert not await store.add_seal(late, erased=before)


@pytest.mark.parametrize("mode", MODES)
async def test_an_erasure_in_the_middle_of_sealing_leaves_a_log_that_holds(
    store: Store, mode: ErasureMode
) -> None:
    await fill(store)

    await asyncio.gather(sealer(store).seal_everything(), erase(store, mode))

    newest = await sealer(store).seal_everything()
    assert newest is not None
    assert newest.to_position == (await store.positions()).head
    assert await verdict(store) == []


@pytest.mark.parametrize("mode", MODES)
async def test_an_old_event_sent_again_brings_nobody_back(store: Store, mode: ErasureMode) -> None:
    await fill(store)
    await erase(store, mode)
    head = (await store.positions()).head

    receipts = await post(store, sent("order-of-ann", "ordered", 2), sent("o-2", "ordered", 9))

    assert [(one.status, one.position) for one in receipts] == [("duplicate", None)] * 2
    assert await store.snapshot(TENANT, ANN) is None
    assert (await store.positions()).head == head


@pytest.mark.parametrize("mode", MODES)
async def test_whoever_comes_under_the_same_name_later_is_somebody_else(
    store: Store, mode: ErasureMode
) -> None:
    await fill(store)
    old = await erase(store, mode)
    await post(store, sent("n-1", "visited", 20))

    found = await store.snapshot(TENANT, ANN)

    assert found is not None
    assert (found.subject.events, found.subject.aliases) == (1, ())
    assert await told(store) == [("lead", 20)]
    again = await erase(store, mode, number=2)
    assert again.token != old.token
    (repeated,) = await post(store, sent("n-1", "visited", 20))
    assert repeated.status == "duplicate"


async def test_nobody_speaks_for_a_name_that_stands_for_an_erased_one(store: Store) -> None:
    await fill(store)
    token = (await erase(store)).token

    receipts = await post(
        store,
        sent("n-1", "ordered", 20, token),
        sent("n-2", "$alias", 20, "bob", properties={"customer_id": token}),
        sent("n-3", "$unalias", 20, token, properties={"anonymous_id": "visitor-7"}),
    )

    assert [(one.status, one.code) for one in receipts] == [("rejected", "customer_erased")] * 3
    with pytest.raises(ErasureRefused, match="found an erased one"):
        await store.erase(order(key=SubjectKey("customer", token)), LATER)


async def test_any_name_of_a_customer_erases_all_of_them(store: Store) -> None:
    await fill(store)

    erased = await erase(store, key=SubjectKey("anonymous", "visitor-7"))

    assert erased.names == ("ann", "anon:visitor-7")
    assert erased.erasure.events == 8


async def test_what_waits_to_be_folded_is_folded_before_somebody_is_erased(store: Store) -> None:
    await publish(store, SHOP)
    await post(store, sent("o-1", "ordered", 1))
    await store.append([Submission([sent("o-2", "ordered", 2)])], LATER, defer=True)

    erased = await erase(store)

    assert (await store.positions()).applied == (await store.positions()).head
    assert await told(store, erased.token) == [("lead", 1), ("buyer", 1), ("loyal", 2)]


async def test_a_model_that_reads_ids_of_events_refuses_to_anonymise(store: Store) -> None:
    rule = {**SHOP["transitions"][0], "when": 'event.id.startsWith("order")'}
    await publish(store, {**SHOP, "transitions": [rule, *SHOP["transitions"][1:]]})
    await post(store, sent("order-1", "ordered", 1), sent("v-1", "visited", 2, "bob"))
    before = await everything_said(store)

    with pytest.raises(ErasureRefused, match="mode=purge"):
        await store.erase(order(), LATER)

    assert await everything_said(store) == before
    assert (await erase(store, "purge")).erasure.events == 1


async def test_the_list_of_erasures_is_read_in_pages(store: Store) -> None:
    await fill(store)
    for number, name in enumerate(("ann", "bob")):
        await store.erase(order("purge", SubjectKey.of_customer(name), number), LATER)

    first = await store.look(erasures_of(TENANT, after=0, limit=1), of=TENANT)
    rest = await store.look(erasures_of(TENANT, after=first.rows[0].position, limit=1), of=TENANT)

    assert first.next_after == (first.rows[0].position,)
    assert rest.next_after is None
    assert first.rows[0].position < rest.rows[0].position
    assert (await store.look(erasures_of("another", after=0, limit=1), of="another")).rows == ()


async def test_what_goes_along_with_an_erasure_is_written_with_it(store: Store) -> None:
    await fill(store)
    behind = Intake([Stretch("visits", 0, None, 7)], lambda _: (), LATER)

    await store.erase(replace(order("purge"), companion=behind), LATER)

    assert await store.look(consumed("visits"), of=EVERYBODY) == {0: 7}
    assert await store.snapshot(TENANT, ANN) is None


async def test_what_may_not_go_along_with_an_erasure_keeps_it_from_happening(
    store: Store,
) -> None:
    await fill(store)
    stale = Intake([Stretch("visits", 0, 3, 7)], lambda _: (), LATER)

    with pytest.raises(OffsetTaken):
        await store.erase(replace(order("purge"), companion=stale), LATER)

    assert await store.look(consumed("visits"), of=EVERYBODY) == {}
    assert await store.snapshot(TENANT, ANN) is not None
