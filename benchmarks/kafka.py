"""Events from Kafka: how many are taken in a second, beside two ceilings of the same run.

    python -m benchmarks.kafka [--events 60000]

A broker of our own, one topic of four partitions, SQLite, events folded by one model as they are
stored. The ceilings: aiokafka reading the same records with nothing done to them, and four clients
that post the same events over HTTP in batches of 1,000. It says NOT RUN where there is no broker.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.figures import Figure, ratio, say
from benchmarks.fold import MODEL
from benchmarks.load import loaded
from benchmarks.serving import stagefold
from benchmarks.workload import batches, events, publish_model
from service.access.keys import DEFAULT_TENANT
from service.adapters.sqlite import sqlite_store
from service.schema import upgrade
from service.services import Services
from tests.kafka.taking import produce, settings_for, taking, topic_of, until_stored
from tests.servers.kafka import broking, why_not

PARTITIONS = 4
CLIENTS = 4
SIZE = 1_000
TAKEN_AT_ONCE = 2_000
ROUNDS = 3


async def read_only(address: str, topic: str, count: int) -> float:
    """Return how many records a second aiokafka reads."""
    async with AIOKafkaConsumer(bootstrap_servers=address) as consumer:
        places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        consumer.assign(places)
        await consumer.seek_to_beginning()
        begun, found = time.perf_counter(), 0
        while found < count:
            batch = await consumer.getmany(timeout_ms=500, max_records=TAKEN_AT_ONCE)
            found += sum(map(len, batch.values()))
        return count / (time.perf_counter() - begun)


async def publish(services: Services) -> None:
    """Make the model of the other benchmarks active."""
    draft = services.catalogue.read(json.dumps(MODEL).encode(), "application/json")
    version = await services.catalogue.put(draft, tenant=DEFAULT_TENANT, author="benchmark")
    await services.catalogue.activate_and_wait(version)


async def taken_in(address: str, topic: str, count: int) -> float:
    """Return how many events a second are stored and folded, from the first batch on."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stagefold.db"
        upgrade(path)
        settings = settings_for(address, topic)
        async with taking(settings, sqlite_store(path), prepare=publish) as services:
            await until_stored(services, 1)
            begun, first = time.perf_counter(), (await services.store.positions()).head
            await until_stored(services, count)
            return (count - first) / (time.perf_counter() - begun)


def posted(count: int) -> float:
    """Return how many events a second are taken in over HTTP."""
    with tempfile.TemporaryDirectory() as folder, stagefold(Path(folder)) as port:
        publish_model(port)
        return loaded(port, CLIENTS, batches(count, SIZE, "load")) * SIZE


async def measure(address: str, count: int) -> list[tuple[float, float, float]]:
    """Return rounds of (taken in, read only, posted), in turns."""
    values = [json.dumps(each).encode() for each in events(count, "load")]
    found = []
    for _ in range(ROUNDS):
        topic = await topic_of(address, PARTITIONS)
        await produce(address, topic, values, PARTITIONS)
        taken = await taken_in(address, topic, count)
        raw = await read_only(address, topic, count)
        found.append((taken, raw, await asyncio.to_thread(posted, count)))
    return found


def main() -> None:
    """Tell the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=60_000)
    arguments = parser.parse_args()
    trouble = why_not()
    if trouble is not None:
        say(Figure("K1", "Kafka: events taken in", None, detail=trouble))
        return
    with broking() as broker:
        rounds = asyncio.run(measure(broker.address, arguments.events))
    beside_http = [(taken, http) for taken, _, http in rounds]
    beside_raw = [(taken, raw) for taken, raw, _ in rounds]
    say(_told("K1", "Kafka: taken in ÷ posted in batches of 1,000", beside_http))
    say(_told("K2", "Kafka: taken in ÷ read only", beside_raw))


def _told(id_: str, what: str, rounds: list[tuple[float, float]]) -> Figure:
    """Return the ratio; nothing is owed."""
    return replace(ratio(id_, what, rounds, 0.0, "events/s"), owed=None)


if __name__ == "__main__":
    main()
