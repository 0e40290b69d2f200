"""What was refused goes to a topic: once for each record, in order, with reason and octets."""

from __future__ import annotations

import base64
import json
from typing import Any

import anyio
import pytest
from aiokafka import AIOKafkaConsumer

from service.adapters.kafka import KafkaTopic
from service.bootstrap import publishing
from service.leases import Alone
from service.publishing.composing import publishers_of
from service.publishing.publisher import Publication, Publisher
from service.publishing.refusals import Refusals
from service.publishing.topic import TopicUnavailable
from service.settings import Settings, SettingsError
from tests.http.conftest import Api, api, make_api
from tests.kafka.taking import (
    WAIT_SECONDS_MAX,
    any_topic,
    event,
    produce,
    settings_for,
    taking,
    until_stored,
)
from tests.kafka.topics import MemoryTopic
from tests.servers.kafka import Broker

__all__ = ["api", "make_api"]

pytestmark = pytest.mark.anyio

TOPIC = "lifecycle.rejected.v1"


def publisher_of(api: Api, topic: MemoryTopic) -> Publisher:
    """Return what writes the refusals of the default tenant to *topic*."""
    services = api.services
    return Publisher(
        Publication(TOPIC, "default"),
        Refusals(services.store, "default"),
        topic,
        services.store,
        services.clock,
        leases=Alone(),
        progress=services.progress,
    )


async def write(publisher: Publisher) -> None:
    """Write all there is."""
    while await publisher.page():
        pass


async def test_what_http_refuses_is_told_once_with_the_reason(api: Api) -> None:
    topic = MemoryTopic()
    publisher = publisher_of(api, topic)
    await api.send({"id": "e-1", "customer_id": "ann"})
    await write(publisher)
    await api.send({"id": "e-1", "customer_id": "ann"}, {"id": "e-2", "type": "seen"})

    await write(publisher)

    first, second = topic.records
    told = json.loads(first.value)
    headers = {name: value.decode() for name, value in first.headers}
    assert (first.key, second.key) == (b"/v1/events", b"/v1/events")
    assert json.loads(told["text"]) == {"id": "e-1", "customer_id": "ann"}
    assert (told["error"]["code"], told["record"], told["whole"]) == ("type_missing", None, True)
    assert (headers["ce_type"], headers["ce_id"]) == ("event.rejected", told["id"])
    assert json.loads(second.value)["event_id"] == "e-2"


async def test_what_was_not_acknowledged_is_told_again_by_the_same_ids(api: Api) -> None:
    topic = MemoryTopic()
    topic.kept_of = 1
    await api.send({"id": "e-1", "customer_id": "ann"}, {"id": "e-2", "customer_id": "ann"})
    with pytest.raises(TopicUnavailable):
        await write(publisher_of(api, topic))

    await write(publisher_of(api, topic))

    assert topic.ids[0] == topic.ids[1]
    assert [json.loads(each.value)["event_id"] for each in topic.once] == ["e-1", "e-2"]


async def test_figures_tell_of_both_kinds_of_topics(api: Api) -> None:
    services = api.services
    settings = Settings(
        kafka_transitions_topics=(("told", ""),), kafka_rejected_topics=((TOPIC, ""),)
    )
    made = publishers_of(
        settings,
        lambda _: MemoryTopic(),
        store=services.store,
        clock=services.clock,
        leases=Alone(),
        progress=services.progress,
        metrics=services.metrics,
    )
    await api.send({"id": "e-1", "customer_id": "ann"})
    await write(made[1])

    text = (await api.get("/metrics")).text

    assert [each.name for each in made] == ["kafka-transitions", "kafka-rejected"]
    labels = f'topic="{TOPIC}",type="event.rejected"'
    assert f"stagefold_kafka_published_records_total{{{labels}}} 1.0" in text


@pytest.mark.parametrize("other", ["kafka_topics", "kafka_transitions_topics"])
async def test_a_topic_for_refusals_is_for_nothing_else(api: Api, other: str) -> None:
    """Else what is refused would be read, refused and told again without an end."""
    told = {"kafka_rejected_topics": ((TOPIC, ""),), other: ((TOPIC, ""),)}
    settings = Settings(**told)  # type: ignore[arg-type]  # by their names

    with pytest.raises(SettingsError, match="STAGEFOLD_KAFKA_REJECTED_TOPICS"):
        publishers_of(
            settings,
            lambda _: MemoryTopic(),
            store=api.services.store,
            clock=api.services.clock,
            leases=Alone(),
            progress=api.services.progress,
            metrics=api.services.metrics,
        )


async def test_records_that_are_no_events_come_out_with_their_place_and_octets(
    any_broker: Broker,
) -> None:
    topic, out = await any_topic(any_broker), await any_topic(any_broker)
    await produce(any_broker.address, topic, [b"{}", b"\xff\xfe", event(1)])
    settings = settings_for(any_broker.address, topic, kafka_rejected_topics=((out, ""),))

    async with taking(settings) as taken:
        await until_stored(taken, 1)
        services = publishing(taken, lambda name: KafkaTopic(settings, name))
        (publisher,) = services.publishers
        await write(publisher)
        await publisher.close()
    found = await read(any_broker, out, 2)

    assert [(each["record"]["topic"], each["record"]["partition"]) for each in found] == [
        (topic, 0),
        (topic, 0),
    ]
    assert [each["record"]["offset"] for each in found] == [0, 1]
    assert [each["error"]["code"] for each in found] == ["type_missing", "malformed_utf8"]
    assert (found[0]["text"], found[1]["text"]) == ("{}", None)
    assert base64.b64decode(found[1]["text_base64"]) == b"\xff\xfe"


async def read(broker: Broker, topic: str, count: int) -> list[dict[str, Any]]:
    """Return what *count* records of a topic say."""
    reader = AIOKafkaConsumer(topic, bootstrap_servers=broker.address, auto_offset_reset="earliest")
    async with reader:
        with anyio.fail_after(WAIT_SECONDS_MAX):
            records = [await reader.getone() for _ in range(count)]
    return [json.loads(each.value) for each in records]
