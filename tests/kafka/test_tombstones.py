"""Tombstones where they erase: whoever is named is gone, and nobody who came later is."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from projections.asking import EVERYBODY
from projections.registers.consumed import consumed
from projections.registers.rejected import RejectedQuery
from service.adapters.memory import memory_store
from service.consuming.records import Place
from service.consuming.tombstones import parts
from service.ports import Store, StoreUnavailable, SubjectKey
from service.services import Services
from tests.contract.saying import publish
from tests.kafka.taking import any_topic, event, produce_keyed, settings_for, taking, until
from tests.kafka.test_consumer import PLACE, SETTINGS, TOPIC, Scripted, consumer_in, member_of
from tests.kafka.test_reading import Written
from tests.servers.kafka import Broker

pytestmark = pytest.mark.anyio

ERASING = replace(SETTINGS, kafka_tombstones="erase")
C1, C2 = SubjectKey("customer", "c1"), SubjectKey("customer", "c2")
BY_ID = {"id": "t", "from": "a", "to": "b", "on": "visited", "when": "event.id == 'e1'"}
READS_IDS = {
    "model": "by-id",
    "initial": "a",
    "stages": [{"id": "a"}, {"id": "b"}],
    "transitions": [BY_ID],
}


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    lent = memory_store()
    yield lent
    await lent.close()


def keyed(*pairs: tuple[bytes | None, bytes | None]) -> Scripted:
    """Return a log of records with keys."""
    records = Scripted()
    records.rows = [Written(value, offset=n, key=key) for n, (key, value) in enumerate(pairs)]
    return records


async def events_of(services: Services, key: SubjectKey) -> int | None:
    """Return how many events a customer has; None for nobody."""
    found = await services.store.snapshot("default", key)
    return None if found is None else found.subject.events


async def test_whom_a_tombstone_names_is_erased_and_nobody_else(store: Store) -> None:
    records = keyed((b"c1", event(1)), (b"c2", event(2)), (b"c1", None), (b"c2", event(102)))
    services = member_of(store, records, ERASING)

    await consumer_in(services).round()

    assert (await events_of(services, C1), await events_of(services, C2)) == (None, 2)
    assert await store.look(consumed(TOPIC), of=EVERYBODY) == {0: 4}
    assert consumer_in(services).figures.taken("tombstone") == 1


async def test_whoever_comes_under_the_same_name_behind_it_is_somebody_new(store: Store) -> None:
    records = keyed((b"c1", event(1)), (b"c1", None), (b"c1", event(101)))
    services = member_of(store, records, ERASING)

    await consumer_in(services).round()

    assert await events_of(services, C1) == 1


async def test_a_tombstone_read_again_by_another_member_erases_nobody(store: Store) -> None:
    pairs = ((b"c1", event(1)), (b"c1", None), (b"c1", event(101)))
    one_by_one = replace(ERASING, kafka_batch_records=1)
    asleep = consumer_in(member_of(store, keyed(*pairs), one_by_one))
    services = member_of(store, keyed(*pairs), ERASING)
    await asleep.round()
    await consumer_in(services).round()

    await asleep.round()

    assert asleep.figures.fenced == 1
    assert await events_of(services, C1) == 1


async def test_a_tombstone_about_nobody_is_passed(store: Store) -> None:
    services = member_of(store, keyed((b"nobody", None), (b"c1", event(1))), ERASING)

    await consumer_in(services).round()

    assert await events_of(services, C1) == 1
    assert (await services.rejections.page(RejectedQuery("default"))).rows == ()


@pytest.mark.parametrize("key", [None, b"", b"\xff"], ids=repr)
async def test_a_tombstone_without_a_name_is_kept_as_refused(
    store: Store, key: bytes | None
) -> None:
    services = member_of(store, keyed((key, None)), ERASING)

    await consumer_in(services).round()

    (kept,) = (await services.rejections.page(RejectedQuery("default"))).rows
    assert (kept.code, kept.route) == ("customer_missing", "kafka")
    assert json.loads(kept.record or "")["offset"] == 0
    assert await store.look(consumed(TOPIC), of=EVERYBODY) == {0: 1}


@pytest.mark.parametrize(
    ("word", "left", "refused"), [("erase", 1, ["cannot_anonymise"]), ("purge", None, [])]
)
async def test_who_cannot_be_anonymised_stays_and_that_is_told(
    store: Store, word: str, left: int | None, refused: list[str]
) -> None:
    await publish(store, READS_IDS)
    records = keyed((b"c1", event(1)), (b"c1", None), (b"c2", event(2)))
    services = member_of(store, records, replace(SETTINGS, kafka_tombstones=word))

    await consumer_in(services).round()

    rows = (await services.rejections.page(RejectedQuery("default"))).rows
    assert [each.code for each in rows] == refused
    assert (await events_of(services, C1), await events_of(services, C2)) == (left, 1)
    tried = await services.rejections.retry(rows)
    assert all(each.outcome is None for each in tried)


async def test_a_store_that_is_away_in_between_is_asked_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = member_of(store, keyed((b"c1", event(1)), (b"c1", None)), ERASING)
    consumer = consumer_in(services)
    erase, answers = store.erase, iter([StoreUnavailable("away")])

    async def away_once(*order: object) -> object:
        for trouble in answers:
            raise trouble
        return await erase(*order)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(store, "erase", away_once)
    await consumer.round()
    assert await store.look(consumed(TOPIC), of=EVERYBODY) == {0: 1}

    await consumer.round()

    assert await events_of(services, C1) is None
    assert await store.look(consumed(TOPIC), of=EVERYBODY) == {0: 2}


def test_batches_are_parted_at_tombstones_only() -> None:
    other = Place(TOPIC, 1)
    plain = [Written(event(n), offset=n) for n in range(3)]
    dead = Written(None, offset=3)

    assert list(parts({PLACE: plain, other: plain})) == [{PLACE: plain, other: plain}]
    assert list(parts({PLACE: [*plain, dead, dead], other: plain})) == [
        {PLACE: plain},
        {PLACE: [dead]},
        {PLACE: [dead]},
        {other: plain},
    ]


async def test_a_tombstone_of_a_broker_erases(any_broker: Broker) -> None:
    topic = await any_topic(any_broker)
    pairs = [(b"c1", event(1)), (b"c1", None), (b"c1", event(2, customer_id="c2"))]
    await produce_keyed(any_broker.address, topic, pairs)
    settings = settings_for(any_broker.address, topic, kafka_tombstones="erase")

    async with taking(settings) as services:
        figures = consumer_in(services).figures
        await until(lambda: figures.taken("accepted") == 2)
        left = await events_of(services, C1), await events_of(services, C2)

    assert left == (None, 1)
