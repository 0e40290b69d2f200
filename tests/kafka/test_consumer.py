"""The consumer over a log of others that obeys the test: what no broker can be asked to do."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace

import msgspec
import pytest
from structlog.testing import capture_logs

from projections.asking import EVERYBODY
from projections.registers.consumed import consumed
from projections.registers.rejected import RejectedQuery
from service.adapters.memory import memory_store
from service.adapters.memory.rows import MemoryRows
from service.bootstrap import assemble, taking_in
from service.consuming.consumer import Consumer
from service.consuming.judging import Judge
from service.consuming.records import OutOfRange, Place, Record, RecordsUnavailable
from service.door.events import Refused
from service.ports import NewEvent, Store
from service.services import Services
from service.settings import Settings
from tests.http.conftest import SeededRandomness, TurnedClock
from tests.kafka.taking import event, ids, log_of
from tests.kafka.test_reading import Written
from tests.simulation.loop import simulated_loop
from tests.simulation.trouble import Trouble
from tests.simulation.trouble import memory_store as troubled_store

pytestmark = pytest.mark.anyio

TOPIC = "visits"
PLACE = Place(TOPIC, 0)
ROUNDS_IN_TROUBLE = 60
ROUNDS_AFTERWARDS = 20
SETTINGS = Settings(kafka_topics=((TOPIC, ""),), models=("none",))


class Scripted:
    """A log of one partition, of which a test says everything.

    Attributes:
        rows: The records there are.
        at: What comes next; None before anything was sought.
        trouble: What is raised instead of an answer.
    """

    def __init__(self, *values: bytes | None, first: int = 0) -> None:
        self.rows = [Written(value, offset=first + n) for n, value in enumerate(values)]
        self.first = first
        self.at: int | None = None
        self.term = 1
        self.told: dict[Place, int] = {}
        self.trouble: Exception | None = None

    def places(self) -> Sequence[Place]:
        return [PLACE]

    async def join(self) -> None:
        return

    async def take(self, records_max: int) -> Mapping[Place, Sequence[Record]]:
        if self.trouble is not None:
            trouble, self.trouble = self.trouble, None
            raise trouble
        if self.at is None:
            return {}
        if self.at < self.first:
            raise OutOfRange({PLACE: self.at})
        found = [row for row in self.rows if row.offset >= (self.at or 0)][:records_max]
        if found:
            self.at = found[-1].offset + 1
        return {PLACE: found}

    def seek(self, place: Place, offset: int) -> None:
        assert place == PLACE
        self.at = offset

    async def first_offsets(self, places: Sequence[Place]) -> Mapping[Place, int]:
        return dict.fromkeys(places, self.first)

    async def end_offsets(self, places: Sequence[Place]) -> Mapping[Place, int]:
        return dict.fromkeys(places, self.first + len(self.rows))

    def known_ends(self) -> Mapping[Place, int]:
        return {PLACE: self.first + len(self.rows)}

    async def tell(self, offsets: Mapping[Place, int]) -> None:
        self.told |= offsets

    async def close(self) -> None:
        return


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    lent = memory_store()
    yield lent
    await lent.close()


def member_of(store: Store, records: Scripted, settings: Settings = SETTINGS) -> Services:
    services = taking_in(assemble(settings, store, TurnedClock(), SeededRandomness()), records)
    services.appender.start()
    return services


def consumer_in(services: Services) -> Consumer:
    assert services.consumer is not None
    return services.consumer


async def test_who_lost_a_partition_and_does_not_know_it_stores_nothing(store: Store) -> None:
    values = [event(1), event(2), event(3)]
    zombie, other = Scripted(*values), Scripted(*values)
    asleep = consumer_in(member_of(store, zombie, replace(SETTINGS, kafka_batch_records=1)))
    services = member_of(store, other)
    await asleep.round()
    await consumer_in(services).round()

    await asleep.round()

    assert ids(await log_of(services)) == ["e1", "e2", "e3"]
    assert (asleep.figures.fenced, asleep.figures.taken("duplicate")) == (1, 0)


async def test_who_was_fenced_goes_on_where_the_other_ended(store: Store) -> None:
    values = [event(1), event(2), event(3)]
    zombie = Scripted(*values)
    settings = replace(SETTINGS, kafka_batch_records=1)
    asleep, services = (
        consumer_in(member_of(store, zombie, settings)),
        member_of(store, Scripted(*values[:2])),
    )
    await asleep.round()
    await consumer_in(services).round()

    for _ in range(3):
        await asleep.round()

    assert ids(await log_of(services)) == ["e1", "e2", "e3"]
    assert asleep.figures.taken("duplicate") == 0


async def test_what_was_taken_and_not_stored_is_taken_again(store: Store) -> None:
    records = Scripted(event(1))
    services = member_of(store, records)
    consumer = consumer_in(services)
    records.trouble = RecordsUnavailable("nobody answers")
    await consumer.round()
    assert consumer.figures.told() == "waiting: nobody answers"

    await consumer.round()

    assert ids(await log_of(services)) == ["e1"]
    assert consumer.figures.told() == "1 partitions, 0 records behind"


async def taken_in(trouble: Trouble) -> tuple[list[str], float]:
    """Return what is stored of a log, and how often twice, while most calls of the store fail."""
    store = troubled_store(trouble, MemoryRows())
    values = [event(number) for number in range(20)]
    services = member_of(store, Scripted(*values), replace(SETTINGS, kafka_batch_records=3))
    consumer = consumer_in(services)
    trouble.set_in(1)
    for _ in range(ROUNDS_IN_TROUBLE):
        await consumer.round()
    trouble.set_in(0)
    for _ in range(ROUNDS_AFTERWARDS):
        await consumer.round()
    assert consumer.figures.told() == "1 partitions, 0 records behind"
    found = ids(await log_of(services))
    await services.appender.close()
    return found, consumer.figures.taken("duplicate")


def test_a_store_that_fails_loses_and_doubles_no_record() -> None:
    """It fails before a write, and after one, when nobody is told that it was done."""
    for seed in range(20):
        chance = random.Random(seed)  # noqa: S311 -- it repeats

        with capture_logs():
            outcome = simulated_loop(chance).run_until_complete(taken_in(Trouble(chance)))

        assert outcome == ([f"e{number}" for number in range(20)], 0), seed


async def test_beginning_at_the_end_passes_over_what_was_there_and_no_more(store: Store) -> None:
    records = Scripted(event(1))
    services = member_of(store, records, replace(SETTINGS, kafka_start="latest"))
    await consumer_in(services).round()
    records.rows.append(Written(event(2), offset=1))
    again = member_of(store, records, replace(SETTINGS, kafka_start="latest"))

    await consumer_in(again).round()

    assert ids(await log_of(services)) == ["e2"]


async def test_records_that_are_gone_are_counted_and_the_rest_is_taken_in(store: Store) -> None:
    services = member_of(store, Scripted(event(1)))
    await consumer_in(services).round()
    later = Scripted(event(9), first=5)
    consumer = consumer_in(member_of(store, later))

    for _ in range(3):
        await consumer.round()

    assert ids(await log_of(services)) == ["e1", "e9"]
    assert consumer.figures.lost == 4
    assert await store.look(consumed(TOPIC), of=EVERYBODY) == {0: 6}


async def test_a_tombstone_is_counted_and_passed(store: Store) -> None:
    services = member_of(store, Scripted(None, event(1)))
    consumer = consumer_in(services)

    await consumer.round()

    assert ids(await log_of(services)) == ["e1"]
    assert consumer.figures.taken("tombstone") == 1
    assert await store.look(consumed(TOPIC), of=EVERYBODY) == {0: 2}


async def test_what_the_log_refuses_is_kept_with_its_record(store: Store) -> None:
    services = member_of(store, Scripted(event(1), event(1, type="other")))

    await consumer_in(services).round()

    page = await services.rejections.page(RejectedQuery("default"))
    assert [(each.code, each.event_id) for each in page.rows] == [("event_id_conflict", "e1")]
    assert '"offset":1' in (page.rows[0].record or "")


async def test_an_event_without_id_and_time_has_those_of_its_record(store: Store) -> None:
    services = member_of(store, Scripted(b'{"type":"visited","customer_id":"c"}'))

    await consumer_in(services).round()

    (stored,) = await log_of(services)
    assert (stored.event_id, stored.occurred_at) == ("visits/0@0", 1_740_830_401_000_000)


async def test_others_hear_how_far_we_are_when_we_leave(store: Store) -> None:
    records = Scripted(event(1))
    consumer = consumer_in(member_of(store, records))
    await consumer.round()

    await consumer.close()

    assert records.told == {PLACE: 1}


SAID: list[dict[str, object]] = [
    {"id": "e1", "type": "visited", "customer_id": "c", "properties": {"a": [1, {"b": "ü"}]}},
    {"id": "e2", "type": "visited", "customer_id": "c", "occurred_at": "2025-03-01T12:00:00Z"},
    {"id": "e3", "type": "visited", "customer_id": "c", "source": "/shop", "properties": {}},
    {"type": "visited", "customer_id": "c", "occurred_at": "2025-03-01T12:00:00Z"},
    {"id": "e5", "type": "$void", "customer_id": "c", "properties": {"event_id": "e1"}},
    {"id": "e6", "type": "visited", "customer_id": "c", "occurred_at": "soon", "properties": {}},
    {"id": 7, "type": " visited ", "customer_id": "", "properties": None},
    {"id": "e8", "type": "x", "customer_id": "c", "properties": {"s": "y" * 70_000}},
    {"specversion": "1.0", "id": "e9", "source": "/s", "type": "visited", "subject": "c"},
]
DATED: dict[str, object] = {"occurred_at": "2025-03-01T12:00:00.5+01:00", "properties": {"a": 1}}


@pytest.mark.parametrize("said", [*SAID, *({**DATED, **each} for each in SAID)])
async def test_a_record_without_headers_is_judged_as_one_with_any(
    store: Store, said: dict[str, object]
) -> None:
    services = member_of(store, Scripted())
    judge = judge_of(services)
    value = json.dumps(said, ensure_ascii=False).encode()
    plain, with_header = Written(value), Written(value, {"x-of-others": "1"})

    (short,) = await judge.judge(PLACE, [plain])
    (long,) = await judge.judge(PLACE, [with_header])

    assert contents(short.found) == contents(long.found)
    assert short.text == long.text


def contents(found: NewEvent | Refused | None) -> object:
    """Return what *found* says."""
    return msgspec.structs.asdict(found) if isinstance(found, NewEvent) else found


def judge_of(services: Services) -> Judge:
    """Return a judge as the consumer of *services* has one."""
    return Judge(services.rejections, services.clock, tenants={TOPIC: "default"}, source="http")
