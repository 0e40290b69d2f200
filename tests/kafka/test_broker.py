"""The broker that tests are lent takes records, and keeps them over a crash."""

from __future__ import annotations

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.servers.kafka import broking, why_not

pytestmark = pytest.mark.anyio


async def test_records_that_were_acknowledged_survive_a_crash_of_the_broker() -> None:
    trouble = why_not()
    if trouble is not None:
        pytest.skip(trouble)
    with broking() as broker:
        if not broker.is_ours:
            pytest.skip("the broker is somebody else's and is not to be ended")
        admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
        await admin.start()
        await admin.create_topics([NewTopic("kept", 1, 1)])
        await admin.close()
        async with AIOKafkaProducer(bootstrap_servers=broker.address) as producer:
            await producer.send_and_wait("kept", b"acknowledged", partition=0)

        broker.crash()
        broker.start()

        async with AIOKafkaConsumer(bootstrap_servers=broker.address) as consumer:
            consumer.assign([TopicPartition("kept", 0)])
            await consumer.seek_to_beginning()
            record = await consumer.getone()
    assert record.value == b"acknowledged"
