"""Folding later is folding at once: the same rows, whatever waited and however it was cut."""

from __future__ import annotations

from pathlib import Path
from shutil import copy
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from projections.events.log import Expectation, SubjectKey, Submission
from service.adapters.memory import memory_store
from service.adapters.runners import DirectRunner
from service.adapters.sqlite import sqlite_store
from service.ports import Store
from tests.builders import DAY, at
from tests.contract.judging import assert_true
from tests.contract.rows import rows_of
from tests.contract.saying import (
    LATER,
    SHOP,
    TEAM,
    TENANT,
    OpenStore,
    post,
    publish,
    sent,
    told,
)
from tests.contract.test_random import STEPS, happen

pytestmark = pytest.mark.anyio
PAGES = st.lists(st.sampled_from([0, 1, 7, 5_000]), min_size=1, max_size=5)


async def drain(store: Store, *, page: int = 5_000) -> None:
    """Fold everything that waits."""
    for _ in range(10_000):
        if not (await store.project(page)).behind:
            break
    positions = await store.positions()
    assert positions.applied == positions.head


async def live(store: Store, steps: list[Any], pages: list[int], *, patient: bool) -> int:
    """Let *store* live through *steps*, folding later where *pages* says so; return the end.

    Who is *patient* lets nothing wait while deadlines are swept or models rebuilt.
    """
    now = at(90)
    await publish(store, SHOP, now)
    await publish(store, TEAM, now)
    for number, (days, step) in enumerate(steps):
        now += int(days * DAY)
        page = pages[number % len(pages)]
        if step[0] == "append":
            submission = Submission(step[1], atomic=step[2])
            await store.append([submission], now, defer=page != 5_000)
            if page:
                await store.project(page)
            continue
        if patient:
            await drain(store)
        await happen(store, step, now)
    await drain(store)
    return now


@settings(max_examples=100)
@given(steps=st.lists(STEPS, min_size=1, max_size=12), pages=PAGES)
def test_folding_later_leaves_the_rows_of_folding_at_once(
    steps: list[Any], pages: list[int]
) -> None:
    """Late, voided, joined, parted: profiles, stages, records and feed are the same rows."""

    async def compare() -> None:
        at_once, later = memory_store(), memory_store()
        now = await live(at_once, steps, [5_000], patient=True)
        assert await live(later, steps, pages, patient=True) == now
        assert await rows_of(at_once) == await rows_of(later)

    anyio.run(compare)


@settings(max_examples=60)
@given(steps=st.lists(STEPS, min_size=1, max_size=12), pages=PAGES)
def test_what_happens_while_events_wait_changes_no_answer(
    steps: list[Any], pages: list[int]
) -> None:
    """Sweeps and rebuilds beside a backlog: in the end everybody stands where one fold says."""

    async def judge() -> None:
        store = memory_store()
        now = await live(store, steps, pages, patient=False)
        await assert_true(store, now)

    anyio.run(judge)


def test_sqlite_folds_later_what_it_would_fold_at_once(
    empty_database: Path, tmp_path: Path
) -> None:
    """The rows of a file are the same, down to the last byte of every state."""
    paths = iter(range(10_000))

    @settings(max_examples=30)
    @given(steps=st.lists(STEPS, min_size=1, max_size=10), pages=PAGES)
    def compare(steps: list[Any], pages: list[int]) -> None:
        async def both() -> None:
            stores = []
            for _ in range(2):
                path = tmp_path / f"later{next(paths)}.db"
                copy(empty_database, path)
                stores.append(sqlite_store(path, DirectRunner()))
            await live(stores[0], steps, [5_000], patient=True)
            await live(stores[1], steps, pages, patient=True)
            assert await rows_of(stores[0]) == await rows_of(stores[1])
            assert not await stores[1].inspect(thorough=True)
            for store in stores:
                await store.close()

        anyio.run(both)

    compare()


def a_life() -> list[Any]:
    """Return steps in which everything that can happen to a history happens."""
    meeting = sent("e6", "visited", 6, "ann", anonymous_id="a1")
    return [
        (0, ("append", [sent("e1", "ordered", 1), sent("e2", "visited", 2, "bob")], False)),
        (0, ("append", [sent("e3", "ordered", 9), sent("e4", "ordered", 3)], False)),
        (0, ("append", [sent("e5", "visited", 4, None, anonymous_id="a1")], False)),
        (0, ("append", [meeting, sent("e7", "ordered", 2, account_id="acme")], False)),
        (1, ("append", [sent("e8", "$void", 10, properties={"event_id": "e1"})], False)),
        (0, ("append", [sent("e9", "$alias", 11, properties={"customer_id": "bob"})], False)),
        (0, ("append", [sent("f1", "ordered", 12, "bob", account_id="acme")], False)),
        (0, ("append", [sent("f2", "$unalias", 13, properties={"customer_id": "bob"})], False)),
        (0, ("append", [sent("f3", "cancelled", 8, "bob"), sent("f4", "visited", 80)], False)),
    ]


