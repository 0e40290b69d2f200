"""The readings there are, and how one is written down to be made again later."""

from __future__ import annotations

import msgspec

from service.door.cloudevents import CloudEventReading
from service.door.posthog import PosthogReading
from service.door.readings import Reading
from service.door.segment import SegmentReading


class _Inherited(msgspec.Struct, omit_defaults=True):
    """What a call of the Segment family inherits from its request."""

    call: str | None = None
    said: dict[str, object] = {}


_decode = msgspec.json.Decoder(_Inherited).decode
_encode = msgspec.json.Encoder().encode


def format_of(reading: Reading | None) -> str:
    """Return the name of the format that *reading* reads."""
    return "native" if reading is None else reading.api_format


def inherited_by(reading: Reading | None) -> str:
    """Return what events inherit by *reading*, as JSON; empty for nothing."""
    if not isinstance(reading, SegmentReading):
        return ""
    inherited = _Inherited(reading.call, dict(reading.inherited))
    return "" if inherited == _Inherited() else _encode(inherited).decode()


def reading_of(api_format: str, inherited: str, *, customer_pointer: str) -> Reading | None:
    """Return what reads that format; None for our own."""
    match api_format:
        case "segment":
            found = _decode(inherited) if inherited else _Inherited()
            return SegmentReading(found.call, found.said)
        case "posthog":
            return PosthogReading()
        case "cloudevents":
            return CloudEventReading(customer_pointer)
    return None
