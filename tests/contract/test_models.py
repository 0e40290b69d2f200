"""Models and keys: versions, generations built beside the active one, and who may enter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from projections.events.log import SubjectKey
from projections.models.catalogue import ApiKey, Terms
from projections.reading.answers import BoardQuery
from projections.rebuilding.diffs import report_text
from service.ports import Store, UnknownModel, VersionMismatch
from tests.builders import at
from tests.contract.judging import assert_true
from tests.contract.saying import SHOP, TEAM, TENANT, post, publish, sent, told, version_of

pytestmark = pytest.mark.anyio

ANN = SubjectKey("customer", "ann")
EAGER: dict[str, Any] = {
    **SHOP,
    "transitions": [
        {"id": "any", "from": "lead", "to": "buyer", "on": "visited"},
        *SHOP["transitions"][1:],
    ],
}


async def test_documents_become_numbered_versions(store: Store) -> None:
    first = await store.put_model(version_of(SHOP), expected_version=0)
    again = await store.put_model(version_of(SHOP))
    second = await store.put_model(version_of(EAGER), expected_version=1)

    assert (first.version, again.version, second.version) == (1, 1, 2)
    assert [one.version for one in await store.model_versions(TENANT, "shop")] == [2, 1]
    assert await store.model(TENANT, "shop") == second
    assert await store.model(TENANT, "shop", 1) == first
    assert await store.model(TENANT, "shop", 3) is None


async def test_two_authors_do_not_overwrite_each_other(store: Store) -> None:
    await store.put_model(version_of(SHOP))

    with pytest.raises(VersionMismatch, match="expected version 0, found 1") as caught:
        await store.put_model(version_of(EAGER), expected_version=0)

    assert caught.value.newest == 1


async def test_readers_see_the_old_version_until_the_new_one_is_whole(store: Store) -> None:
    await publish(store, SHOP)
    await post(store, *(sent(f"e{n}", "visited", 1, f"c{n}") for n in range(30)), now=at(2))
    version = await store.put_model(version_of(EAGER))

    begun = await store.begin_generation(TENANT, "shop", version.version, at(3))
    half = await store.build_generation(begun.generation, at(3), limit=10)
    board = await store.board(BoardQuery(TENANT, "shop", at(3)))
    active = await store.activate_generation(begun.generation, at(3))

    assert (half.status, half.total) == ("building", 30)
    assert 10 <= half.done < 30
    assert (board.version, board.stages[0].count) == (1, 30)
    assert active.status == "active"
    board = await store.board(BoardQuery(TENANT, "shop", at(3)))
    assert (board.version, board.stages[1].count) == (2, 30)


async def test_a_rebuild_under_appends_misses_nothing(store: Store) -> None:
    """Every append lands somewhere: in a bucket that is done, or in one still to be folded."""
    await publish(store, SHOP)
    await publish(store, TEAM)
    names = [f"c{number}" for number in range(40)]
    await post(store, *(sent(name, "ordered", 5, name) for name in names), now=at(9))
    begun = await store.begin_generation(TENANT, "shop", 1, at(9))

    for number, name in enumerate(names):
        await store.build_generation(begun.generation, at(10), limit=3)
        await post(
            store,
            sent(f"x{number}", "ordered", number % 9, name, anonymous_id=f"a{number}"),
            sent(f"y{number}", "visited", 1, f"new{number}"),
            now=at(10),
        )
    await store.activate_generation(begun.generation, at(10))

    await assert_true(store, at(10))


async def test_a_rebuild_equals_what_lived(store: Store) -> None:
    await publish(store, SHOP)
    events = [sent(f"e{day}", "ordered", day) for day in (0, 40, 20, 170)]
    for event in events:
        await post(store, event, now=at(200))
    lived = await told(store)

    await publish(store, SHOP, at(201))

    assert await told(store) == lived
    generations = await store.generations(TENANT)
    assert [one.status for one in generations] == ["active", "retired"]


@pytest.mark.parametrize("patience", ["30d", "90d"])
async def test_a_rebuild_forgets_no_deadline_of_another_model(store: Store, patience: str) -> None:
    """Whichever of the two comes first."""
    silence = {**SHOP["transitions"][2], "after": patience}
    other = {**SHOP, "model": "other", "transitions": [SHOP["transitions"][0], silence]}
    await publish(store, SHOP)
    await post(store, sent("e1", "ordered", 0), now=at(1))
    await publish(store, other, at(2))

    await store.sweep(at(31))
    await store.sweep(at(61))

    assert (await told(store))[-1] == ("dormant", 60)
    soon = [("dormant", 30)] if patience == "30d" else []
    assert (await told(store, model="other"))[2:] == soon


async def test_a_rebuild_is_quiet(store: Store) -> None:
    await publish(store, SHOP)
    await post(store, sent("e1", "ordered", 0), now=at(1))
    before = await store.positions()

    await publish(store, SHOP, at(100))

    assert await store.positions() == before
    page = await store.transitions(TENANT, ANN)
    assert [record.announced for record in page.rows] == [False, False, False]


async def test_a_retired_generation_is_removed_bit_by_bit(store: Store) -> None:
    """What the feed has carried stays: whoever reads it later finds every record."""
    await publish(store, SHOP)
    await post(store, sent("e1", "ordered", 0), now=at(1))
    await publish(store, EAGER, at(2))
    await publish(store, SHOP, at(3))
    assert (await store.health(at(3))).retired_rows

    for _ in range(20):
        if not (await store.health(at(3))).retired_rows:
            break
        await store.remove_retired(1)

    assert not (await store.health(at(3))).retired_rows
    assert [one.status for one in await store.generations(TENANT)] == [
        "active",
        "removed",
        "removed",
    ]
    feed = await store.feed(TENANT)
    assert [record.transition.to_stage for record in feed.rows] == ["lead", "buyer"]
    assert await told(store) == [("lead", 0), ("buyer", 0)]


async def test_a_rebuild_tells_what_it_changes(store: Store) -> None:
    """Before it is active from the rows, later as it was noted then; who changed, page by page."""
    await publish(store, SHOP)
    await post(store, *(sent(f"e{n}", "visited", 1, f"c{n}") for n in range(5)), now=at(2))
    await post(store, sent("o1", "ordered", 1, "c0"), now=at(2))
    version = await store.put_model(version_of(EAGER))
    begun = await store.begin_generation(TENANT, "shop", version.version, at(3))
    number = begun.generation
    assert await store.diff(TENANT, number, at(3)) is None
    while begun.status == "building":
        begun = await store.build_generation(number, at(3), limit=2)

    diff = await store.diff(TENANT, number, at(3), limit=3)

    assert diff is not None
    matrix = [("buyer", "buyer", 1), ("lead", "buyer", 4)]
    assert list(map(tuple, diff.matrix or ())) == matrix
    assert diff.changes is not None
    text = report_text(diff.as_of, diff.matrix)
    await store.activate_generation(number, at(4), report=text)
    later = await store.diff(TENANT, number, at(9), after=diff.changes.next_after)
    assert later is not None
    assert (later.as_of, list(map(tuple, later.matrix or ()))) == (at(3), matrix)
    assert later.changes is not None
    both = [*diff.changes.rows, *later.changes.rows]
    assert {one.subject.id for one in both} == {"c1", "c2", "c3", "c4"}
    assert {(one.old, one.new) for one in both} == {(("lead", at(1)), ("buyer", at(1)))}
    await store.remove_retired(1_000)
    await store.remove_retired(1_000)
    gone = await store.diff(TENANT, number, at(9))
    assert gone is not None
    assert gone.changes is None


async def test_what_is_under_way_is_told_of_every_tenant(store: Store) -> None:
    await publish(store, SHOP)
    await publish(store, SHOP, tenant="other")
    await post(store, sent("e1"), now=at(1))
    waits = Terms(activates=False)

    ours = await store.begin_generation(TENANT, "shop", 1, at(2))
    theirs = await store.begin_generation("other", "shop", 1, at(2))
    ready = await store.begin_generation("other", "shop", 1, at(2), terms=waits)
    while ready.status == "building":
        ready = await store.build_generation(ready.generation, at(2), limit=100)

    found = await store.generations_under_way()
    assert [(one.tenant, one.generation) for one in found] == [
        (TENANT, ours.generation),
        ("other", theirs.generation),
    ]


async def test_a_failed_generation_leaves_the_active_one_alone(store: Store) -> None:
    active = await publish(store, SHOP)
    await post(store, sent("e1"), now=at(1))
    begun = await store.begin_generation(TENANT, "shop", 1, at(2))

    failed = await store.fail_generation(begun.generation, "the machine broke", at(2))

    assert (failed.status, failed.error) == ("failed", "the machine broke")
    assert (await store.activate_generation(begun.generation, at(2))).status == "failed"
    version = await store.model(TENANT, "shop")
    assert version is not None
    assert version.active_generation == active


async def test_a_version_that_does_not_exist_cannot_be_built(store: Store) -> None:
    with pytest.raises(UnknownModel, match="model shop: expected a version, found no version 7"):
        await store.begin_generation(TENANT, "shop", 7, at(0))


# ---------------------------------------------------------------- keys

KEY = ApiKey(
    id="abcd1234",
    tenant=TENANT,
    name="shop floor",
    secret_hash=b"\x01" * 32,
    scopes=("events:write", "customers:read"),
    created_at=at(0),
)


async def test_keys_are_kept_listed_and_revoked(store: Store) -> None:
    await store.create_key(KEY)
    await store.touch_keys([(KEY.id, at(2)), (KEY.id, at(1)), ("unknown", at(1))])

    used = await store.key(KEY.id)
    revoked = await store.revoke_key(TENANT, KEY.id, at(3))
    again = await store.revoke_key(TENANT, KEY.id, at(4))

    assert used == replace(KEY, last_used_at=at(2))
    assert revoked == again == replace(KEY, last_used_at=at(2), revoked_at=at(3))
    assert await store.keys(TENANT) == [revoked]


async def test_a_key_of_another_tenant_does_not_exist(store: Store) -> None:
    await store.create_key(KEY)

    assert await store.revoke_key("other", KEY.id, at(3)) is None
    assert await store.keys("other") == []


async def test_a_key_id_is_never_given_to_another_secret(store: Store) -> None:
    await store.create_key(KEY)
    await store.create_key(replace(KEY, secret_hash=b"\x02" * 32))

    assert await store.key(KEY.id) == KEY
