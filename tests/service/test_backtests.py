"""Backtests: what they find is what folding finds, and nothing that is live is touched."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from domain.buckets import BUCKETS, bucket_of
from domain.document import parse_model
from domain.lineage import of_one
from domain.machine import Machine, compile_model
from projections.asking import EVERYBODY
from projections.backtesting import trials
from projections.backtesting.backtest import Change, Found, Tally, Trial
from projections.events.history import SubjectHistory
from projections.events.log import SubjectKey
from service.adapters.memory import memory_store
from service.adapters.runners import DirectRunner
from service.adapters.sqlite import sqlite_store
from service.errors import Problem
from service.modelling.backtests import (
    HOUR,
    JOBS_AT_ONCE_MAX,
    JOBS_KEPT_MAX,
    LEASE,
    Backtests,
    Order,
)
from service.ports import Store
from service.schema import upgrade
from tests.builders import at, did, numbered
from tests.contract.saying import LATER, SHOP, TEAM, TENANT, post, publish, sent, version_of

pytestmark = pytest.mark.anyio

NOW = at(100)
CUSTOMERS = 60


class Standing:
    """A clock that stands, and chance that counts."""

    def __init__(self, at: int | None = None) -> None:
        self._tokens = 0 if at is None else at
        self._now = NOW if at is None else at

    def now(self) -> int:
        """Return the hour."""
        return self._now

    def token(self, octets: int) -> bytes:
        """Return bytes not given before."""
        self._tokens += 1
        return self._tokens.to_bytes(octets, "big")


def candidate(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 -- any section of a document
    """Return the shop's document in which two orders are loyal at once, and silence is shorter."""
    document = copy.deepcopy(SHOP) | changes
    document["transitions"][2]["after"] = "30d"
    return document


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Return a store with the shop's model active and a history in it."""
    path = tmp_path / "shop.db"
    found: Store = memory_store()
    if request.param == "sqlite":
        upgrade(path)
        found = sqlite_store(path, DirectRunner())
    await publish(found, SHOP)
    for n in range(CUSTOMERS):
        name, account = f"c{n}", f"team{n % 4}"
        orders = [
            sent(f"o{n}-{m}", "ordered", n + 5 * m, name, account_id=account) for m in range(n % 4)
        ]
        await post(found, sent(f"v{n}", "visited", 0, name), *orders)
    yield found
    await found.close()


NOTIFY_MAX_AGE = 72 * HOUR
ORDER = Order(TENANT, parse_model(candidate()), at(65))


