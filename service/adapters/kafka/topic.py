"""A topic of Kafka that is written by an idempotent producer of aiokafka.

A record batch is put together for each partition and sent when the one before it is acknowledged by
all replicas in sync. So a batch that is refused, or given up, has nothing of its partition behind
it: the order of a key holds whatever happens, also where a page is begun anew.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, UnknownTopicOrPartitionError
from aiokafka.partitioner import DefaultPartitioner

from service.adapters.kafka.connecting import connection_options, said_of
from service.publishing.topic import Outgoing, TopicUnavailable
from service.settings import Settings

BATCH_BYTES_MAX = 512 << 10
"""Of a record batch, so that a broker with its defaults takes it; a longer record goes alone."""

REQUEST_MILLISECONDS = 15_000
RETRY_MILLISECONDS = 500
CLOSE_SECONDS_MAX = 5.0

_partition_of = DefaultPartitioner()
_log = structlog.get_logger("stagefold.kafka")


class KafkaTopic:
    """One topic; it connects when something is written."""

    def __init__(self, settings: Settings, name: str) -> None:
        """Nothing is connected yet.

        Raises:
            SettingsError: The settings contradict each other, or name files that cannot be read.
        """
        self._options = {
            **connection_options(settings),
            "acks": "all",
            "enable_idempotence": True,
            "request_timeout_ms": REQUEST_MILLISECONDS,
            "max_batch_size": BATCH_BYTES_MAX,
            "retry_backoff_ms": RETRY_MILLISECONDS,
        }
        self._name = name
        self._producer: AIOKafkaProducer | None = None
        self._is_settled = True

    async def write(self, records: Sequence[Outgoing]) -> None:
        if not records:
            return
        try:
            producer = await self._connected()
            waiting = await self._by_partition(producer, records)
            while waiting:
                await self._send(producer, waiting)
                waiting = {number: rest for number, rest in waiting.items() if rest}
        except KafkaError as error:
            await self.close()
            raise TopicUnavailable(self._why(error)) from error

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is None:
            return
        if self._is_settled:
            await _ended(producer)
        else:
            await _dropped(producer)
        self._is_settled = True

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is not None:
            return self._producer
        producer = AIOKafkaProducer(**self._options)
        try:
            await producer.start()
            self._producer = producer
        finally:
            if self._producer is None:
                await _ended(producer)
        return producer

    async def _by_partition(
        self, producer: AIOKafkaProducer, records: Iterable[Outgoing]
    ) -> dict[int, deque[Outgoing]]:
        """Return *records* by the partitions that Kafka's own clients choose for their keys."""
        numbers = sorted(await producer.partitions_for(self._name))
        found: dict[int, deque[Outgoing]] = {}
        for record in records:
            number = _partition_of(record.key, numbers, numbers)
            found.setdefault(number, deque()).append(record)
        return found

    async def _send(self, producer: AIOKafkaProducer, waiting: dict[int, deque[Outgoing]]) -> None:
        """Send a batch to each partition, and wait until all of them are kept."""
        self._is_settled = False
        sent = []
        for number, records in waiting.items():
            batch = producer.create_batch()
            while records:
                record = records[0]
                # Its time is that of writing: retention goes by it, and the past is not to be
                # removed at once.
                added = batch.append(
                    timestamp=None, key=record.key, value=record.value, headers=record.headers
                )
                if added is None:
                    break
                records.popleft()
            batch.close()
            sent.append(await producer.send_batch(batch, self._name, partition=number))
        await asyncio.gather(*sent)
        self._is_settled = True

    def _why(self, error: KafkaError) -> str:
        if isinstance(error, MessageSizeTooLargeError):
            cure = f"raise max.message.bytes of {self._name}"
            return f"Kafka: a record is longer than the topic takes; {cure}"
        if isinstance(error, UnknownTopicOrPartitionError):
            return f"Kafka: there is no topic {self._name}, or we may not see it; make it"
        return said_of(error)


async def _ended(producer: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS_MAX):
            await producer.stop()
    except (KafkaError, TimeoutError) as error:
        _log.warning("kafka_not_left_in_order", why=str(error))


async def _dropped(producer: AIOKafkaProducer) -> None:
    """End *producer* without what waits to be acknowledged, which it would try for ever.

    aiokafka only ends a producer whose records are all settled, so its parts are ended one by one.
    """
    producer._closed = True  # noqa: SLF001 -- as said above
    with suppress(KafkaError, TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS_MAX):
            await producer.client.close()
            await producer._sender.close()  # noqa: SLF001 -- as said above
