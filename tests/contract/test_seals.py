"""Seals over every store: what is sealed stays provable, and whatever is not as it was is found."""

from __future__ import annotations

import pytest

from projections.safekeeping.seals import FIRST_ROOT, SEALABLE_COLUMNS, Seal
from service.ports import Store
from service.safekeeping.seals import EVENTS_AT_ONCE, SEAL_AFTER
from tests.builders import DAY
from tests.contract.saying import LATER, SHOP, post, publish, sent
from tests.seals.world import fill, sealer, verdict

pytestmark = pytest.mark.anyio

SALT = SEALABLE_COLUMNS.index("salt")
SUBJECT = slice(SEALABLE_COLUMNS.index("bucket"), SEALABLE_COLUMNS.index("subject_id") + 1)


async def test_a_log_is_sealed_in_ranges_each_chained_to_the_one_before(store: Store) -> None:
    await fill(store, 25)

    newest = await sealer(store).seal_everything()

    found = await store.seals()
    assert [(seal.from_position, seal.to_position) for seal in found] == [
        (1, 10),
        (11, 20),
        (21, 25),
    ]
    assert [seal.previous for seal in found] == [FIRST_ROOT, found[0].root, found[1].root]
    assert newest == found[-1]
    assert await store.newest_seals(limit=2) == found[:0:-1]
    assert await store.newest_seals(before=20) == found[:1]
    assert await store.seals(after=10, limit=1) == found[1:2]


async def test_an_empty_log_has_no_seal(store: Store) -> None:
    assert await sealer(store).seal_everything() is None
    assert await store.seals() == []


async def test_the_worker_seals_full_ranges_and_leaves_young_events_alone(store: Store) -> None:
    await fill(store, 25)
    one = sealer(store)

    more = [await one.round(), await one.round(), await one.round()]

    assert more == [True, False, False]
    assert [seal.to_position for seal in await store.seals()] == [10, 20]


async def test_what_is_old_is_sealed_though_its_range_is_not_full(store: Store) -> None:
    await fill(store, 3)
    one = sealer(store, now=LATER + SEAL_AFTER)

    assert not await one.round()

    assert [seal.to_position for seal in await store.seals()] == [3]


async def test_of_two_who_seal_the_same_range_one_comes_too_late(store: Store) -> None:
    await fill(store, 10)
    first = await sealer(store).seal_everything()
    assert first is not None

    again = Seal(1, 10, b"r" * 32, FIRST_ROOT, b"m" * 80, LATER)
    gap = Seal(12, 12, b"r" * 32, first.root, b"m" * 8, LATER)

    assert not await store.add_seal(again, erased=0)
    assert not await store.add_seal(gap, erased=0)
    assert await store.seals() == [first]


async def test_who_has_a_salt_keeps_it_whoever_brings_another(store: Store) -> None:
    """Two processes may begin with the same range; what each has hashed must agree."""
    await fill(store, 3)
    await sealer(store).seal_everything()
    rows = await store.sealable(after=0, end=3, limit=3)
    refs = [row[SUBJECT] for row in rows]

    assert await store.add_salts(dict.fromkeys(refs, b"s" * 16), erased=0)

    after = await store.sealable(after=0, end=3, limit=3)
    assert [row[SALT] for row in after] == [row[SALT] for row in rows]
    assert await verdict(store) == []


async def test_nobody_gets_a_salt_of_whom_an_erasure_may_have_been(store: Store) -> None:
    await fill(store, 3)
    one = (await store.sealable(after=0, end=1, limit=1))[0]

    assert not await store.add_salts({one[SUBJECT]: b"s" * 16}, erased=-1)

    assert (await store.sealable(after=0, end=1, limit=1))[0][SALT] is None


async def test_a_long_range_is_read_page_by_page(store: Store) -> None:
    """New subjects on every page, and none left out of the root."""
    count = 2 * EVENTS_AT_ONCE + 7
    await post(store, *(sent(f"e{n}", "ordered", 1, f"customer-{n % 120}") for n in range(count)))

    newest = await sealer(store, range_events=10_000).seal_everything()

    assert newest is not None
    assert newest.to_position == count
    assert await verdict(store) == []


async def test_a_log_that_nobody_touched_is_found_whole(store: Store) -> None:
    """Also while it grows: late events, joins and voids are events like others."""
    await publish(store, SHOP)
    await fill(store, 15)
    await sealer(store).seal_everything()
    await post(store, sent("late", "ordered", -5), now=LATER + DAY)
    await post(store, sent("v", "$void", 3, properties={"event_id": "e3"}), now=LATER + DAY)
    await post(store, sent("x", "visited", 4, anonymous_id="a1"), now=LATER + DAY)
    await sealer(store, now=LATER + DAY).seal_everything()

    assert await verdict(store) == []


async def test_the_same_log_with_the_same_salts_has_the_same_roots(store: Store) -> None:
    """So a store of another kind, restored from this one, can be compared by its anchor."""
    await fill(store, 12)

    newest = await sealer(store).seal_everything()

    assert newest is not None
    assert newest.root.hex() == "310cbedc319dd25f7914228983183cf95d0ce292c5654a574c146c53cac7f7fe"
