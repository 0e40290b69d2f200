"""Records of a real broker come in: each once, over restarts, with what was refused kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from projections.consumed import consumed
from projections.rejected import RejectedQuery
from service.adapters.sqlite import sqlite_store
from service.schema import upgrade
from tests.kafka.taking import (
    event,
    ids,
    log_of,
    produce,
    settings_for,
    taking,
    topic_of,
    until_stored,
)
from tests.servers.kafka import Broker

pytestmark = pytest.mark.anyio


async def test_records_become_events_in_the_order_of_their_partition(broker: Broker) -> None:
    topic = await topic_of(broker.address)
    await produce(broker.address, topic, [event(number) for number in range(500)])

    async with taking(settings_for(broker.address, topic)) as services:
        await until_stored(services, 500)
        found = ids(await log_of(services))

    assert found == [f"e{number}" for number in range(500)]


async def test_who_comes_back_goes_on_where_the_store_says(broker: Broker, tmp_path: Path) -> None:
    topic = await topic_of(broker.address)
    settings = settings_for(broker.address, topic)
    path = tmp_path / "stagefold.db"
    upgrade(path)
    await produce(broker.address, topic, [event(number) for number in range(10)])
    async with taking(settings, sqlite_store(path)) as services:
        await until_stored(services, 10)
    await produce(broker.address, topic, [event(number) for number in range(10, 20)])

    async with taking(settings, sqlite_store(path)) as services:
        await until_stored(services, 20)
        offsets = await services.store.look(consumed(topic))
        assert services.consumer is not None
        taken = services.consumer.figures.taken("accepted")

    assert (offsets, taken) == ({0: 20}, 10)


async def test_a_record_that_is_no_event_is_kept_and_holds_nobody_up(broker: Broker) -> None:
    topic = await topic_of(broker.address)
    await produce(broker.address, topic, [event(1), b"\xff\xfe", b"{}", event(2)])

    async with taking(settings_for(broker.address, topic)) as services:
        await until_stored(services, 2)
        page = await services.rejections.page(RejectedQuery("default"))

    kept = sorted((each.code, each.text, json.loads(each.record or "")) for each in page.rows)
    place = {"topic": topic, "partition": 0, "key": None, "headers": {}}
    assert kept == [
        ("malformed_utf8", b"\xff\xfe", {**place, "offset": 1}),
        ("type_missing", b"{}", {**place, "offset": 2}),
    ]
