"""librdkafka's imitation of a Kafka cluster, inside of the test's process: there at once, and gone.

It speaks the protocol, so the real clients of the service read it and write to it. What it cannot
do needs a broker: make topics on request, mark transactions that were given up, outlive a crash,
and share partitions out anew among several members. Of two members of aiokafka one is answered
`InvalidRequest` to its SyncGroup, after which both rejoin without an end (librdkafka 2.16). A group
waits three seconds for its first member, which nothing but C code can change.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Producer

from tests.servers.kafka import Broker

PARTITIONS = 4
"""So many has each of its topics."""

_NO_SERVER = "imitated:9092"
_QUIET = 3
_SECONDS_MAX = 60.0


@contextmanager
def mocking() -> Iterator[Broker]:
    """Lend an imitation of a broker; it lives as long as the client that holds it."""
    told = {"bootstrap.servers": _NO_SERVER, "test.mock.num.brokers": 1, "log_level": _QUIET}
    holder = Producer(told)
    (one,) = holder.list_topics(timeout=_SECONDS_MAX).brokers.values()
    yield Broker(f"{one.host}:{one.port}", is_mock=True)
    holder.flush(_SECONDS_MAX)
