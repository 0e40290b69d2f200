"""What a receipt tells of stages: the change that its event brought about, and nothing else."""

from __future__ import annotations

import pytest

from projections.events.log import NewEvent, SubjectKey, Submission
from projections.models.catalogue import Terms
from service.ports import Store
from tests.builders import at
from tests.contract.saying import (
    LATER,
    RENAMED,
    SHOP,
    TENANT,
    VIPS,
    OpenStore,
    post,
    publish,
    sent,
    version_of,
)

pytestmark = pytest.mark.anyio

VISITOR = SubjectKey("anonymous", "a1")
SOON = at(5)
"""So soon that no silence has fallen due."""

IDENTIFIED = sent("i", "$identify", 0, payload='{"traits":{"plan":"vip"}}')

CHANGES = [
    ("a first order", [], sent("e1", "ordered", 1), [(None, "buyer")]),
    ("a visit", [sent("e1", "ordered", 1)], sent("e2", "visited", 2), []),
    (
        "an order that only alerts",
        [IDENTIFIED, sent("e1", "ordered", 1), sent("e2", "ordered", 2)],
        sent("e3", "ordered", 3),
        [],
    ),
    (
        "a visit after a silence, which came about by itself",
        [sent("e1", "ordered", 1)],
        sent("e2", "visited", 90),
        [],
    ),
    (
        "a late order",
        [sent("e1", "ordered", 1), sent("e2", "visited", 2)],
        sent("e3", "ordered", 0.5),
        [("buyer", "loyal")],
    ),
    (
        "a late visit, which changes nothing",
        [sent("e1", "ordered", 1), sent("e2", "visited", 2)],
        sent("e3", "visited", 1.5),
        [],
    ),
]


@pytest.mark.parametrize(
    ("given", "event", "told"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES]
)
async def test_a_receipt_tells_the_change_that_its_event_brought(
    store: Store,
    given: list[NewEvent],
    event: NewEvent,
    told: list[tuple[str | None, str]],
) -> None:
    await publish(store, SHOP)
    for each in given:
        await post(store, each, now=SOON)

    (receipt,) = await post(store, event, now=LATER if event.occurred_at == at(90) else SOON)

    assert [(one.from_stage, one.to_stage) for one in receipt.stages] == told
    assert {one.model for one in receipt.stages} <= {"shop"}


@pytest.mark.parametrize("day", [3, 0.5], ids=["in order", "late"])
async def test_a_receipt_is_silent_about_a_version_that_is_not_active(
    store: Store, day: float
) -> None:
    """It stands by, kept level beside the active one."""
    await publish(store, SHOP)
    await post(store, sent("e1", "ordered", 1), now=SOON)
    version = await store.put_model(version_of(VIPS))
    terms = Terms(base=1, stage_map=RENAMED)
    begun = await store.begin_generation(TENANT, "shop", version.version, SOON, terms=terms)
    while begun.status == "building":
        begun = await store.build_generation(begun.generation, SOON, limit=50)

    (receipt,) = await post(store, sent("e2", "ordered", day), now=SOON)

    assert [(one.from_stage, one.to_stage) for one in receipt.stages] == [("buyer", "loyal")]


@pytest.mark.parametrize("order", [("ann", "bob"), ("ann", "ann"), ("bob", "ann")])
@pytest.mark.parametrize("parted", [False, True])
async def test_one_batch_joins_and_parts_as_one_event_after_another_does(
    open_store: OpenStore, order: tuple[str, str], *, parted: bool
) -> None:
    first, second = order
    events = [
        sent("e0", "visited", 0, None, anonymous_id="a1"),
        sent("e1", "ordered", 1, first, anonymous_id="a1"),
        *([sent("u", "$unalias", 2, first, properties={"anonymous_id": "a1"})] if parted else []),
        sent("e2", "ordered", 3, second, anonymous_id="a1"),
        sent("e3", "ordered", 4, None, anonymous_id="a1"),
    ]
    together, apart = await open_store(), await open_store()
    for store in (together, apart):
        await publish(store, SHOP)
        await post(store, sent("f1", "visited", 0, "ann"), sent("f2", "visited", 0, "bob"))

    await together.append([Submission(events)], LATER)
    for event in events:
        await apart.append([Submission([event])], LATER)

    assert await lives(together) == await lives(apart)


async def lives(store: Store) -> list[object]:
    """Return who is whom, and how many events and transitions each has."""
    found: list[object] = []
    for key in (SubjectKey("customer", "ann"), SubjectKey("customer", "bob"), VISITOR):
        snapshot = await store.snapshot(TENANT, key)
        assert snapshot is not None
        subject = snapshot.subject
        stages = [(row.stage, row.sequence, row.entered_at) for row in snapshot.stages]
        found.append((subject.key, subject.aliases, subject.events, stages))
    return found
