"""The octets of a record: the CloudEvent of a message, as the Kafka protocol binding has it.

Spec: CloudEvents 1.0.2, Kafka protocol binding, 3.2 and 3.3: attributes are headers `ce_…` in UTF-8
in binary mode; in structured mode the whole event is the value. The key is the partition key.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from projections.webhooks.rows import Message
from service.publishing.topic import Outgoing
from service.webhooks.bodies import attributes, formed

RecordFormat: TypeAlias = Literal["binary", "structured"]

_encode = msgspec.json.Encoder().encode


def record_of(message: Message, form: RecordFormat) -> Outgoing:
    """Return *message* as a record."""
    key = message.lane.encode()
    if form == "structured":
        value, fields = formed(message, "cloudevents")
        return Outgoing(key, value, [(name, text.encode()) for name, text in fields.items()])
    told = msgspec.json.decode(message.body)
    headers = [(f"ce_{name}", text.encode()) for name, text in attributes(message, told).items()]
    return Outgoing(key, _encode(told["data"]), [("content-type", b"application/json"), *headers])
