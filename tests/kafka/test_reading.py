"""What records say: real producers' CloudEvents, ours, and everything that is neither."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from service.consuming.reading import Said, said_by
from service.door.bounds import Bounds
from service.door.cloudevents import CloudEventReading
from service.door.events import Door, Origin, Refused
from service.ports import NewEvent
from tests.kafka.taking import headers_of

BINARY = {
    "ce_id": "k-1",
    "ce_source": "/shop/日本",
    "ce_type": "order_completed",
    "ce_specversion": "1.0",
    "ce_subject": "user-1",
    "ce_time": "2025-03-01T12:00:01Z",
    "content-type": "application/json",
}
STRUCTURED = {
    "id": "k-2",
    "source": "/shop",
    "type": "order_completed",
    "specversion": "1.0",
    "subject": "user-1",
    "time": "2025-03-01T12:00:02Z",
    "data": {"order_id": "o-2"},
}


@dataclass(frozen=True, slots=True)
class Written:
    """A record as a test writes it."""

    value: bytes | None
    said: Mapping[str, str] = field(default_factory=dict)
    offset: int = 0
    timestamp: int = 1_740_830_401_000
    key: bytes | None = b"user-1"

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        """What stands beside the value."""
        return headers_of(self.said)


def event_in(record: Written) -> NewEvent | Refused:
    said = said_by(record, Bounds(), "")
    if isinstance(said, Refused):
        return said
    origin = Origin("default", "http", now=2**51, new_id=str, reading=said.reading)
    return Door(Bounds(), origin).check(said.text)


READ = [
    ("ours", Written(b'{"id":"n-1","type":"visited","customer_id":"user-1"}'), "n-1", "native"),
    ("binary", Written(b'{"order_id":"o-1"}', BINARY), "k-1", "cloudevents"),
    (
        "binary, as the JavaScript library writes it",
        Written(b"{}", {**BINARY, "ce_datacontenttype": "application/json"}),
        "k-1",
        "cloudevents",
    ),
    (
        "binary, in capitals",
        Written(b"{}", {name.upper(): value for name, value in BINARY.items()}),
        "k-1",
        "cloudevents",
    ),
    (
        "structured",
        Written(
            json.dumps(STRUCTURED).encode(),
            {"content-type": "application/cloudevents+json; charset=utf-8"},
        ),
        "k-2",
        "cloudevents",
    ),
    (
        "structured, by a producer without headers",
        Written(json.dumps(STRUCTURED).encode()),
        "k-2",
        "cloudevents",
    ),
    (
        "ours, with a property of that name",
        Written(b'{"id":"n-2","type":"x","customer_id":"c","properties":{"specversion":"1.0"}}'),
        "n-2",
        "native",
    ),
]


@pytest.mark.parametrize(
    ("record", "event_id", "api_format"),
    [pytest.param(*rest, id=name) for name, *rest in READ],
)
def test_a_record_is_read_by_what_it_says_of_itself(
    record: Written, event_id: str, api_format: str
) -> None:
    found = event_in(record)

    assert isinstance(found, NewEvent)
    assert (found.event_id, found.api_format) == (event_id, api_format)


def test_attributes_of_a_binary_event_are_plain_text() -> None:
    """The percent sign means nothing in a header of Kafka, other than in one of HTTP."""
    said = said_by(Written(b"{}", {**BINARY, "ce_subject": "50%25 日本"}), Bounds(), "")

    assert isinstance(said, Said)
    assert isinstance(said.reading, CloudEventReading)
    assert json.loads(said.text)["subject"] == "50%25 日本"


REFUSED = [
    ("bytes that are no text", Written(b"\xff\xfe"), "malformed_utf8"),
    ("no JSON", Written(b"{"), "malformed_json"),
    ("nothing", Written(b""), "malformed_json"),
    ("an array", Written(b"[]"), "not_an_object"),
    ("nobody named", Written(b'{"type":"visited"}'), "customer_missing"),
    ("binary with data that are no JSON", Written(b"{", BINARY), "malformed_json"),
    (
        "CloudEvents of another format",
        Written(b"x", {"content-type": "application/cloudevents+avro"}),
        "unsupported_format",
    ),
    ("another version", Written(b"{}", {**BINARY, "ce_specversion": "0.3"}), "wrong_specversion"),
    (
        "too long",
        Written(b'{"type":"x","customer_id":"c","properties":"' + b"y" * 70_000 + b'"}'),
        "event_too_large",
    ),
]


@pytest.mark.parametrize(
    ("record", "code"), [pytest.param(*rest, id=name) for name, *rest in REFUSED]
)
def test_what_is_no_event_is_refused_with_its_reason(record: Written, code: str) -> None:
    found = event_in(record)

    assert isinstance(found, Refused)
    assert found.faults[0].code == code
