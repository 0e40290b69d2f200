"""Whatever arrives, in whatever order and company: everybody stands where the pure fold says."""

from __future__ import annotations

from operator import add
from pathlib import Path
from shutil import copy
from typing import Any

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.events.log import NewEvent, Submission
from projections.models.catalogue import Terms
from service.adapters.memory import memory_store
from service.adapters.runners import DirectRunner
from service.adapters.sqlite import sqlite_store
from service.ports import Store, SubjectKey
from tests.builders import DAY, at
from tests.contract.judging import assert_true, differences, whole_log
from tests.contract.saying import SHOP, TEAM, TENANT, VIPS, publish, publish_from_now, sent

CUSTOMERS = st.sampled_from(["ann", "bob", "cyd"])
VISITORS = st.sampled_from(["a1", "a2", "a3"])
ACCOUNTS = st.sampled_from(["acme", "beta"])
BEHAVIOUR = ("visited", "visited", "ordered", "ordered", "cancelled")
HOURS = st.sampled_from([0, 0, 0.25, 0.6])
JOINING = ("$alias", "$unalias")


@st.composite
def events(draw: st.DrawFn) -> NewEvent:
    """Draw one event of a small world, so that ids, names and instants meet often."""
    name = draw(st.sampled_from([*BEHAVIOUR, "$identify", "$stage.set", "$void", *JOINING]))
    fields: dict[str, Any] = {"properties": draw(_properties(name))}
    customer = draw(st.none() | CUSTOMERS) if draw(st.booleans()) else draw(CUSTOMERS)
    if customer is None or draw(st.integers(0, 3)) == 0:
        fields["anonymous_id"] = draw(VISITORS)
    if draw(st.integers(0, 2)) == 0:
        fields["account_id"] = draw(ACCOUNTS)
    day = draw(st.none() | st.builds(add, st.integers(0, 66).map(lambda third: third * 3), HOURS))
    event_id = f"e{draw(st.integers(0, 60))}"
    return sent(event_id, name, day, customer, **fields)


def _properties(name: str) -> st.SearchStrategy[dict[str, Any] | None]:
    if name == "$void":
        return st.integers(0, 60).map(lambda number: {"event_id": f"e{number}"})
    if name in JOINING:
        other = VISITORS.map(lambda visitor: {"anonymous_id": visitor})
        return other | CUSTOMERS.map(lambda customer: {"customer_id": customer})
    if name == "$identify":
        return st.sampled_from(["vip", "free", None]).map(lambda plan: {"traits": {"plan": plan}})
    if name == "$stage.set":
        stage = st.sampled_from(["lead", "loyal", "nowhere"])
        return stage.map(lambda stage: {"model": "shop", "stage": stage, "reason": "a test"})
    return st.none()


BATCHES = st.builds(
    lambda events, atomic: ("append", events, atomic),
    st.lists(events(), min_size=1, max_size=40),
    st.booleans(),
)
SWEEPS = st.sampled_from([1, 1_000]).map(lambda limit: ("sweep", limit))
REBUILDS = st.builds(
    lambda document, page, **how: ("publish", document, {"page": page, **how}),
    st.sampled_from([SHOP, VIPS, TEAM]),
    st.sampled_from([3, 500]),
    from_now=st.booleans(),
    stands_by=st.booleans(),
)
SWAPS = st.sampled_from([("swap", "shop", False), ("swap", "shop", True), ("refold", "shop")])
STEPS = st.tuples(
    st.integers(0, 9) | st.sampled_from([0.2, 0.4]),
    BATCHES | BATCHES | BATCHES | SWEEPS | REBUILDS | SWAPS,
)


