"""Kafka as a log of others: a group member by aiokafka.

Where reading begins is the consumer's affair, so the broker's memory of our offsets is never asked:
a partition that was not sought yet yields nothing. Rebalances run in the background of the client
(aiokafka issues 929, 933, 1084), so they only change the number of the term here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import (
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from service.adapters.kafka.connecting import connection_options, said_of
from service.consuming.records import OutOfRange, Place, Record, RecordsUnavailable
from service.settings import Settings

FETCHED_BYTES_MAX = 8 << 20
"""Of each broker, ready to be taken: what is held in memory beside one batch."""

FETCHED_OF_PARTITION_MAX = 1 << 20
WAIT_MILLISECONDS = 500
TELL_SECONDS_MAX = 5.0
CLOSE_SECONDS_MAX = 10.0
_HEARTBEATS = 10
_HEARTBEAT_SECONDS_MAX = 3.0

_log = structlog.get_logger("stagefold.kafka")


class _Terms(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka does not say that it is typed
    """Counts how often partitions were handed out or taken away."""

    def __init__(self) -> None:
        self.number = 0

    async def on_partitions_revoked(self, revoked: object) -> None:
        """Note that what was held is held no more."""
        del revoked
        self.number += 1

    async def on_partitions_assigned(self, assigned: object) -> None:
        """Note that something is held anew."""
        del assigned
        self.number += 1


class KafkaRecords:
    """Records of the topics that the settings name."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is connected yet.

        Raises:
            SettingsError: The settings contradict each other, or name files that cannot be read.
        """
        self._options = _options(settings)
        self._topics = [topic for topic, _ in settings.kafka_topics]
        self._terms = _Terms()
        self._consumer: AIOKafkaConsumer | None = None

    @property
    def term(self) -> int:
        return self._terms.number

    def places(self) -> Sequence[Place]:
        if self._consumer is None:
            return ()
        return [Place(each.topic, each.partition) for each in self._consumer.assignment()]

    async def join(self) -> None:
        if self._consumer is not None:
            return
        consumer = AIOKafkaConsumer(**self._options)
        consumer.subscribe(self._topics, listener=self._terms)
        self._terms.number += 1
        try:
            await consumer.start()
            self._consumer = consumer
        except KafkaError as error:
            raise RecordsUnavailable(said_of(error)) from error
        finally:
            if self._consumer is None:
                await _stopped(consumer)

    async def take(self, records_max: int) -> Mapping[Place, Sequence[Record]]:
        try:
            found = await self._joined.getmany(
                timeout_ms=WAIT_MILLISECONDS, max_records=records_max
            )
        except OffsetOutOfRangeError as error:
            raise OutOfRange(_places(error.args[0])) from error
        except NoOffsetForPartitionError:
            return {}
        except KafkaError as error:
            raise await self._left(error) from error
        return _places(found)

    def seek(self, place: Place, offset: int) -> None:
        try:
            self._joined.seek(TopicPartition(*place), offset)
        except IllegalStateError:
            return

    async def first_offsets(self, places: Sequence[Place]) -> Mapping[Place, int]:
        try:
            found = await self._joined.beginning_offsets([TopicPartition(*each) for each in places])
        except KafkaError as error:
            raise RecordsUnavailable(said_of(error)) from error
        return _places(found)

    async def end_offsets(self, places: Sequence[Place]) -> Mapping[Place, int]:
        try:
            found = await self._joined.end_offsets([TopicPartition(*each) for each in places])
        except KafkaError as error:
            raise RecordsUnavailable(said_of(error)) from error
        return _places(found)

    def known_ends(self) -> Mapping[Place, int]:
        consumer = self._joined
        ends = {each: consumer.highwater(each) for each in consumer.assignment()}
        return _places({each: end for each, end in ends.items() if end is not None})

    async def tell(self, offsets: Mapping[Place, int]) -> None:
        if self._consumer is None:
            return
        held = set(self.places())
        ours = {TopicPartition(*each): offset for each, offset in offsets.items() if each in held}
        if not ours:
            return
        try:
            async with asyncio.timeout(TELL_SECONDS_MAX):
                await self._consumer.commit(ours)
        except (KafkaError, TimeoutError) as error:
            _log.debug("offsets_not_told", why=str(error))

    async def close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await _stopped(consumer)

    @property
    def _joined(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise RecordsUnavailable("Kafka: no member of the group yet")
        return self._consumer

    async def _left(self, error: KafkaError) -> RecordsUnavailable:
        """Give the connection up; the next `join` makes another one."""
        self._terms.number += 1
        await self.close()
        return RecordsUnavailable(said_of(error))


_Found = TypeVar("_Found")


def _places(found: Mapping[TopicPartition, _Found]) -> dict[Place, _Found]:
    return {Place(each.topic, each.partition): value for each, value in found.items()}


async def _stopped(consumer: AIOKafkaConsumer) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS_MAX):
            await consumer.stop()
    except (KafkaError, TimeoutError) as error:
        _log.warning("kafka_not_left_in_order", why=str(error))


def _options(settings: Settings) -> dict[str, object]:
    """Return what aiokafka is told."""
    seconds = settings.kafka_session_seconds
    heartbeat = min(seconds / _HEARTBEATS, _HEARTBEAT_SECONDS_MAX)
    return {
        **connection_options(settings),
        "group_id": settings.kafka_group,
        "group_instance_id": settings.kafka_member or None,
        "session_timeout_ms": int(seconds * 1_000),
        "heartbeat_interval_ms": int(heartbeat * 1_000),
        "auto_offset_reset": "none",
        "enable_auto_commit": False,
        "isolation_level": "read_committed",
        "fetch_max_bytes": FETCHED_BYTES_MAX,
        "max_partition_fetch_bytes": FETCHED_OF_PARTITION_MAX,
    }
