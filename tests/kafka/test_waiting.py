"""What a process waits for, says so, and gets over by itself: a broker, a codec, its own return."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from service.adapters.kafka import KafkaRecords
from service.consuming.records import Place
from service.settings import Settings
from tests.crash.fleet import ROOT, Fleet
from tests.kafka.taking import (
    LOOK_SECONDS,
    WAIT_SECONDS_MAX,
    event,
    produce,
    settings_for,
    topic_of,
)
from tests.servers.kafka import Broker

pytestmark = pytest.mark.anyio

LONG_SESSION_SECONDS = 120.0


@asynccontextmanager
async def serving(
    broker: Broker, topic: str, folder: Path, **told: str
) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    """Serve in a process of its own, and lend what tells how that stands with Kafka."""
    settings = {
        "STAGEFOLD_DATA_DIR": str(folder),
        "STAGEFOLD_KAFKA_BOOTSTRAP_SERVERS": broker.address,
        "STAGEFOLD_KAFKA_TOPICS": topic,
        "STAGEFOLD_KAFKA_GROUP": topic,
    }
    fleet = Fleet(1, {**settings, **told}, folder)
    (process,) = fleet.processes

    async def told_of_kafka() -> str:
        answer = await fleet.client.get(f"{process.url}/readyz?verbose")
        assert answer.status_code == 200
        (line,) = [line for line in answer.text.splitlines() if "] kafka: " in line]
        return line

    try:
        await fleet.until_all_ready()
        yield told_of_kafka
    finally:
        await fleet.close()


async def until_told(how: Callable[[], Awaitable[str]], expected: str) -> None:
    """Wait until it stands as *expected*."""
    with anyio.fail_after(WAIT_SECONDS_MAX):
        while expected not in await how():  # noqa: ASYNC110 -- another process tells it
            await anyio.sleep(LOOK_SECONDS)


async def test_a_broker_that_is_away_at_the_start_is_waited_for(
    broker: Broker, tmp_path: Path
) -> None:
    """Requests are welcome meanwhile."""
    if not broker.is_ours:
        pytest.skip("the broker is somebody else's and is not to be ended")
    topic = await topic_of(broker.address)
    await produce(broker.address, topic, [event(1)])
    broker.crash()

    try:
        async with serving(broker, topic, tmp_path) as told:
            await until_told(told, "kafka: waiting: Kafka: KafkaConnectionError")
            broker.start()
            await until_told(told, "1 partitions, 0 records behind")
    finally:
        if not broker.is_alive:
            broker.start()


async def test_a_codec_that_is_not_installed_is_named_with_the_cure(
    broker: Broker, tmp_path: Path
) -> None:
    topic = await topic_of(broker.address)
    await produce(broker.address, topic, [event(1)], compression_type="zstd")
    absent = tmp_path / "cramjam.py"
    absent.write_text("raise ImportError('not installed')\n", encoding="utf-8")

    async with serving(broker, topic, tmp_path, PYTHONPATH=f"{tmp_path}:{ROOT}") as told:
        await until_told(told, "pip install 'stagefold[kafka]' reads lz4, snappy and zstd")


async def held_by(records: KafkaRecords, count: int) -> set[Place]:
    """Return the partitions of a member, once it has that many."""
    with anyio.fail_after(WAIT_SECONDS_MAX):
        while len(records.places()) != count:
            await records.take(1)
    return set(records.places())


def member(settings: Settings, name: str) -> KafkaRecords:
    """Return a member of that name."""
    return KafkaRecords(
        Settings(
            kafka_bootstrap_servers=settings.kafka_bootstrap_servers,
            kafka_topics=settings.kafka_topics,
            kafka_group=settings.kafka_group,
            kafka_session_seconds=LONG_SESSION_SECONDS,
            kafka_member=name,
        )
    )


async def test_a_member_that_comes_back_by_its_name_keeps_its_partitions(broker: Broker) -> None:
    """Nobody else is disturbed: no partition is handed out anew."""
    settings = settings_for(broker.address, await topic_of(broker.address, 4))
    first, second = member(settings, "pod-0"), member(settings, "pod-1")
    await first.join()
    await second.join()
    both = await _both(first, second)
    term = second.term

    await first.close()
    again = member(settings, "pod-0")
    await again.join()
    held = await held_by(again, 2)
    await second.take(1)

    assert held == both[0]
    assert (set(second.places()), second.term) == (both[1], term)
    await again.close()
    await second.close()


async def _both(first: KafkaRecords, second: KafkaRecords) -> tuple[set[Place], set[Place]]:
    """Return what each holds, once it is shared out; both have to take part in that."""
    with anyio.fail_after(WAIT_SECONDS_MAX):
        while (len(first.places()), len(second.places())) != (2, 2):
            await first.take(1)
            await second.take(1)
    return set(first.places()), set(second.places())
