"""The feed written to a topic that obeys the test: at least once, in order, and nothing else."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from projections.asking import EVERYBODY
from projections.registers.published import Published, publish_on, published
from service.bootstrap import publishing
from service.consuming.reading import Said, said_by
from service.door.bounds import Bounds
from service.leases import Alone, Leases
from service.publishing.octets import RecordFormat
from service.publishing.publisher import Publication, Publisher
from service.publishing.topic import TopicUnavailable
from service.publishing.transitions import Transitions
from service.settings import Settings
from tests.http.conftest import Api, MakeApi, api, did, make_api
from tests.kafka.test_reading import Written
from tests.kafka.topics import MemoryTopic

__all__ = ["api", "make_api"]

pytestmark = pytest.mark.anyio

TOPIC = "lifecycle.transitions.v1"


@dataclass(frozen=True, slots=True)
class Out:
    """An application, and the topic that it writes to when the test says so."""

    api: Api
    topic: MemoryTopic
    publisher: Publisher

    async def write(self) -> None:
        """Write all there is."""
        while await self.publisher.page():
            pass

    async def position(self) -> int | None:
        """Return what is written down."""
        return await self.api.services.store.look(published(TOPIC, "default"), of=EVERYBODY)


def out_of(
    api: Api,
    topic: MemoryTopic | None = None,
    *,
    leases: Leases | None = None,
    form: RecordFormat = "binary",
    at_end: bool = False,
) -> Out:
    """Return something that writes to *topic*, and waits for it for a moment only."""
    made = topic or MemoryTopic()
    services = api.services
    publisher = Publisher(
        Publication(TOPIC, "default", at_end=at_end),
        Transitions(services.store, services.clock, "default", form),
        made,
        services.store,
        services.clock,
        leases=leases or Alone(),
        progress=services.progress,
        slice_seconds=0.001,
    )
    return Out(api, made, publisher)


class LostLeases(Alone):
    """Leases that are another's now."""

    async def hold(self, name: str) -> bool:
        """Tell that it is not ours."""
        del name
        return False


@pytest.fixture
async def out(make_api: MakeApi) -> AsyncIterator[Out]:
    found = out_of(await make_api())
    yield found
    await found.publisher.close()


async def test_a_transition_is_a_record_of_its_customer_with_its_id(out: Out) -> None:
    await out.api.send(did("ordered", "ann", "2026-03-01T12:00:00Z", amount=10))

    await out.write()
    await out.write()

    created, first, second = out.topic.records
    attributes = {name: value.decode() for name, value in second.headers}
    assert {each.key for each in out.topic.records} == {b"ann"}
    assert attributes == {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": json.loads(second.value)["transition_id"],
        "ce_source": "/lifecycle/default",
        "ce_type": "customer.stage.changed",
        "ce_time": "2026-03-01T12:00:00Z",
        "ce_subject": "ann",
        "ce_partitionkey": "ann",
        "ce_sequence": "0000000002",
    }
    assert dict(created.headers)["ce_type"] == b"customer.created"
    assert [json.loads(each.value)["to"] for each in (first, second)] == ["visitor", "customer"]


@pytest.mark.parametrize("form", ["binary", "structured"])
async def test_a_record_is_a_cloudevent_in_either_form(api: Api, form: RecordFormat) -> None:
    """Our own consumer reads it."""
    out = out_of(api, form=form)
    await api.send(did("ordered", "日本", "2026-03-01T12:00:00Z"))

    await out.write()

    record = out.topic.records[-1]
    headers = {name: value.decode() for name, value in record.headers}
    said = said_by(Written(record.value, headers), Bounds(), "")
    assert isinstance(said, Said)
    assert said.reading is not None
    event = json.loads(said.text)
    assert (event["subject"], event["type"]) == ("日本", "customer.stage.changed")
    assert event["data"]["to"] == "customer"


async def test_an_import_and_a_rebuild_write_nothing(out: Out) -> None:
    past = {"event": "ordered", "distinct_id": "ann", "timestamp": "2026-02-10T00:00:00Z"}
    body = {"batch": [past], "historical_migration": True}
    await out.api.client.post("/batch/", json=body)
    await out.api.client.post("/v1/rebuilds", json={"model": "shop"})
    while await out.api.services.rebuilds.round():
        pass

    await out.write()

    assert out.topic.records == []
    assert await out.position() == 2 == (await out.api.services.store.positions()).feed


