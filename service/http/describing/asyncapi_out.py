"""The part of the AsyncAPI document about what we write: transitions as CloudEvents in headers."""

from __future__ import annotations

from typing import Any

import msgspec

from service.http.schemas.webhooks import shape_of
from service.publishing.octets import record_of
from service.webhooks.samples import sample_of
from service.webhooks.terms import FEED_TYPES, TYPES

Json = dict[str, Any]

TOPIC = "lifecycle.transitions.v1"
_SAMPLED_AT = 1_740_830_401_000_000
_TEXT: Json = {"type": "string", "minLength": 1}
_HEADERS: Json = {
    "type": "object",
    "required": [
        f"ce_{name}" for name in ("specversion", "id", "source", "type", "time", "subject")
    ],
    "properties": {
        "content-type": {"const": "application/json"},
        "ce_specversion": {"const": "1.0"},
        "ce_id": {**_TEXT, "description": "The same whenever it is written: know repeats by it."},
        "ce_source": {**_TEXT, "description": "/lifecycle/ and the tenant."},
        "ce_type": _TEXT,
        "ce_time": {"type": "string", "format": "date-time"},
        "ce_subject": {**_TEXT, "description": "The customer; account: and its name."},
        "ce_partitionkey": {**_TEXT, "description": "The same."},
        "ce_sequence": {**_TEXT, "description": "Of a transition, by customer and model."},
    },
}
_KEY: Json = {"type": "string", "description": "The customer, so that its records stay in order."}


def messages_out() -> Json:
    """Return the messages by name."""
    return {name_of(each): _message(each) for each in FEED_TYPES}


def name_of(message_type: str) -> str:
    """Return the name of a message in the document."""
    first, *rest = message_type.split(".")
    return first + "".join(map(str.capitalize, rest))


def schemas_out() -> Json:
    """Return the schemas that the messages refer to."""
    return {"ToldAttributes": _HEADERS}


def _message(message_type: str) -> Json:
    told = sample_of(message_type, "default", _SAMPLED_AT, "1")
    record = record_of(told.message(_SAMPLED_AT), "binary")
    headers = {name: value.decode() for name, value in record.headers}
    return {
        "title": message_type,
        "summary": TYPES[message_type],
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/ToldAttributes"},
        "payload": shape_of(told.data),
        "examples": [{"headers": headers, "payload": msgspec.json.decode(record.value)}],
        "bindings": {"kafka": {"key": _KEY, "bindingVersion": "0.5.0"}},
    }
