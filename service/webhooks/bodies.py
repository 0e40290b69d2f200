"""The octets of a message: stored once as the standard body, from which the other forms follow.

Every form is a pure function of the stored message, so each attempt sends the same octets.
CloudEvents 1.0: the HTTP protocol binding, structured or binary, with the extensions `sequence` and
`partitionkey`.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from projections.webhooks.rows import Message
from service.webhooks.terms import Format

_JSON = "application/json"
_CLOUD_JSON = "application/cloudevents+json; charset=utf-8"
_PLAIN = "".join(map(chr, range(0x21, 0x7F))).replace('"', "").replace("%", "")
_encode = msgspec.json.Encoder().encode


def body_of(message_type: str, timestamp: str, data: Mapping[str, object]) -> bytes:
    """Return the standard body."""
    return _encode({"type": message_type, "timestamp": timestamp, "data": data})


def formed(message: Message, form: Format) -> tuple[bytes, dict[str, str]]:
    """Return the octets that go out and the header fields that describe them."""
    if form == "standard":
        return message.body, {"content-type": _JSON}
    told = msgspec.json.decode(message.body)
    about = attributes(message, told)
    if form == "cloudevents":
        whole = {**about, "datacontenttype": _JSON, "data": told["data"]}
        return _encode(whole), {"content-type": _CLOUD_JSON}
    # Values are percent-encoded as the HTTP binding asks: printable ASCII but for `"` and `%`.
    fields = {f"ce-{name}": quote(value, safe=_PLAIN) for name, value in about.items()}
    return _encode(told["data"]), {"content-type": _JSON, **fields}


def attributes(message: Message, told: Mapping[str, object]) -> dict[str, str]:
    """Return the CloudEvents attributes of *message*, whose body *told* is."""
    found = {
        "specversion": "1.0",
        "id": message.id,
        "source": f"/lifecycle/{message.tenant}",
        "type": message.type,
        "time": str(told["timestamp"]),
    }
    if message.lane:
        found |= {"subject": message.lane, "partitionkey": message.lane}
    data = told["data"]
    sequence = data.get("sequence") if isinstance(data, dict) else None
    if sequence is not None:
        found["sequence"] = f"{sequence:010d}"
    return found