async def live(store: Store, steps: list[tuple[float, tuple[Any, ...]]]) -> int:
    """Let *store* live through *steps*, some days apart; return the last instant.

    Everybody is asked for after each step, so that whatever a reader may keep is there to be wrong.
    """
    now = at(90)
    named: set[SubjectKey] = set()
    await publish(store, SHOP, now)
    await publish(store, TEAM, now)
    for days, step in steps:
        now += int(days * DAY)
        if step[0] == "append":
            _, sent_events, atomic = step
            await store.append([Submission(sent_events, atomic=atomic)], now)
        else:
            await happen(store, step, now)
        named |= {event.subject for event in await whole_log(store)}
        for name in named:
            assert await store.snapshot(TENANT, name) is not None
    return now


async def happen(store: Store, step: tuple[Any, ...], now: int) -> None:
    """Let one of the things happen to *store* that are no append."""
    match step:
        case ("sweep", limit):
            await store.sweep(now, limit)
        case ("publish", document, how):
            await change_version(store, document, now, **how)
        case ("swap", model, stands_by):
            until = now + 12 * DAY if stands_by else None
            await store.swap_standby(TENANT, model, now, standby_until=until)
        case ("refold", model):
            await refold(store, model, now)
    await store.retire_standbys(now)


async def change_version(
    store: Store, document: dict[str, Any], now: int, *, page: int, from_now: bool, stands_by: bool
) -> None:
    """Make *document* the active version, and let the one before stand by or not."""
    until = now + 12 * DAY if stands_by else None
    change = publish_from_now if from_now else publish
    await change(store, document, now, page=page, standby_until=until)


async def refold(store: Store, model: str, now: int) -> None:
    """Build the active generation anew, as it is."""
    version = await store.model(TENANT, model)
    assert version is not None
    terms = Terms(like=version.active_generation)
    begun = await store.begin_generation(TENANT, model, version.version, now, terms=terms)
    await store.activate_generation(begun.generation, now, standby_until=now + DAY)


@settings(max_examples=60)
@given(steps=st.lists(STEPS, min_size=1, max_size=12))
def test_the_store_in_memory_agrees_with_the_pure_fold(steps: list[Any]) -> None:
    """Late, twice, voided, joined, parted, swept, rebuilt: the answer is that of one fold."""

    async def judge() -> None:
        store = memory_store()
        now = await live(store, steps)
        await assert_true(store, now)
        assert not await differences(store)

    anyio.run(judge)


def test_sqlite_agrees_with_memory_row_by_row(empty_database: Path, tmp_path: Path) -> None:
    """The same life leads to the same receipts, log, feed and records in both."""
    paths = iter(range(10_000))

    @settings(max_examples=25)
    @given(steps=st.lists(STEPS, min_size=1, max_size=10))
    def compare(steps: list[Any]) -> None:
        path = tmp_path / f"random{next(paths)}.db"
        copy(empty_database, path)

        async def both() -> None:
            store = sqlite_store(path, DirectRunner())
            other = memory_store()
            now = await live(store, steps)
            assert await live(other, steps) == now
            await assert_true(store, now)
            assert await whole_log(store) == await whole_log(other)
            feeds = [await one.feed(TENANT, limit=100_000) for one in (store, other)]
            assert feeds[0] == feeds[1]
            assert await store.event_types(TENANT) == await other.event_types(TENANT)
            assert not await store.inspect(thorough=True)
            assert not await differences(store)
            await store.close()

        anyio.run(both)
        path.unlink()

    compare()


@settings(max_examples=30)
@given(sent_events=st.lists(events(), min_size=1, max_size=30), cuts=st.data())
def test_batches_change_receipts_but_no_answer(sent_events: list[NewEvent], cuts: Any) -> None:  # noqa: ANN401 -- hypothesis
    """One by one or all at once: what is accepted and where everybody stands is the same."""
    size = cuts.draw(st.integers(1, len(sent_events)))

    async def judge() -> None:
        one, other = memory_store(), memory_store()
        for store in (one, other):
            await publish(store, SHOP)
            await publish(store, TEAM)
        for begin in range(0, len(sent_events), size):
            await one.append([Submission(sent_events[begin : begin + size])], at(300))
        for event in sent_events:
            await other.append([Submission([event])], at(300))
        await assert_true(one, at(400))
        await assert_true(other, at(400))

    anyio.run(judge)