async def test_a_page_that_was_not_written_down_is_written_again_by_the_same_ids(
    out: Out,
) -> None:
    await out.api.send(*(did("ordered", name, "2026-03-01T12:00:00Z") for name in ("ann", "bob")))
    out.topic.kept_of = 2
    with pytest.raises(TopicUnavailable):
        await out.write()
    assert await out.position() is None

    again = out_of(out.api, out.topic)
    await again.write()

    assert out.topic.ids[:2] == out.topic.ids[2:4]
    assert len(out.topic.once) == 6
    assert await out.position() == (await out.api.services.store.positions()).feed


async def test_what_holds_again_is_written_by_the_id_that_a_webhook_would_have(out: Out) -> None:
    early = {**did("ordered", "ann", "2026-02-10T00:00:00Z"), "id": "early"}
    await out.api.send(did("seen", "ann", "2026-02-20T00:00:00Z"), early)
    void = {"type": "$void", "customer_id": "ann", "properties": {"event_id": "early"}}
    await out.api.send({**void, "id": "v1"})
    await out.api.send({**did("ordered", "ann", "2026-02-10T00:00:00Z"), "id": "early-2"})

    await out.write()

    told = [
        (dict(each.headers)["ce_id"].decode(), json.loads(each.value))
        for each in out.topic.records
        if json.loads(each.value).get("to") == "customer"
    ]
    (first, transition), (second, again) = told
    assert transition["transition_id"] == again["transition_id"] == first
    assert second == f"{first}_{again['position']}"


async def test_of_two_writers_one_finds_that_the_other_has_been_there(out: Out) -> None:
    await out.api.send(did("ordered", "ann", "2026-03-01T12:00:00Z"))
    other = out_of(out.api, out.topic)
    at = Published(TOPIC, "default", 1, 0)
    write, stored = out.topic.write, out.api.services.store

    async def overtaken(records: object) -> None:
        await write(records)  # type: ignore[arg-type]  # as it was called
        await stored.carry(publish_on(at, expected=None))

    out.topic.write = overtaken  # type: ignore[method-assign]  # the other one is quicker
    await out.publisher.page()
    out.topic.write = write  # type: ignore[method-assign]  # as above
    assert (out.publisher.figures.fenced, await out.position()) == (1, 1)

    await other.write()

    assert len(out.topic.once) == 3


async def test_a_topic_that_is_away_holds_up_nothing_and_loses_nothing(out: Out) -> None:
    out.topic.is_away = True
    await out.api.send(did("ordered", "ann", "2026-03-01T12:00:00Z"))
    await out.publisher.round()

    answered = await out.api.send(did("ordered", "bob", "2026-03-01T13:00:00Z"))
    await out.publisher.round()
    figures = out.publisher.figures
    told = figures.told()
    await out.publisher.close()
    out.topic.is_away = False
    await out.write()

    assert answered.status_code == 200
    assert told == f"{TOPIC}: waiting: nothing is acknowledged, 4 records behind"
    assert figures.told() == f"{TOPIC}: writing, 0 records behind"
    assert [each.key for each in out.topic.once] == [b"ann"] * 3 + [b"bob"] * 3


async def test_who_is_not_to_write_gives_up_what_is_under_way(api: Api) -> None:
    out = out_of(api, leases=LostLeases())
    out.topic.is_away = True
    await api.send(did("ordered", "ann", "2026-03-01T12:00:00Z"))
    await out.publisher.page()

    assert not await out.publisher.round()

    assert out.topic.closed == 1
    assert out.publisher.figures.told() == f"{TOPIC}: another process writes"


async def test_a_topic_begun_at_the_end_holds_what_comes_from_then_on(api: Api) -> None:
    await api.send(did("ordered", "ann", "2026-03-01T12:00:00Z"))
    out = out_of(api, at_end=True)
    await out.write()
    await api.send(did("ordered", "bob", "2026-03-01T12:00:00Z"))

    await out.write()

    assert {each.key for each in out.topic.records} == {b"bob"}


async def test_figures_tell_what_was_written(api: Api) -> None:
    settings = Settings(kafka_transitions_topics=((TOPIC, ""),))
    services = publishing(replace(api.services, settings=settings), lambda _: MemoryTopic())
    await api.send(did("ordered", "ann", "2026-03-01T12:00:00Z"))
    await services.publishers[0].page()

    text = (await api.get("/metrics")).text

    kind = f'topic="{TOPIC}",type="customer.stage.changed"'
    assert f"stagefold_kafka_published_records_total{{{kind}}} 2.0" in text
    assert f'stagefold_kafka_published_lag_records{{topic="{TOPIC}"}} 0.0' in text
