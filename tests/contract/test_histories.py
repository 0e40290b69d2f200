"""Everybody's history page by page: what a backtest folds is what is known of each subject."""

from __future__ import annotations

import itertools

import pytest

from domain.buckets import BUCKETS
from domain.events import Event
from projections.events.history import HistoryPage, SubjectHistory
from projections.events.log import SubjectKey
from service.ports import Store
from tests.contract.saying import TENANT, post, sent

pytestmark = pytest.mark.anyio


async def people(store: Store) -> int:
    """Send the events of 20 customers, 2 accounts and a merge; return the head."""
    for n in range(20):
        account = "acme" if n % 2 else "globex"
        await post(
            store,
            sent(f"v{n}", "visited", 1, f"c{n}", account_id=account),
            sent(f"o{n}", "ordered", 0, f"c{n}"),
        )
    await post(store, sent("w", "visited", 2, None, anonymous_id="cookie"))
    await post(store, sent("x", "visited", 2, "c0", anonymous_id="cookie"))
    return (await store.positions()).head


async def pages(
    store: Store, *, accounts: bool = False, end: int = BUCKETS, known_at: int, limit: int
) -> list[HistoryPage]:
    """Return all pages."""
    found: list[HistoryPage] = []
    for _ in range(BUCKETS):
        first = found[-1].end if found else 0
        if first >= end:
            break
        found.append(
            await store.histories(
                TENANT, accounts=accounts, first=first, end=end, known_at=known_at, limit=limit
            )
        )
    return found


def rows_of(found: list[HistoryPage]) -> list[SubjectHistory]:
    """Return the histories of all pages."""
    return list(itertools.chain.from_iterable(page.rows for page in found))


@pytest.mark.parametrize("limit", [1, 7, 10_000])
async def test_pages_hold_each_subject_once_and_whole(store: Store, limit: int) -> None:
    """However long a page, its histories are those that a question about one subject gives."""
    head = await people(store)

    found = rows_of(await pages(store, known_at=head, limit=limit))

    asked = {row.subject: await store.history(TENANT, row.subject) for row in found}
    assert {row.subject for row in found} >= {SubjectKey.of_customer(f"c{n}") for n in range(20)}
    assert len(asked) == len(found)
    assert all(
        [event.position for event in row.events] == [one.position for one in asked[row.subject]]
        for row in found
    )


async def test_accounts_have_pages_of_their_own(store: Store) -> None:
    head = await people(store)

    found = rows_of(await pages(store, accounts=True, known_at=head, limit=5))

    assert {row.subject.id: len(row.events) for row in found} == {"acme": 10, "globex": 10}


async def test_what_came_later_is_not_in_a_page(store: Store) -> None:
    head = await people(store)
    await post(store, sent("late", "visited", 0, "c1"))

    before = rows_of(await pages(store, known_at=head, limit=100))
    after = rows_of(await pages(store, known_at=head + 1, limit=100))

    ann = SubjectKey.of_customer("c1")
    assert [len(row.events) for row in before if row.subject == ann] == [2]
    assert [len(row.events) for row in after if row.subject == ann] == [3]


@pytest.mark.parametrize("end", [1, 1_500, BUCKETS])
async def test_loads_add_up_and_stop_where_asked(store: Store, end: int) -> None:
    """A sample of the buckets is known in length before it is read."""
    head = await people(store)

    found = await pages(store, end=end, known_at=head, limit=3)

    total = await store.history_load(TENANT, accounts=False, end=end)
    assert sum(page.load for page in found) == total
    assert found[-1].end == end


async def test_a_history_by_names_stays_what_it_was(store: Store) -> None:
    """Whoever was told the names reads the same history, whatever was stored or joined since."""
    await people(store)
    found = await store.snapshot(TENANT, SubjectKey("customer", "c0"))
    assert found is not None
    told, known = found.subject.aliases, found.positions.applied
    before = await store.history(TENANT, found.subject.key, aliases=told, known_at=known)

    parting = sent("u", "$unalias", 4, "c0", properties={"anonymous_id": "cookie"})
    await post(store, sent("y", "visited", 1, "c0"), parting)

    again = await store.history(TENANT, found.subject.key, aliases=told, known_at=known)
    now = await store.history(TENANT, found.subject.key)
    assert ids(again) == ids(before) == ["o0", "v0", "w", "x"]
    assert ids(now) == ["o0", "v0", "y", "x"]
    assert not await store.history(TENANT, SubjectKey("customer", "nobody"), aliases=[])


def ids(history: list[Event]) -> list[str]:
    """Return the ids of events, in their order."""
    return [event.event_id for event in history]