def backtests_over(store: Store) -> Backtests:
    """Return the service over *store*, as a process of its own."""
    return Backtests(store, Standing(), Standing())


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a backtest has found, and those who change."""

    found: Found
    changes: list[Change]


async def run(
    store: Store,
    document: dict[str, Any],
    **options: Any,  # noqa: ANN401 -- options of an order
) -> Outcome:
    """Return what a backtest of *document* finds."""
    backtests = backtests_over(store)
    job = await backtests.begin(Order(TENANT, parse_model(document), **options))
    job = await backtests.settle(job)
    assert job.status == "done", job.error
    assert job.done == job.total
    changes, _ = await backtests.changes(job, limit=1_000)
    return Outcome(job.result, changes)


async def stages_by(machine: Machine, store: Store, as_of: int) -> dict[str, str | None]:
    """Return where *machine* puts each customer, folded one by one."""
    found = {}
    for n in range(CUSTOMERS):
        history = await store.history(TENANT, SubjectKey.of_customer(f"c{n}"))
        state, _ = machine.fold(one for one in history if one.effective_at <= as_of)
        found[f"c{n}"] = machine.advance(state, as_of)[0].stage_id if state.stage_id else None
    return found


@pytest.mark.parametrize("day", [None, 45, 65, 400])
async def test_a_backtest_finds_what_folding_finds(store: Store, day: float | None) -> None:
    """Whatever the instant, the matrix counts the pairs of two independent folds."""
    as_of = None if day is None else at(day)
    document = candidate()

    outcome = await run(store, document, as_of=as_of)

    old = await stages_by(compile_model(parse_model(SHOP)), store, as_of or NOW)
    new = await stages_by(compile_model(parse_model(document)), store, as_of or NOW)
    pairs = Counter((old[name], new[name]) for name in old)
    assert outcome.found.matrix == pairs
    changes = outcome.changes
    assert {
        (each.subject.id, each.old and each.old.stage, each.new and each.new.stage)
        for each in changes
    } == {(name, old[name], new[name]) for name in old if old[name] != new[name]}
    assert outcome.found.changed == len(changes) > 0 or day == 400


async def test_both_stages_are_told_with_their_causes(store: Store) -> None:
    backtests = backtests_over(store)
    job = await backtests.begin(Order(TENANT, parse_model(candidate()), at(65)))
    job = await backtests.settle(job)

    changes, _ = await backtests.changes(job, limit=1, old="loyal", new="dormant")
    found = changes[0]
    assert found.old is not None
    assert found.new is not None
    assert (found.old.cause.rule, found.new.cause.rule) == ("repeat", "silence")
    assert found.old.cause.event_id is not None
    assert found.new.entered_at > found.old.entered_at


async def test_recent_transitions_are_counted_as_news(store: Store) -> None:
    """What lies within the window up to the instant would have been announced; nothing else."""
    outcome = await run(store, candidate(), as_of=at(30))
    found = outcome.found

    recent = 0
    machine = compile_model(parse_model(candidate()))
    for n in range(CUSTOMERS):
        history = await store.history(TENANT, SubjectKey.of_customer(f"c{n}"))
        state, recorded = machine.fold(one for one in history if one.effective_at <= at(30))
        recorded += machine.advance(state, at(30))[1]
        recent += sum(
            at(30) - NOTIFY_MAX_AGE < one.effective_at and one.kind == "transition"
            for one in recorded
        )
    assert found.new_news["transition"] == recent > 0


async def test_the_same_model_changes_nobody(store: Store) -> None:
    outcome = await run(store, SHOP)
    found = outcome.found

    assert found.changed == 0
    assert found.old_news == found.new_news
    assert sum(found.matrix.values()) == CUSTOMERS


async def test_a_model_that_nobody_has_seen_yet_is_tried_alone(store: Store) -> None:
    outcome = await run(store, candidate(model="other"))
    found = outcome.found

    assert {old for old, _ in found.matrix} == {None}
    assert found.changed == CUSTOMERS


async def test_accounts_are_tried_by_models_of_accounts(store: Store) -> None:
    await publish(store, TEAM)
    document = copy.deepcopy(TEAM)
    document["transitions"][0]["when"] = "signals.members >= 500"

    outcome = await run(store, document, as_of=at(40))
    found = outcome.found

    assert found.matrix == {("active", "trial"): 3}


async def test_customers_are_not_compared_with_accounts(store: Store) -> None:
    document = copy.deepcopy(TEAM) | {"model": "shop"}

    with pytest.raises(Problem) as refusal:
        await run(store, document)

    assert refusal.value.code == "backtest_refused"


async def test_a_sample_takes_whole_buckets(store: Store) -> None:
    outcome = await run(store, candidate(), sample=0.5)
    found = outcome.found

    inside = [n for n in range(CUSTOMERS) if bucket_of(TENANT, f"c{n}") < BUCKETS // 2]
    assert sum(found.matrix.values()) == len(inside) < CUSTOMERS


async def test_a_backtest_touches_nothing(tmp_path: Path) -> None:
    """But for its own rows every row is as before, so nothing can have been announced either."""
    path = tmp_path / "live.db"
    upgrade(path)
    store = sqlite_store(path, DirectRunner())
    await publish(store, SHOP)
    await post(store, *(sent(f"o{n}", "ordered", n, "ann") for n in range(5)))
    before, feed = _digest(path), (await store.positions()).feed

    outcome = await run(store, candidate())
    found = outcome.found

    assert found.changed == 0 or found.kept
    assert (_digest(path), (await store.positions()).feed) == (before, feed)
    assert feed > 0
    await store.close()


def _digest(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        dumped = [line for line in connection.iterdump() if '"backtest' not in line]
    return hashlib.sha256("\n".join(dumped).encode()).hexdigest()


async def test_what_arrives_meanwhile_is_not_in_it(store: Store) -> None:
    """A backtest is of one moment of the log, however long it takes."""
    backtests = backtests_over(store)
    job = await backtests.begin(Order(TENANT, parse_model(SHOP)))
    await post(store, sent("new", "visited", 1, "a-newcomer"), now=LATER)

    job = await backtests.settle(job)

    assert sum(job.result.matrix.values()) == CUSTOMERS


async def test_a_cancelled_backtest_stops_and_has_no_result(store: Store) -> None:
    backtests = backtests_over(store)
    job = await backtests.begin(Order(TENANT, parse_model(SHOP)))

    job = await backtests.cancel(job)
    again = await backtests.cancel(job)

    assert again == await backtests.settle(job) == job
    assert job.status == "cancelled"
    assert job.finished_at == NOW
    assert job.done < job.total


async def test_another_process_goes_on_where_one_ended(store: Store) -> None:
    """Page by page, in turns, each a process that forgets: the outcome is that of one."""
    whole = await run(store, candidate(), as_of=at(65))
    job = await backtests_over(store)._prepared(ORDER)  # noqa: SLF001 -- begun, but not carried on here
    await store.keep(trials.begin(job, at_once_max=2, kept_max=9))

    for turn in range(1_000):
        later = Standing(NOW + turn * LEASE)
        if not await Backtests(store, later, Standing(turn * 100)).round():
            break

    done = await store.look(trials.find(TENANT, job.id), of=EVERYBODY)
    assert done is not None
    assert (done.status, done.done) == ("done", done.total)
    assert done.result == whole.found
    changes, _ = await backtests_over(store).changes(done, limit=1_000)
    assert changes == whole.changes


async def test_a_process_that_lost_its_lease_writes_nothing(store: Store) -> None:
    job = await backtests_over(store)._prepared(ORDER)  # noqa: SLF001 -- as above
    await store.keep(trials.begin(job, at_once_max=2, kept_max=9))
    slow = await store.keep(trials.claim("slow", NOW, until=NOW + LEASE))
    early = await store.keep(trials.claim("other", NOW + LEASE - 1, until=NOW + 2 * LEASE))
    await store.keep(trials.claim("other", NOW + LEASE, until=NOW + 2 * LEASE))
    assert slow is not None

    written = await store.keep(trials.carry_on(slow, replace(slow, buckets_done=7), []))

    found = await store.look(trials.find(TENANT, job.id), of=EVERYBODY)
    assert (early, written) == (None, False)
    assert found is not None
    assert (found.holder, found.buckets_done) == ("other", 0)


async def test_a_version_that_was_tried_is_marked_so(store: Store) -> None:
    """Whichever came first: the version, or the backtest of its document."""
    await store.put_model(version_of(candidate()))
    await run(store, candidate())

    tried = await store.model(TENANT, "shop", 2)

    assert tried is not None
    assert tried.backtested_at == NOW
    assert (await store.model_versions(TENANT, "shop"))[0].state == "backtested"


async def test_jobs_are_bounded(store: Store) -> None:
    """So many run at once and so many are remembered; the rest is refused or forgotten."""
    backtests, order = backtests_over(store), Order(TENANT, parse_model(SHOP))
    running = [await backtests.begin(order) for _ in range(JOBS_AT_ONCE_MAX)]
    with pytest.raises(Problem) as refusal:
        await backtests.begin(order)
    await asyncio.gather(*map(backtests.settle, running))
    for _ in range(JOBS_KEPT_MAX):
        await backtests.settle(await backtests.begin(order))

    kept = await backtests.of_model(TENANT, "shop")
    while await backtests.round():
        pass

    assert refusal.value.code == "backtest_refused"
    assert len(kept) == JOBS_KEPT_MAX
    await backtests.close()


def test_changes_beyond_the_bound_are_counted() -> None:
    """Rows are bounded: names are kept up to a number, the matrix goes on."""
    shop = of_one(1, compile_model(parse_model(SHOP)))
    tally = Tally(Trial(shop, None, as_of=NOW, news_since=0), changes_max=3)

    tally.take(
        SubjectHistory(SubjectKey.of_customer(f"c{n}"), numbered([did("ordered", n)]))
        for n in range(10)
    )

    assert (tally.changed, tally.kept) == (10, 3)


async def test_changes_come_in_pages(store: Store) -> None:
    await run(store, candidate(), as_of=at(65))
    backtests = backtests_over(store)
    (job,) = await backtests.of_model(TENANT, "shop")
    everybody, end = await backtests.changes(job, limit=1_000)

    first, following = await backtests.changes(job, limit=3)
    second, _ = await backtests.changes(job, limit=3, after=following)

    assert [*first, *second] == everybody[:6]
    assert end is None
    assert await backtests.changes(job, limit=3, new="nowhere") == ([], None)


def test_a_subject_that_cannot_be_folded_is_counted_as_such() -> None:
    shop = of_one(1, compile_model(parse_model(SHOP)))
    tally = Tally(Trial(shop, None, as_of=NOW, news_since=0))
    broken = numbered([did("$identify", 1)])
    broken[0].text = json.dumps({"traits": {}})[:-3]

    tally.take([SubjectHistory(SubjectKey.of_customer("ann"), broken)])

    assert (tally.failed, sum(tally.matrix.values())) == (1, 0)
