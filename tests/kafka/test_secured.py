"""Brokers that ask who comes: TLS, certificates and passwords, in and out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from service.adapters.kafka import KafkaRecords, KafkaTopic
from service.consuming.records import RecordsUnavailable
from service.publishing.topic import Outgoing
from service.settings import Settings
from tests.kafka.taking import (
    event,
    ids,
    log_of,
    produce,
    settings_for,
    taking,
    topic_of,
    until_stored,
)
from tests.servers.kafka import NAME, PASSWORD, Broker, broking, why_not

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def secured() -> Iterator[Broker]:
    """Lend a broker with listeners for TLS and for passwords."""
    trouble = why_not()
    if trouble is not None:
        pytest.skip(trouble)
    with broking(is_secured=True) as lent:
        yield lent


def settings_of(secured: Broker, topic: str, how: str, **more: object) -> Settings:
    """Return settings that log in by the mechanism *how*, or show a certificate."""
    assert secured.folder is not None
    told: dict[str, object] = {"kafka_tls_ca": str(secured.folder / "authority.pem")}
    if how == "certificate":
        certificate = str(secured.folder / "client.pem")
        told |= {"kafka_security": "ssl", "kafka_tls_certificate": certificate}
        return settings_for(secured.mutual, topic, **{**told, **more})
    told |= {"kafka_security": "sasl_ssl", "kafka_sasl_mechanism": how}
    told |= {"kafka_username": NAME, "kafka_password": PASSWORD}
    return settings_for(secured.login, topic, **{**told, **more})


@pytest.mark.parametrize("how", ["certificate", "plain", "scram-sha-256", "scram-sha-512"])
async def test_records_come_in_and_go_out_over_tls(secured: Broker, how: str) -> None:
    topic = await topic_of(secured.address)
    settings = settings_of(secured, topic, how)
    await produce(secured.address, topic, [event(1)])
    out = KafkaTopic(settings, topic)

    await out.write([Outgoing(b"c2", event(2), [])])
    await out.close()
    async with taking(settings) as services:
        await until_stored(services, 2)
        found = ids(await log_of(services))

    assert found == ["e1", "e2"]


REFUSED = [
    ("a wrong password", "scram-sha-512", {"kafka_password": "another"}),
    ("an authority that nobody knows", "plain", {"kafka_tls_ca": ""}),
    ("no certificate", "certificate", {"kafka_tls_certificate": ""}),
]


@pytest.mark.parametrize(
    ("how", "wrong"), [pytest.param(*rest, id=name) for name, *rest in REFUSED]
)
async def test_who_is_refused_waits_and_says_what_to_look_at(
    secured: Broker, how: str, wrong: dict[str, object]
) -> None:
    topic = await topic_of(secured.address)
    settings = settings_of(secured, topic, how, **wrong)

    with pytest.raises(RecordsUnavailable, match="STAGEFOLD_KAFKA_SECURITY"):
        await KafkaRecords(settings).join()
