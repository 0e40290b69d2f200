"""Transitions in a topic of a real broker: none missing, in order for each customer.

Whoever drops repeated ids sees each transition once. `STAGEFOLD_TEST_KAFKA_KILLS` says how often
processes are killed while they write.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from projections.registers.published import published
from service.adapters.postgres import postgres_store
from service.ports import Store
from tests.crash.fleet import Fleet
from tests.kafka.taking import topic_of, until
from tests.servers.kafka import Broker
from tests.servers.postgres import PATIENT, Databases

pytestmark = pytest.mark.anyio

PARTITIONS = 4
CUSTOMERS = 25
KILLS = int(os.environ.get("STAGEFOLD_TEST_KAFKA_KILLS", "2"))
SENT_BETWEEN = 40
SECONDS_MAX = 600 + 60 * KILLS
MODEL = {
    "model": "turns",
    "initial": "even",
    "stages": [{"id": "even"}, {"id": "odd"}],
    "transitions": [
        {"id": "to-odd", "from": "even", "to": "odd", "on": "turned"},
        {"id": "to-even", "from": "odd", "to": "even", "on": "turned"},
    ],
}


class Load:
    """Customers who turn without an end; whatever was accepted is in the log."""

    def __init__(self, fleet: Fleet) -> None:
        """Nothing is sent yet."""
        self.sent = 0
        self._fleet = fleet
        self._is_enough = False

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Send until the end of the block."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._send)
            try:
                yield
            finally:
                self._is_enough = True

    async def more(self, count: int) -> None:
        """Wait until *count* more have been accepted."""
        wanted = self.sent + count
        await until(lambda: self.sent >= wanted)

    async def _send(self) -> None:
        while not self._is_enough:
            event = {"id": f"e{self.sent}", "type": "turned", "customer_id": self._customer()}
            while not await self._is_taken(event):  # noqa: ASYNC110 -- a process may be away
                await anyio.sleep(0.01)
            self.sent += 1

    def _customer(self) -> str:
        return f"c{self.sent % CUSTOMERS}"

    async def _is_taken(self, event: dict[str, str]) -> bool:
        process = self._fleet.processes[self.sent % len(self._fleet.processes)]
        try:
            answer = await self._fleet.client.post(f"{process.url}/v1/events", json=event)
        except httpx.TransportError:
            return False
        return answer.status_code in {200, 201}


async def all_of(address: str, topic: str) -> list[ConsumerRecord[bytes, bytes]]:
    """Return all that is in *topic*, partition by partition."""
    places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    found: list[ConsumerRecord[bytes, bytes]] = []
    async with AIOKafkaConsumer(bootstrap_servers=address) as consumer:
        consumer.assign(places)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(places)
        with anyio.fail_after(SECONDS_MAX):
            while any([await consumer.position(each) < ends[each] for each in places]):
                batches = await consumer.getmany(timeout_ms=500)
                found += [record for batch in batches.values() for record in batch]
    return found


async def told_of(store: Store) -> list[tuple[str, str]]:
    """Return the customer and the id of each transition of the feed, in order."""
    found: list[tuple[str, str]] = []
    after: int | None = 0
    while after is not None:
        page = await store.feed("default", after=after, limit=1_000)
        found += [(one.transition.subject.text, one.transition.id) for one in page.rows]
        after = page.next_after[0] if page.next_after else None  # type: ignore[assignment]  # a position
    return found


def changes_in(records: Sequence[ConsumerRecord[bytes, bytes]]) -> list[dict[str, Any]]:
    """Return what stage changes say, each once; repeats are of the same octets."""
    seen: dict[bytes, bytes] = {}
    found = []
    for record in records:
        headers = dict(record.headers)
        if headers["ce_type"] != b"customer.stage.changed":
            continue
        if headers["ce_id"] in seen:
            assert seen[headers["ce_id"]] == record.value
            continue
        seen[headers["ce_id"]] = record.value
        change = json.loads(record.value)
        assert record.key.decode() == change["customer_id"]
        found.append(change)
    return found


async def check(store: Store, address: str, topic: str) -> tuple[int, int]:
    """Make sure that *topic* has what the feed has; return how many records, and repeats."""
    feed = await told_of(store)
    records = await all_of(address, topic)
    changes = changes_in(records)
    for customer in {customer for customer, _ in feed}:
        expected = [one for whose, one in feed if whose == customer]
        found = [one["transition_id"] for one in changes if one["customer_id"] == customer]
        assert found == expected
    return len(records), len(records) - len({dict(each.headers)["ce_id"] for each in records})


async def until_written(store: Store, topic: str) -> None:
    """Wait until all of the feed is written; the test bounds the time."""
    while await _left(store, topic):  # noqa: ASYNC110 -- another process writes
        await anyio.sleep(0.05)


async def publish_model(fleet: Fleet) -> None:
    """Make the model active."""
    base = fleet.processes[0].url
    made = await fleet.client.put(f"{base}/v1/models/turns", json=MODEL)
    assert made.is_success, made.text
    activate = await fleet.client.post(
        f"{base}/v1/models/turns/versions/1/activate", json={"mode": "rebuild"}
    )
    assert activate.is_success, activate.text
    with anyio.fail_after(SECONDS_MAX):
        while not (await fleet.client.get(f"{base}/v1/models/turns/board")).is_success:  # noqa: ASYNC110 -- another process builds it
            await anyio.sleep(0.05)


async def test_processes_killed_while_they_write_leave_nothing_out(
    broker: Broker, databases: Databases, tmp_path: Path
) -> None:
    topic = await topic_of(broker.address, PARTITIONS)
    chance = random.Random(KILLS)  # noqa: S311 -- the same victims in every run
    async with databases.fresh() as url:
        told = {
            "STAGEFOLD_DATABASE_URL": url,
            "STAGEFOLD_KAFKA_BOOTSTRAP_SERVERS": broker.address,
            "STAGEFOLD_KAFKA_TOPICS": "none",
            "STAGEFOLD_KAFKA_TRANSITIONS_TOPICS": topic,
        }
        fleet = Fleet(2, told, tmp_path)
        store = await postgres_store(url, limits=PATIENT)
        load = Load(fleet)
        try:
            with anyio.fail_after(SECONDS_MAX):
                await fleet.until_all_ready()
                await publish_model(fleet)
                async with load.going_on():
                    for number in range(KILLS):
                        await load.more(SENT_BETWEEN)
                        await fleet.replace(chance.choice(fleet.processes))
                        if broker.is_ours and number == KILLS // 2:
                            broker.crash()
                            await load.more(SENT_BETWEEN)
                            broker.start()
                    await load.more(SENT_BETWEEN)
                await until_written(store, topic)
            records, repeats = await check(store, broker.address, topic)
            print(  # noqa: T201 -- for -s
                f"{KILLS} kills, {load.sent} events, {records} records, {repeats} of them repeats"
            )
        finally:
            await fleet.close()
            await store.close()


async def _left(store: Store, topic: str) -> bool:
    at = await store.look(published(topic, "default"), of="default")
    return at != (await store.positions()).feed
