"""Questions: lists, boards, the feed, the past, and the past as it was known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from projections.events.log import SubjectKey
from projections.reading.answers import BoardQuery, CustomerQuery
from service.ports import Store, UnknownModel
from tests.builders import START, at
from tests.contract.judging import assert_boards
from tests.contract.saying import SHOP, TENANT, VIPS, post, publish, publish_from_now, sent

pytestmark = pytest.mark.anyio

ANN, BOB = SubjectKey("customer", "ann"), SubjectKey("customer", "bob")


async def counts(store: Store, as_of: float, known_at: int | None = None) -> dict[str, int]:
    """Return the board of the shop on a day, stages without anybody left out."""
    board = await store.board(BoardQuery(TENANT, "shop", at(as_of), known_at))
    assert board.total == sum(stage.count for stage in board.stages)
    return {stage.stage: stage.count for stage in board.stages if stage.count}


async def test_a_board_counts_any_day_swept_or_not(store: Store) -> None:
    """Ann is dormant from day 60 on, whether or not anybody has noticed."""
    await publish(store, SHOP)
    await post(store, sent("e1", "ordered", 0), sent("b1", "visited", 20, "bob"), now=at(21))

    before = [await counts(store, day) for day in (-1, 0, 20, 59.9, 60, 1_000)]
    await store.sweep(at(61))
    after = [await counts(store, day) for day in (-1, 0, 20, 59.9, 60, 1_000)]

    one_of_each = {"lead": 1, "buyer": 1}
    dormant = {"lead": 1, "dormant": 1}
    assert before == [{}, {"buyer": 1}, one_of_each, one_of_each, dormant, dormant]
    assert after == before


async def test_a_board_can_be_asked_for_what_was_known(store: Store) -> None:
    """What the third event changed was not known at position 2."""
    await publish(store, SHOP)
    await post(store, sent("e1"), sent("b1", customer="bob"), now=at(9))
    await post(store, sent("e2", "ordered", 1), now=at(10))

    assert await counts(store, 10) == {"lead": 1, "buyer": 1}
    assert await counts(store, 10, known_at=2) == {"lead": 2}
    assert await counts(store, 10, known_at=1) == {"lead": 1}
    assert await counts(store, 10, known_at=0) == {}


async def test_a_board_tells_the_median_time_in_a_stage(store: Store) -> None:
    await publish(store, SHOP)
    days = (0, 1, 2.5, 7)
    events = [sent(f"e{n}", "visited", day, f"c{n}") for n, day in enumerate(days)]
    await post(store, *events, now=at(9))

    async def median(day: float) -> float | None:
        board = await store.board(BoardQuery(TENANT, "shop", at(day)))
        return board.stages[0].median_seconds_in_stage

    assert await median(-1) is None
    assert await median(2) == 1.5 * 86_400
    assert await median(3) == 2 * 86_400
    assert await median(9) == (9 - 1.75) * 86_400


async def test_a_median_counts_stays_that_were_still_open_then(store: Store) -> None:
    await publish(store, SHOP)
    await post(store, sent("e1"), sent("b1", "visited", 3, "bob"), sent("b2", "ordered", 8, "bob"))

    board = await store.board(BoardQuery(TENANT, "shop", at(5)))

    assert board.stages[0].count == 2
    assert board.stages[0].median_seconds_in_stage == 3.5 * 86_400


async def test_a_model_without_an_active_version_has_no_board(store: Store) -> None:
    with pytest.raises(UnknownModel, match="model shop: expected an active version"):
        await store.board(BoardQuery(TENANT, "shop", START))


# ---------------------------------------------------------------- lists


@pytest.fixture
async def town(store: Store) -> Store:
    """Return a store with four customers, a visitor and an account."""
    await publish(store, SHOP)
    await post(
        store,
        sent("a1", "ordered", 1, "ann"),
        sent("b1", "visited", 2, "bob"),
        sent("b2", "$identify", 3, "bob", properties={"traits": {"plan": "vip", "seats": 3}}),
        sent("c1", "visited", 4, "cyd", account_id="acme"),
        sent("d1", "ordered", 5, "dan"),
        sent("v1", "visited", 6, None, anonymous_id="ann"),
        now=at(7),
    )
    return store


async def listed(store: Store, **query: object) -> list[str]:
    """Return the names in a list, all parts of it put together."""
    asked = replace(CustomerQuery(TENANT, at(7), limit=2), **query)  # type: ignore[arg-type] # fields by name
    found: list[str] = []
    for _ in range(10):
        page = await store.customers(asked)
        assert len(page.rows) <= asked.limit
        found += [row.subject.key.text for row in page.rows]
        if page.next_after is None:
            return found
        asked = replace(asked, after=page.next_after)
    raise AssertionError("a list of six has no ten parts")


async def test_customers_are_listed_by_id(town: Store) -> None:
    assert await listed(town) == ["anon:ann", "ann", "bob", "cyd", "dan"]
    assert await listed(town, descending=True) == ["dan", "cyd", "bob", "ann", "anon:ann"]


async def test_customers_are_listed_by_their_last_event(town: Store) -> None:
    found = await listed(town, sort="last_event_at", descending=True)

    assert found == ["anon:ann", "dan", "cyd", "bob", "ann"]


async def test_customers_are_filtered_by_stage_and_entry(town: Store) -> None:
    in_stage = {"model": "shop", "sort": "entered_at"}

    assert await listed(town, stages=("buyer",), **in_stage) == ["ann", "dan"]
    assert await listed(town, stages=("buyer", "lead"), **in_stage) == [
        "ann",
        "bob",
        "cyd",
        "dan",
        "anon:ann",
    ]
    assert await listed(town, entered_before=at(4), **in_stage) == ["ann", "bob"]
    assert await listed(town, entered_after=at(4), **in_stage) == ["cyd", "dan", "anon:ann"]


@pytest.mark.parametrize(
    ("traits", "found"),
    [({"plan": "vip"}, ["bob"]), ({"seats": "3"}, ["bob"]), ({"plan": "free"}, [])],
)
async def test_customers_are_filtered_by_traits(
    town: Store, traits: dict[str, str], found: list[str]
) -> None:
    assert await listed(town, traits=traits) == found


async def test_a_list_is_right_when_the_sweeper_is_down(town: Store) -> None:
    """On day 70 the two buyers have long been dormant, though nobody wrote it down."""
    dormant = {"model": "shop", "stages": ("dormant",), "now": at(70)}

    before = await listed(town, **dormant)
    await town.sweep(at(70))

    assert before == await listed(town, **dormant) == ["ann", "dan"]


async def test_a_list_shows_stages_and_traits(town: Store) -> None:
    page = await town.customers(CustomerQuery(TENANT, at(7), traits={"plan": "vip"}))

    (row,) = page.rows
    assert row.subject.traits == {"plan": "vip", "seats": 3}
    assert [(stage.model, stage.stage) for stage in row.stages] == [("shop", "lead")]


# ---------------------------------------------------------------- one subject


async def test_transitions_are_paged_in_sequence_and_by_time(store: Store) -> None:
    await publish(store, SHOP)
    names = ["ordered", "cancelled"] * 6
    await post(store, *(sent(f"e{n}", name, n) for n, name in enumerate(names)), now=at(20))

    forward: list[Any] = []
    backward: list[Any] = []
    for found, newest_first in ((forward, False), (backward, True)):
        after: tuple[int | str, ...] | None = None
        for _ in range(20):
            page = await store.transitions(
                TENANT, ANN, after=after, limit=3, newest_first=newest_first
            )
            found += [record.sequence for record in page.rows]
            after = page.next_after
            if after is None:
                break

    assert len(forward) > len(names)
    assert forward == list(range(1, len(forward) + 1))
    assert backward == forward[::-1]


async def test_events_are_paged_in_fold_order_and_back(store: Store) -> None:
    days = [5, 1, 9, 3, 7]
    await post(store, *(sent(f"e{day}", "visited", day) for day in days), now=at(10))

    forward: list[Any] = []
    backward: list[Any] = []
    for found, newest_first in ((forward, False), (backward, True)):
        after: tuple[int | str, ...] | None = None
        for _ in range(9):
            page = await store.events(TENANT, ANN, after=after, limit=2, newest_first=newest_first)
            found += [event.event_id for event in page.rows]
            after = page.next_after
            if after is None:
                break

    assert forward == ["e1", "e3", "e5", "e7", "e9"]
    assert backward == forward[::-1]


async def test_a_history_can_be_cut_where_knowledge_ended(store: Store) -> None:
    await post(store, sent("e1"), sent("e2", "visited", 2), now=at(3))
    await post(store, sent("e3", "visited", 1), now=at(9))

    known = await store.history(TENANT, ANN, known_at=await store.position_at(at(5)))

    assert [event.event_id for event in known] == ["e1", "e2"]
    everything = await store.history(TENANT, ANN)
    assert [event.event_id for event in everything] == ["e1", "e3", "e2"]


async def test_nobody_knows_a_name_that_was_never_sent(store: Store) -> None:
    assert await store.snapshot(TENANT, ANN) is None
    assert (await store.events(TENANT, ANN)).rows == ()
    assert (await store.transitions(TENANT, ANN)).rows == ()
    assert await store.history(TENANT, ANN) == []


# ---------------------------------------------------------------- the log and the feed


async def test_the_log_is_read_by_position_and_by_type(town: Store) -> None:
    page = await town.log(TENANT, after=1, limit=2)
    orders = await town.log(TENANT, event_type="ordered")

    assert [event.event_id for event in page.rows] == ["b1", "b2"]
    assert page.next_after == (3,)
    assert [event.event_id for event in orders.rows] == ["a1", "d1"]


async def test_an_event_is_found_by_its_id(town: Store) -> None:
    await post(town, sent("a1", "visited", 1, "bob", account_id="acme"))

    found = await town.events_with_id(TENANT, "a1")

    assert [event.subject for event in found] == [ANN, BOB]
    assert await town.events_with_id(TENANT, "nothing") == []


async def test_event_types_are_counted(town: Store) -> None:
    found = {seen.type: seen for seen in await town.event_types(TENANT)}

    assert {name: seen.count for name, seen in found.items()} == {
        "$identify": 1,
        "ordered": 2,
        "visited": 3,
    }
    assert (found["ordered"].first_at, found["ordered"].last_at) == (at(1), at(5))


async def test_the_feed_tells_what_happened_and_what_was_taken_back(store: Store) -> None:
    await publish(store, SHOP)
    await post(store, sent("e1", "ordered", 5), now=at(9))
    await post(store, sent("e2", "visited", 1), now=at(9))

    page = await store.feed(TENANT, limit=3)
    rest = await store.feed(TENANT, after=3)

    told = [(one.position, one.kind, one.transition.to_stage) for one in (*page.rows, *rest.rows)]
    assert told == [
        (1, "asserted", "lead"),
        (2, "asserted", "buyer"),
        (3, "retracted", "lead"),
        (4, "retracted", "buyer"),
        (5, "asserted", "lead"),
        (6, "asserted", "buyer"),
    ]
    assert page.next_after == (3,)
    assert (await store.positions()).feed == 6


async def test_an_import_of_the_past_is_fed_quietly(store: Store) -> None:
    await publish(store, SHOP)
    await post(store, sent("e1", historical=True), sent("b1", customer="bob"))

    page = await store.feed(TENANT)

    assert [(one.transition.subject, one.quiet) for one in page.rows] == [(ANN, True), (BOB, False)]


async def test_a_sweep_is_bounded_and_says_whether_more_waits(store: Store) -> None:
    await publish(store, SHOP)
    names = [f"c{number}" for number in range(5)]
    await post(store, *(sent(name, "ordered", 0, name) for name in names), now=at(1))

    first = await store.sweep(at(61), limit=3)
    health = await store.health(at(61))
    second = await store.sweep(at(61), limit=3)
    third = await store.sweep(at(61), limit=3)

    assert (first.subjects, first.transitions, first.more) == (3, 3, True)
    assert (health.due, health.oldest_due_at) == (2, at(60))
    assert (second.subjects, second.more) == (2, False)
    assert third.subjects == 0


async def test_a_board_tells_of_any_instant_around_activations(store: Store) -> None:
    """Two on one day: who came and went in that day's rest, and whom which version took over."""
    await publish(store, SHOP)
    names = [f"c{number}" for number in range(8)]
    early = [sent(f"{name}-1", "visited", n * 0.7, name) for n, name in enumerate(names)]
    same_day = [sent(f"{name}-2", "ordered", 6.1 + n * 0.01, name) for n, name in enumerate(names)]
    await post(store, *early, *same_day, sent("late-1", "visited", 6.3, "late"), now=at(6.4))
    await publish_from_now(store, VIPS, at(6.5))
    between = [sent("late-2", "ordered", 6.55, "late"), sent("new-1", "visited", 6.6, "new")]
    await post(store, *between, now=at(6.65))
    await publish_from_now(store, SHOP, at(6.7))
    await post(store, sent("new-2", "ordered", 6.8, "new"), sent("z", "visited", 9.2, "late"))

    hours = {at(day / 20) for day in range(100, 190)}

    await assert_boards(store, hours | {at(6.5) - 1, at(6.5), at(6.7) - 1, at(6.7)}, at(200))
