"""Several processes on one database see what the others do, and share the work of loops."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import anyio
import pytest

from projections.events.log import SubjectKey
from projections.reading.answers import BoardQuery, CustomerQuery
from projections.registers.access import KeptAnswer
from service.access.kept_answers import Answered, KeptAnswers
from service.access.keys import Principal
from service.adapters.postgres import leases
from service.adapters.postgres.store import PostgresStore
from service.errors import Problem
from service.leases import Alone, while_held
from service.ports import StoreUnavailable
from tests.builders import at
from tests.contract.judging import assert_true, whole_log
from tests.contract.saying import SHOP, TEAM, TENANT, post, publish, sent, told, version_of
from tests.http.conftest import SeededRandomness, TurnedClock
from tests.postgres.telling import OpenStore, Operator

pytestmark = pytest.mark.anyio

ANN = SubjectKey("customer", "ann")
NOW = "SELECT trunc(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
LASTING = 6_000_000
"""How long a lease lasts; with a pause between two tries, it is taken over within ten seconds."""


@pytest.fixture
async def other(store: PostgresStore, open_store: OpenStore) -> PostgresStore:
    """Return a second store on the database of the first, opened after it."""
    assert store is not None
    return await open_store()


async def test_what_one_activates_the_others_answer_with(
    store: PostgresStore, other: PostgresStore
) -> None:
    await post(store, sent("e1", "ordered", 1), now=at(1))
    assert await other.models(TENANT) == []

    await publish(store, SHOP)

    snapshot = await other.snapshot(TENANT, ANN)
    assert snapshot is not None
    assert [row.stage for row in snapshot.stages] == ["buyer"]
    assert (await other.board(BoardQuery(TENANT, "shop", at(2)))).total == 1
    assert len((await other.customers(CustomerQuery(TENANT, at(2), model="shop"))).rows) == 1
    assert [model.model for model in await other.models(TENANT)] == ["shop"]


async def test_what_one_appends_the_other_folds_on(
    store: PostgresStore, other: PostgresStore
) -> None:
    """Subjects in the memory of the first are forgotten when the second has written."""
    await publish(store, SHOP)
    await publish(store, TEAM)

    await post(store, sent("e1", "ordered", 1))
    await post(other, sent("e2", "ordered", 2, anonymous_id="a1"))
    await post(store, sent("e3", "visited", 3, customer=None, anonymous_id="a1"))
    receipts = await post(other, sent("e1", "ordered", 1), sent("e4", "ordered", 0.5))

    assert [receipt.status for receipt in receipts] == ["duplicate", "accepted"]
    assert [receipt.late for receipt in receipts] == [False, True]
    await assert_true(store, at(100))
    assert await told(store) == await told(other)


async def test_a_model_put_by_two_is_numbered_once(
    store: PostgresStore, other: PostgresStore
) -> None:
    changed = {**SHOP, "title": {"en": "Another shop"}}

    versions = [
        await store.put_model(version_of(SHOP)),
        await other.put_model(version_of(SHOP)),
        await other.put_model(version_of(changed)),
        await store.put_model(version_of(changed)),
    ]

    assert [version.version for version in versions] == [1, 1, 2, 2]


async def test_writers_that_meet_take_turns(store: PostgresStore, other: PostgresStore) -> None:
    await publish(store, SHOP)
    await publish(store, TEAM)
    ids = range(40)

    async def append(one: PostgresStore, prefix: str) -> None:
        for number in ids:
            await post(one, sent(f"{prefix}{number}", "ordered", number, f"c{number % 7}"))

    async with anyio.create_task_group() as group:
        group.start_soon(append, store, "a")
        group.start_soon(append, other, "b")

    assert len(await whole_log(store)) == 2 * len(ids)
    await assert_true(other, at(100))
    assert not await store.inspect()


async def test_one_of_several_holds_a_lease(
    store: PostgresStore,
    other: PostgresStore,
    operator: Operator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leases, "LEASE_SECONDS", 3_600)  # the test may take longer than a lease
    assert await store.leases.hold("sweeper")
    assert not await other.leases.hold("sweeper")
    assert await other.leases.hold("deliveries")
    assert await store.leases.hold("sweeper")

    await store.leases.release()

    assert await other.leases.hold("sweeper")
    holders = await operator.fetch("SELECT DISTINCT holder FROM leases")
    assert len(holders) == 1


async def test_the_lease_of_a_process_that_fell_silent_is_taken_over(
    store: PostgresStore, other: PostgresStore, operator: Operator
) -> None:
    before = await operator.fetchval(NOW)
    await store.leases.hold("sweeper")
    until = await operator.fetchval("SELECT until FROM leases")
    after = await operator.fetchval(NOW)
    assert before + LASTING <= until <= after + LASTING

    await operator.execute("UPDATE leases SET until = until - 3600000000")

    assert await other.leases.hold("sweeper")
    assert not await store.leases.hold("sweeper")


async def test_only_the_holder_works(
    store: PostgresStore, other: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LEASE_SECONDS", 3_600)
    worked: list[str] = []

    async def work() -> bool:
        worked.append("a round")
        return True

    assert await while_held(store.leases, "sweeper", work)()
    assert not await while_held(other.leases, "sweeper", work)()
    assert await while_held(Alone(), "sweeper", work)()
    assert worked == ["a round", "a round"]


async def test_many_readers_at_once_get_their_own_answers(store: PostgresStore) -> None:
    """They are looked up together; names that nobody has, or can have, are among them."""
    await publish(store, SHOP)
    await publish(store, TEAM)
    names = [f"c{number}" for number in range(30)]
    await post(store, *(sent(f"e{name}", "ordered", 1, name, account_id="acme") for name in names))
    await post(store, sent("e1", "visited", 2, "c1", anonymous_id="a1"))
    asked = [
        *(SubjectKey("customer", name) for name in names),
        SubjectKey("customer", "nobody"),
        SubjectKey("customer", "no\0body"),
        SubjectKey("customer", "half a \ud800"),
        SubjectKey("anonymous", "a1"),
        SubjectKey("account", "acme"),
    ]

    found = await asyncio.gather(*(store.snapshot(TENANT, key) for key in asked))
    alone = [await store.snapshot(TENANT, key) for key in asked]

    assert [one and one.subject.key.id for one in found] == [
        *names, None, None, None, "c1", "acme"
    ]  # fmt: skip
    assert [one and one.subject for one in found] == [one and one.subject for one in alone]
    assert await store.snapshot(TENANT, asked[0], model="none") == replace(
        found[0] or pytest.fail("c0 is known"), stages=()
    )


async def test_many_readers_hear_of_a_trouble_each(store: PostgresStore) -> None:
    await store.close()

    answers = await asyncio.gather(
        *(store.snapshot(TENANT, ANN) for _ in range(5)), return_exceptions=True
    )

    assert [type(answer) for answer in answers] == [StoreUnavailable] * 5


async def test_of_all_processes_one_carries_a_request_out(
    store: PostgresStore, other: PostgresStore
) -> None:
    """The claim is a row; the answer of one process is given again by the other."""
    clock, chance = TurnedClock(), SeededRandomness()
    one, another = (KeptAnswers(each, clock, chance) for each in (store, other))
    ann = Principal("k1", TENANT, frozenset({"admin"}), None)
    wanted = ("POST /v1/api-keys", "once", "print")

    begun = await asyncio.gather(
        *(each.begin(ann, "secret", wanted) for each in (one, another) * 4),
        return_exceptions=True,
    )
    (claimed,) = [each for each in begun if isinstance(each, KeptAnswer)]
    await one.end(claimed, Answered(201, {"location": "/x"}, b"{}"), "secret")

    refused = [each.code for each in begun if isinstance(each, Problem)]
    assert refused == ["idempotency_running"] * 7
    again = await another.begin(ann, "secret", wanted)
    assert again == Answered(201, {"location": "/x"}, b"{}")