@pytest.mark.parametrize("page", [0, 1, 3, 7])
async def test_any_store_folds_later_what_it_would_fold_at_once(
    page: int, open_store: OpenStore
) -> None:
    at_once, later = await open_store(), await open_store()

    await live(at_once, a_life(), [5_000], patient=True)
    await live(later, a_life(), [page], patient=True)

    assert await rows_of(at_once) == await rows_of(later)
    await assert_true(later, at(200))


async def test_an_append_goes_behind_what_waits_and_says_so(store: Store) -> None:
    await publish(store, SHOP)

    [first] = (await store.append([Submission([sent("1", "ordered", 1)])], LATER, defer=True))[0]
    [second] = await post(store, sent("2", "ordered", 2))
    [again] = await post(store, sent("1", "ordered", 1))

    assert [first.applied, second.applied, again.applied] == [False, False, False]
    assert [first.position, second.position, again.position] == [1, 2, 1]
    positions = await store.positions()
    assert (positions.head, positions.applied) == (2, 0)


async def test_folding_at_once_resumes_by_itself(store: Store) -> None:
    await publish(store, SHOP)
    await store.append([Submission([sent("1", "ordered", 1)])], LATER, defer=True)

    done = await store.project()
    [next_one] = await post(store, sent("2", "ordered", 2))

    assert (done.events, done.behind) == (1, 0)
    assert next_one.applied
    assert next_one.stages[0].to_stage == "loyal"
    assert await told(store) == [("lead", 1), ("buyer", 1), ("loyal", 2)]


async def test_readers_see_one_moment_while_events_wait(store: Store) -> None:
    """Whoever reads sees everybody as the projections know them: names, events and stages."""
    await publish(store, SHOP)
    await post(store, sent("1", "ordered", 1), sent("2", "visited", 1, None, anonymous_id="a1"))
    joining = sent("3", "ordered", 2, anonymous_id="a1")

    await store.append([Submission([joining, sent("4", "visited", 3, "new")])], LATER, defer=True)

    ann = await store.snapshot(TENANT, SubjectKey("customer", "ann"))
    visitor = await store.snapshot(TENANT, SubjectKey("anonymous", "a1"))
    assert ann is not None
    assert visitor is not None
    assert (ann.subject.events, ann.subject.aliases) == (1, ())
    assert (ann.positions.head, ann.positions.applied) == (4, 2)
    assert visitor.subject.key == SubjectKey("anonymous", "a1")
    assert len(await store.history(TENANT, SubjectKey("customer", "ann"))) == 1
    assert len((await store.events(TENANT, SubjectKey("customer", "ann"))).rows) == 1
    assert await store.snapshot(TENANT, SubjectKey("customer", "new")) is None
    await drain(store)
    joined = await store.snapshot(TENANT, SubjectKey("anonymous", "a1"))
    assert joined is not None
    assert (joined.subject.key.id, joined.subject.events) == ("ann", 3)


async def test_no_silence_is_told_while_events_wait(store: Store) -> None:
    """What waits may say that the customer was not silent at all."""
    await publish(store, SHOP)
    await post(store, sent("1", "ordered", 0), now=at(10))
    await store.append([Submission([sent("2", "ordered", 30)])], at(61), defer=True)

    swept = await store.sweep(at(62))

    assert (swept.subjects, swept.transitions, swept.more) == (0, 0, False)
    await drain(store)
    await store.sweep(at(62))
    page = await store.feed(TENANT, limit=100)
    assert [record.kind for record in page.rows].count("retracted") == 0


async def test_an_expectation_is_not_judged_by_what_is_out_of_date(store: Store) -> None:
    await publish(store, SHOP)
    await store.append([Submission([sent("1", "ordered", 1)])], at(2), defer=True)
    expecting = replace(sent("2", "visited", 2), expected=Expectation("shop", 1))

    [receipt] = await post(store, expecting, now=at(2))

    assert (receipt.status, receipt.code) == ("rejected", "projection_behind")
    await drain(store)
    [receipt] = await post(store, replace(expecting, expected=Expectation("shop", 2)), now=at(2))
    assert receipt.status == "accepted"


async def test_a_page_is_of_whole_batches_and_of_one_at_least(store: Store) -> None:
    await publish(store, SHOP)
    for number in range(3):
        batch = [sent(f"{number}-{nth}", "visited", nth) for nth in range(4)]
        await store.append([Submission(batch)], LATER, defer=True)

    pages = [await store.project(limit) for limit in (1, 8, 100)]

    assert [(page.events, page.behind) for page in pages] == [(4, 8), (8, 0), (0, 0)]
