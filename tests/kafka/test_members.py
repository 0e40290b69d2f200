"""Members of a group over one database: each record becomes one event, whoever comes and goes.

The events have no ids of their own, so a record that were taken in again would be a duplicate; none
of the members may see one. `STAGEFOLD_TEST_KAFKA_KILLS` says how often processes are killed.
"""

from __future__ import annotations

import os
import random
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from aiokafka import AIOKafkaProducer

from projections.asking import EVERYBODY
from projections.registers.consumed import consumed
from service.adapters.postgres import postgres_store
from service.ports import Store
from tests.crash.fleet import Fleet, Process
from tests.kafka.taking import (
    SESSION_SECONDS,
    event,
    settings_for,
    taking,
    topic_of,
    until,
    until_head,
    until_stored,
)
from tests.servers.kafka import Broker
from tests.servers.postgres import PATIENT, Databases

pytestmark = pytest.mark.anyio

PARTITIONS = 4
KILLS = int(os.environ.get("STAGEFOLD_TEST_KAFKA_KILLS", "2"))
RECORDS_BETWEEN = 300
PAUSE_SECONDS = 0.002
SECONDS_MAX = 600 + 60 * KILLS


class Load:
    """Records written without an end, so that members come and go among them."""

    def __init__(self, address: str, topic: str) -> None:
        """Nothing is written yet."""
        self.written = 0
        self._address = address
        self._topic = topic
        self._is_enough = False

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[Load]:
        """Write until the end of the block; what was written is acknowledged then."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._write)
            try:
                yield self
            finally:
                self._is_enough = True

    async def more(self, count: int) -> None:
        """Wait until *count* more have been written."""
        wanted = self.written + count
        await until(lambda: self.written >= wanted)

    async def _write(self) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self._address, enable_idempotence=True)
        async with producer:
            while not self._is_enough:
                partition = self.written % PARTITIONS
                await producer.send_and_wait(self._topic, self._value(), partition=partition)
                self.written += 1
                await anyio.sleep(PAUSE_SECONDS)

    def _value(self) -> bytes:
        return event(self.written, id=None)


async def events_by_id(store: Store) -> Counter[str]:
    """Return how often each id is in the log."""
    found: Counter[str] = Counter()
    after = 0
    while rows := (await store.log("default", after=after, limit=1_000)).rows:
        found.update(each.event_id for each in rows)
        after = rows[-1].position
    return found


async def check(store: Store, topic: str, written: int) -> None:
    """Make sure that each of *written* records is one event, and that offsets say so."""
    found = await events_by_id(store)
    offsets = await store.look(consumed(topic), of=EVERYBODY)
    expected = {f"{topic}/{each}@{offset}" for each in offsets for offset in range(offsets[each])}
    assert set(found) == expected
    assert set(found.values()) <= {1}
    assert sum(offsets.values()) == written


async def test_members_that_come_and_go_under_load_take_each_record_once(
    broker: Broker, databases: Databases
) -> None:
    topic = await topic_of(broker.address, PARTITIONS)
    settings = settings_for(broker.address, topic)
    load = Load(broker.address, topic)
    async with (
        databases.fresh() as url,
        taking(settings, await postgres_store(url, limits=PATIENT)) as last,
    ):
        assert last.consumer is not None
        async with load.going_on():
            await load.more(RECORDS_BETWEEN)
            async with taking(settings, await postgres_store(url, limits=PATIENT)) as first:
                assert first.consumer is not None
                figures = first.consumer.figures
                await until(lambda: figures.taken("accepted") > 0)
                await load.more(RECORDS_BETWEEN)
            await load.more(RECORDS_BETWEEN)
        await until_stored(last, load.written)
        duplicates = last.consumer.figures.taken("duplicate") + figures.taken("duplicate")

        await check(last.store, topic, load.written)
    assert duplicates == 0


async def test_a_broker_that_crashes_under_load_is_waited_for(
    broker: Broker, databases: Databases
) -> None:
    if not broker.is_ours:
        pytest.skip("the broker is somebody else's and is not to be ended")
    topic = await topic_of(broker.address, PARTITIONS)
    load = Load(broker.address, topic)
    async with databases.fresh() as url:
        store = await postgres_store(url, limits=PATIENT)
        async with taking(settings_for(broker.address, topic), store) as services:
            async with load.going_on():
                await load.more(RECORDS_BETWEEN)
                broker.crash()
                assert (await services.store.positions()).head <= load.written + 1
                broker.start()
                await load.more(RECORDS_BETWEEN)
            await until_stored(services, load.written)

            await check(services.store, topic, load.written)


async def duplicates_of(fleet: Fleet, process: Process) -> float:
    """Return how many duplicates a process has seen."""
    text = (await fleet.client.get(f"{process.url}/metrics")).text
    found = re.search(r'_kafka_records_total{outcome="duplicate"} (\S+)', text)
    return float(found[1]) if found else 0.0


async def test_processes_killed_under_load_take_each_record_once(
    broker: Broker, databases: Databases, tmp_path: Path
) -> None:
    topic = await topic_of(broker.address, PARTITIONS)
    chance = random.Random(KILLS)  # noqa: S311 -- the same victims in every run
    load = Load(broker.address, topic)
    async with databases.fresh() as url:
        told = {
            "STAGEFOLD_DATABASE_URL": url,
            "STAGEFOLD_KAFKA_BOOTSTRAP_SERVERS": broker.address,
            "STAGEFOLD_KAFKA_TOPICS": topic,
            "STAGEFOLD_KAFKA_GROUP": topic,
            "STAGEFOLD_KAFKA_SESSION_SECONDS": str(SESSION_SECONDS),
        }
        fleet = Fleet(2, told, tmp_path)
        store = await postgres_store(url, limits=PATIENT)
        duplicates = 0.0
        try:
            with anyio.fail_after(SECONDS_MAX):
                await fleet.until_all_ready()
                async with load.going_on():
                    for _ in range(KILLS):
                        before = (await store.positions()).head
                        await until_head(store, before + RECORDS_BETWEEN)
                        victim = chance.choice(fleet.processes)
                        duplicates += await duplicates_of(fleet, victim)
                        await fleet.replace(victim)
                await until_head(store, load.written)
                for process in fleet.processes:
                    duplicates += await duplicates_of(fleet, process)
            await check(store, topic, load.written)
            print(f"{KILLS} kills, {load.written} records, {fleet.figures()}")  # noqa: T201 -- for -s
        finally:
            await fleet.close()
            await store.close()
    assert duplicates == 0
