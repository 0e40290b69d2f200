"""What tests of the consumer share: topics, producers, and services that take records in."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import anyio
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from service.adapters.kafka import KafkaRecords
from service.adapters.memory import memory_store
from service.adapters.system import SystemClock, SystemRandomness
from service.bootstrap import assemble, close, taking_in
from service.ports import Store, StoredEvent
from service.services import Services
from service.settings import Settings
from tests.servers.kafka import Broker

WAIT_SECONDS_MAX = 120
LOOK_SECONDS = 0.05
SESSION_SECONDS = 6.0
_numbers = itertools.count(1)


async def any_topic(broker: Broker, partitions: int = 1) -> str:
    """Make a topic that has at least so many partitions, and return its name."""
    if not broker.is_mock:
        return await topic_of(broker.address, partitions)
    name = _new_name()
    async with AIOKafkaProducer(bootstrap_servers=broker.address) as producer:
        found = await producer.partitions_for(name)
    assert len(found) >= partitions
    return name


async def topic_of(address: str, partitions: int = 1) -> str:
    """Make a topic that nobody else uses and return its name."""
    name = _new_name()
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, partitions, 1)])
    finally:
        await admin.close()
    return name


def _new_name() -> str:
    return f"stagefold.test.{os.getpid()}.{os.urandom(3).hex()}.{next(_numbers)}"


def event(number: int, **members: object) -> bytes:
    """Return an event of one of a hundred customers."""
    item = {"id": f"e{number}", "type": "visited", "customer_id": f"c{number % 100}", **members}
    return json.dumps(item).encode()


async def produce(
    address: str,
    topic: str,
    values: Sequence[bytes],
    partitions: int = 1,
    **options: object,
) -> None:
    """Write *values* to the partitions of *topic* in turn; *options* are aiokafka's."""
    async with AIOKafkaProducer(bootstrap_servers=address, **options) as producer:
        for number, value in enumerate(values):
            await producer.send(topic, value, partition=number % partitions)
        await producer.flush()


async def produce_keyed(
    address: str, topic: str, pairs: Sequence[tuple[bytes, bytes | None]]
) -> None:
    """Write keys and values to the first partition of *topic*."""
    async with AIOKafkaProducer(bootstrap_servers=address) as producer:
        for key, value in pairs:
            await producer.send_and_wait(topic, value, key=key, partition=0)


def settings_for(address: str, topic: str, **more: object) -> Settings:
    """Return settings of a process that takes *topic* in."""
    told = {
        "kafka_bootstrap_servers": (address,),
        "kafka_topics": ((topic, ""),),
        "kafka_group": topic,
        "kafka_session_seconds": SESSION_SECONDS,
        "models": ("none",),
    }
    return Settings(**{**told, **more})  # type: ignore[arg-type]  # by their names


@asynccontextmanager
async def taking(
    settings: Settings,
    store: Store | None = None,
    *,
    prepare: Callable[[Services], Awaitable[None]] | None = None,
) -> AsyncIterator[Services]:
    """Take records in until the end of the block; *prepare* comes first."""
    empty = assemble(settings, store or memory_store(), SystemClock(), SystemRandomness())
    services = taking_in(empty, KafkaRecords(settings))
    services.appender.start()
    if prepare is not None:
        await prepare(services)
    assert services.consumer is not None
    services.loops.start("kafka", services.consumer.round, pause_seconds=0.1)
    try:
        yield services
    finally:
        await close(services)


async def log_of(services: Services) -> list[StoredEvent]:
    """Return the whole log of the default tenant."""
    found: list[StoredEvent] = []
    while rows := (await services.store.log("default", after=len(found), limit=1_000)).rows:
        found += rows
    return found


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something is so."""
    with anyio.fail_after(WAIT_SECONDS_MAX):
        while not holds():  # noqa: ASYNC110 -- what is waited for tells nobody
            await anyio.sleep(LOOK_SECONDS)


async def until_stored(services: Services, count: int) -> None:
    """Wait until the log has *count* events."""
    with anyio.fail_after(WAIT_SECONDS_MAX):
        while (await services.store.positions()).head < count:
            await services.progress.changed(timeout_seconds=LOOK_SECONDS)


async def until_head(store: Store, count: int) -> None:
    """Wait until the log that others write has *count* events; their tests bound the time."""
    while (await store.positions()).head < count:  # noqa: ASYNC110 -- another process writes it
        await anyio.sleep(LOOK_SECONDS)


def ids(events: Sequence[StoredEvent]) -> list[str]:
    """Return the ids of *events*."""
    return [each.event_id for each in events]


def headers_of(pairs: Mapping[str, str]) -> list[tuple[str, bytes]]:
    """Return *pairs* as a record has them."""
    return [(name, value.encode()) for name, value in pairs.items()]
