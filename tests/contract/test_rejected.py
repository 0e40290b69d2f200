"""Rejected events: what every store keeps of them, and how it gives them back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.instants import DAY
from projections.asking import EVERYBODY
from projections.registers.rejected import (
    RejectedEvent,
    RejectedQuery,
    forget,
    keep,
    listed,
    numbered,
    rewrite,
)
from service.ports import Store

pytestmark = pytest.mark.anyio

FIRST = RejectedEvent(
    tenant="default",
    number=0,
    digest="d1",
    received_at=DAY,
    last_at=DAY,
    times=1,
    route="/v1/batch",
    api_format="segment",
    inherited="",
    source="web",
    is_forced=0,
    code="customer_missing",
    pointer="",
    message="an event needs userId or anonymousId",
    faults="[]",
    text=b'{"a":"\x00\xff"}',
    event_id="m-1",
)
SECOND = replace(FIRST, digest="d2", code="bad_instant", received_at=DAY + 5, event_id=None)
ALL = RejectedQuery("default", is_settled=None)


async def numbers(store: Store, query: RejectedQuery) -> list[int]:
    """Return the numbers of what meets *query*."""
    return [one.number for one in (await store.look(listed(query), of=EVERYBODY)).rows]


async def test_a_rejected_event_is_kept_as_it_was_sent(store: Store) -> None:
    await store.keep(keep([FIRST]))

    assert (await store.look(listed(ALL), of=EVERYBODY)).rows == (replace(FIRST, number=DAY),)
    assert await store.look(numbered("default", [DAY, 7]), of=EVERYBODY) == [
        replace(FIRST, number=DAY)
    ]
    assert await store.look(numbered("other", [DAY]), of=EVERYBODY) == []


async def test_what_is_kept_later_stands_behind_whatever_its_clock_says(store: Store) -> None:
    """So whoever reads the list from a number on passes nothing over."""
    await store.keep(keep([replace(FIRST, received_at=DAY + 100)]))

    await store.keep(keep([SECOND]))

    assert await numbers(store, replace(ALL, newest_first=False)) == [DAY + 100, DAY + 101]


async def test_the_same_text_again_is_counted(store: Store) -> None:
    await store.keep(keep([FIRST, SECOND]))
    await store.keep(keep([replace(FIRST, received_at=2 * DAY, last_at=2 * DAY, code="other")]))

    found = (await store.look(listed(replace(ALL, newest_first=False)), of=EVERYBODY)).rows[0]
    assert (found.number, found.received_at, found.last_at) == (DAY, DAY, 2 * DAY)
    assert (found.times, found.code) == (2, "other")


async def test_numbers_differ_where_instants_do_not(store: Store) -> None:
    batch = [replace(FIRST, digest=f"x{n}") for n in range(3)]
    await store.keep(keep([*batch, replace(FIRST, tenant="other")]))

    assert await numbers(store, ALL) == [DAY + 2, DAY + 1, DAY]
    assert await numbers(store, replace(ALL, tenant="other")) == [DAY]


async def test_the_list_is_filtered_and_cut_into_pages(store: Store) -> None:
    await store.keep(keep([FIRST, SECOND, replace(SECOND, digest="d3", key_id="k")]))

    page = await store.look(listed(replace(ALL, limit=2)), of=EVERYBODY)
    assert page.next_after == (DAY + 5,)
    assert await numbers(store, replace(ALL, limit=2, after=DAY + 5)) == [DAY]
    assert await numbers(store, replace(ALL, equal=(("code", "bad_instant"),))) == [
        DAY + 6,
        DAY + 5,
    ]
    assert await numbers(store, replace(ALL, equal=(("key_id", "k"),))) == [DAY + 6]
    assert await numbers(store, replace(ALL, since=DAY + 1, newest_first=False)) == [
        DAY + 5,
        DAY + 6,
    ]
    assert await numbers(store, replace(ALL, until=DAY + 1)) == [DAY]


async def test_what_the_log_has_by_now_is_settled(store: Store) -> None:
    await store.keep(keep([FIRST, SECOND]))
    kept = (await store.look(numbered("default", [DAY]), of=EVERYBODY))[0]
    done = replace(kept, is_settled=1, outcome="accepted", position=3)
    await store.keep(rewrite([done, replace(done, number=99)]))

    assert await numbers(store, replace(ALL, is_settled=False)) == [DAY + 5]
    assert (await store.look(listed(replace(ALL, is_settled=True)), of=EVERYBODY)).rows == (done,)


async def test_what_is_old_is_forgotten_in_parts(store: Store) -> None:
    await store.keep(keep([FIRST, SECOND, replace(FIRST, tenant="other")]))

    assert await store.keep(forget(DAY + 5, 1)) == 1
    assert await store.keep(forget(DAY + 5, 10)) == 1
    assert await numbers(store, ALL) == [DAY + 5]
