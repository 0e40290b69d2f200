"""What all of these tests are lent: log lines that go where they should, and brokers to talk to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

from tests.servers.kafka import Broker, why_not
from tests.servers.mock_kafka import mocking


@pytest.fixture(autouse=True)
def _plain_logs() -> None:
    """Let no line go to a stream that an earlier test has closed."""
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def mock() -> Iterator[Broker]:
    """Lend an imitation of a broker, which is there on every machine."""
    with mocking() as lent:
        yield lent


@pytest.fixture(params=["mock", "broker"])
def any_broker(request: pytest.FixtureRequest) -> Broker:
    """Lend the imitation, and where one can be had a real broker."""
    lent = request.getfixturevalue(request.param)
    assert isinstance(lent, Broker)
    return lent


@pytest.fixture
def broker_at_hand(request: pytest.FixtureRequest) -> Broker:
    """Lend a real broker, or the imitation where none can be had."""
    lent = request.getfixturevalue("mock" if why_not() else "broker")
    assert isinstance(lent, Broker)
    return lent
