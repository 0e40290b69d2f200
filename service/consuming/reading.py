"""What a record says: our own JSON, or a CloudEvent in one of two ways.

By the Kafka protocol binding of CloudEvents 1.0.2, §3: the header `content-type` tells a structured
event, `ce_specversion` a binary one. Everything else is JSON; where that has a `specversion` it is
a structured event of a producer that writes no headers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from service.consuming.records import Record
from service.door.bounds import Bounds
from service.door.cloudevents import CloudEventReading, event_of
from service.door.events import Refused
from service.door.faults import Fault
from service.door.readings import Reading
from service.errors import Problem

ATTRIBUTE_PREFIX = "ce_"
CONTENT_TYPE = "content-type"
TRACEPARENT = "traceparent"
_STRUCTURED = "application/cloudevents+json"
_OF_CLOUDEVENTS = "application/cloudevents"
_MARK = '"specversion"'


class _Marked(msgspec.Struct):
    """What tells a structured event from one of ours."""

    specversion: object = None


_look = msgspec.json.Decoder(_Marked).decode


@dataclass(frozen=True, slots=True)
class Said:
    """The text of an event, and what reads it; None for our own words."""

    text: str
    reading: Reading | None = None


def said_by(record: Record, bounds: Bounds, customer_pointer: str) -> Said | Refused:
    """Return what *record* says, or why it says nothing. It has a value."""
    value = record.value or b""
    try:
        headers = _texts(record.headers)
    except UnicodeDecodeError as error:
        return _refused("bad_header", f"a header is not UTF-8: {error.object[:60]!a}")
    names = [name for name, _ in headers]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        if twice == CONTENT_TYPE or twice.startswith(ATTRIBUTE_PREFIX):
            return _refused("bad_header", f"header {twice[:60]!a} is given more than once")
    given = dict(headers)
    content_type = given.get(CONTENT_TYPE, "")
    media_type = content_type.partition(";")[0].strip().lower()
    cloud_event = CloudEventReading(customer_pointer)
    if media_type.startswith(_OF_CLOUDEVENTS) and media_type != _STRUCTURED:
        return _refused("unsupported_format", f"expected {_STRUCTURED}, found {media_type[:60]}")
    if "ce_specversion" in given and media_type != _STRUCTURED:
        return _binary(given, content_type, value, bounds, cloud_event)
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        return _refused("malformed_utf8", f"the value is not UTF-8 at byte {error.start}")
    is_structured = media_type == _STRUCTURED or (_MARK in text and _names_a_version(text))
    return Said(text, cloud_event if is_structured else None)


def _names_a_version(text: str) -> bool:
    try:
        return _look(text).specversion is not None
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False  # the door says what is wrong with it


def _texts(headers: Sequence[tuple[str, bytes]]) -> list[tuple[str, str]]:
    return [(name.lower(), (value or b"").decode()) for name, value in headers]


def _binary(
    given: dict[str, str],
    content_type: str,
    value: bytes,
    bounds: Bounds,
    reading: CloudEventReading,
) -> Said | Refused:
    attributes = {
        name.removeprefix(ATTRIBUTE_PREFIX): text
        for name, text in given.items()
        if name.startswith(ATTRIBUTE_PREFIX)
    }
    try:
        return Said(event_of(attributes, content_type, value, bounds), reading)
    except Problem as problem:
        return _refused(problem.code, problem.message)


def _refused(code: str, message: str) -> Refused:
    return Refused(None, (Fault("", code, message),))
