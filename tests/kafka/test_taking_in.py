"""Records of a broker come in, imitated and real: each once, over restarts, the refused kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from domain.instants import format_instant
from projections.asking import EVERYBODY
from projections.registers.consumed import consumed
from projections.registers.rejected import RejectedQuery
from service.adapters.sqlite import sqlite_store
from service.schema import upgrade
from tests.kafka.taking import (
    any_topic,
    event,
    headers_of,
    ids,
    log_of,
    produce,
    settings_for,
    taking,
    until_stored,
)
from tests.servers.kafka import Broker

pytestmark = pytest.mark.anyio

CAPTURES = Path(__file__).parents[1] / "captures"


async def test_records_become_events_in_the_order_of_their_partition(any_broker: Broker) -> None:
    topic = await any_topic(any_broker)
    await produce(any_broker.address, topic, [event(number) for number in range(500)])

    async with taking(settings_for(any_broker.address, topic)) as services:
        await until_stored(services, 500)
        found = ids(await log_of(services))

    assert found == [f"e{number}" for number in range(500)]


async def test_who_comes_back_goes_on_where_the_store_says(
    any_broker: Broker, tmp_path: Path
) -> None:
    topic = await any_topic(any_broker)
    settings = settings_for(any_broker.address, topic)
    path = tmp_path / "stagefold.db"
    upgrade(path)
    await produce(any_broker.address, topic, [event(number) for number in range(10)])
    async with taking(settings, sqlite_store(path)) as services:
        await until_stored(services, 10)
    await produce(any_broker.address, topic, [event(number) for number in range(10, 20)])

    async with taking(settings, sqlite_store(path)) as services:
        await until_stored(services, 20)
        offsets = await services.store.look(consumed(topic), of=EVERYBODY)
        assert services.consumer is not None
        taken = services.consumer.figures.taken("accepted")

    assert (offsets[0], taken) == (20, 10)


async def test_a_record_that_is_no_event_is_kept_and_holds_nobody_up(any_broker: Broker) -> None:
    topic = await any_topic(any_broker)
    await produce(any_broker.address, topic, [event(1), b"\xff\xfe", b"{}", event(2)])

    async with taking(settings_for(any_broker.address, topic)) as services:
        await until_stored(services, 2)
        page = await services.rejections.page(RejectedQuery("default"))

    kept = sorted((each.code, each.text, json.loads(each.record or "")) for each in page.rows)
    place = {"topic": topic, "partition": 0, "key": None, "headers": {}}
    assert kept == [
        ("malformed_utf8", b"\xff\xfe", {**place, "offset": 1}),
        ("type_missing", b"{}", {**place, "offset": 2}),
    ]


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_packed_records_are_read(broker_at_hand: Broker, codec: str) -> None:
    topic = await any_topic(broker_at_hand)
    await produce(
        broker_at_hand.address, topic, [event(n) for n in range(50)], compression_type=codec
    )

    async with taking(settings_for(broker_at_hand.address, topic)) as services:
        await until_stored(services, 50)
        found = ids(await log_of(services))

    assert found == [f"e{number}" for number in range(50)]


async def test_a_tombstone_says_nothing_and_holds_nobody_up(any_broker: Broker) -> None:
    topic = await any_topic(any_broker)
    async with AIOKafkaProducer(bootstrap_servers=any_broker.address) as producer:
        await producer.send_and_wait(topic, None, key=b"c1")
        await producer.send_and_wait(topic, event(1), key=b"c1")

    async with taking(settings_for(any_broker.address, topic)) as services:
        await until_stored(services, 1)
        assert services.consumer is not None
        taken = services.consumer.figures.taken("tombstone")

    assert taken == 1


@dataclass(frozen=True, slots=True)
class Captured:
    """A record that a library of CloudEvents wrote.

    Attributes:
        stored: What it is in the log: id, source, customer, instant, properties.
    """

    sdk: str
    place: int
    stored: tuple[str, str, str, str, dict[str, object]]


CAPTURED = [
    Captured(
        "python",
        0,
        (
            "ce-k-1",
            "/shop/日本",
            "user-1",
            "2025-03-01T12:00:01Z",
            {"order_id": "o-1", "revenue": 39.95, "名前": "山田"},
        ),
    ),
    Captured(
        "python",
        1,
        (
            "ce-k-2",
            "/shop/日本",
            "user-1",
            "2025-03-01T12:00:02Z",
            {"order_id": "o-2", "revenue": 39.95, "名前": "山田"},
        ),
    ),
    Captured(
        "node", 0, ("ce-js-k-1", "/shop", "user-1", "2025-03-01T12:00:01Z", {"order_id": "o-1"})
    ),
    Captured(
        "node", 1, ("ce-js-k-2", "/shop", "user-1", "2025-03-01T12:00:02Z", {"order_id": "o-2"})
    ),
]


@pytest.mark.parametrize("captured", CAPTURED, ids=lambda each: f"{each.sdk}-{each.place}")
async def test_what_libraries_write_is_read_byte_for_byte(
    broker_at_hand: Broker, captured: Captured
) -> None:
    path = CAPTURES / f"cloudevents_kafka_{captured.sdk}.json"
    written = json.loads(path.read_text(encoding="utf-8"))[captured.place]
    topic = await any_topic(broker_at_hand)
    async with AIOKafkaProducer(bootstrap_servers=broker_at_hand.address) as producer:
        await producer.send_and_wait(
            topic,
            written["value_text"].encode(),
            key=written["key"].encode(),
            headers=headers_of(written["headers"]),
        )

    async with taking(settings_for(broker_at_hand.address, topic)) as services:
        await until_stored(services, 1)
        (stored,) = await log_of(services)

    said = (
        stored.event_id,
        stored.source,
        stored.subject.text,
        format_instant(stored.occurred_at),
        json.loads(stored.payload)["data"],
    )
    assert said == captured.stored
    assert (stored.type, stored.api_format) == ("com.example.order.completed", "cloudevents")
