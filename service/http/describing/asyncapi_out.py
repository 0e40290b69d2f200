"""The part of the AsyncAPI document about what we write: CloudEvents, attributes in headers."""

from __future__ import annotations

from typing import Any

import msgspec

from projections.registers.rejected import RejectedEvent
from service.http.schemas.webhooks import shape_of
from service.publishing.octets import record_of
from service.publishing.refusals import EVENT_REJECTED, record_of_refusal
from service.webhooks.samples import sample_of
from service.webhooks.terms import FEED_TYPES, TYPES

Json = dict[str, Any]

TOPIC = "lifecycle.transitions.v1"
REJECTED_TOPIC = "lifecycle.rejected.v1"
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

_KEY_REFUSED: Json = {
    "type": "string",
    "description": "The key of the record that was refused, else topic/partition, or the route.",
}
_OR_NULL: Json = {"type": ["string", "null"]}
_ERROR: Json = {
    "type": "object",
    "required": ["code", "message", "pointer"],
    "properties": {"code": _TEXT, "message": _TEXT, "pointer": {"type": "string"}},
}
_RECORD: Json = {
    "type": ["object", "null"],
    "description": "Where the record was, and what stood beside its value; null for HTTP.",
    "required": ["topic", "partition", "offset", "key", "headers"],
    "properties": {
        "topic": _TEXT,
        "partition": {"type": "integer"},
        "offset": {"type": "integer"},
        "key": {**_OR_NULL, "description": "What is no text is base64, behind base64:."},
        "headers": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
_SAID_OF_REFUSED: Json = {
    "type": "object",
    "required": ["id", "received_at", "route", "error", "errors", "text", "text_base64", "record"],
    "properties": {
        "id": {**_TEXT, "description": "That of GET /v1/rejected-events."},
        "received_at": {"type": "string", "format": "date-time"},
        "route": {**_TEXT, "description": "kafka, or the path that it was sent to."},
        "api_format": _TEXT,
        "source": _TEXT,
        "key_id": _OR_NULL,
        "event_id": _OR_NULL,
        "error": _ERROR,
        "errors": {"type": "array", "items": _ERROR},
        "text": {**_OR_NULL, "description": "What was sent; null where it is not UTF-8."},
        "text_base64": {**_OR_NULL, "description": "What was sent, where it is not UTF-8."},
        "whole": {"type": "boolean", "description": "false where it was too long to be kept."},
        "record": _RECORD,
    },
}
_REFUSED = RejectedEvent(
    tenant="default",
    number=_SAMPLED_AT,
    digest="",
    received_at=_SAMPLED_AT,
    last_at=_SAMPLED_AT,
    times=1,
    route="kafka",
    api_format="events",
    inherited="",
    source="http",
    is_forced=0,
    code="type_missing",
    pointer="/type",
    message="expected a type",
    faults='[{"code":"type_missing","message":"expected a type","pointer":"/type"}]',
    text=b'{"customer_id":"user-1"}',
    record='{"topic":"lifecycle.events.v1","partition":3,"offset":42,"key":"user-1","headers":{}}',
)


def messages_out() -> Json:
    """Return the messages by name."""
    return {name_of(each): _message(each) for each in FEED_TYPES}


def messages_refused() -> Json:
    """Return the message about what was refused, by its name."""
    record = record_of_refusal(_REFUSED)
    headers = {name: value.decode() for name, value in record.headers}
    told = msgspec.json.decode(record.value)
    message = {
        "title": EVENT_REJECTED,
        "summary": "An event was refused: why, where it came from, and exactly what was sent.",
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/RefusedAttributes"},
        "payload": {"$ref": "#/components/schemas/Refused"},
        "examples": [{"headers": headers, "payload": told}],
        "bindings": {"kafka": {"key": _KEY_REFUSED, "bindingVersion": "0.5.0"}},
    }
    return {name_of(EVENT_REJECTED): message}


def name_of(message_type: str) -> str:
    """Return the name of a message in the document."""
    first, *rest = message_type.split(".")
    return first + "".join(map(str.capitalize, rest))


def schemas_out() -> Json:
    """Return the schemas that the messages refer to."""
    required = [f"ce_{name}" for name in ("specversion", "id", "source", "type", "time")]
    known = {name: _HEADERS["properties"][name] for name in ("content-type", *required)}
    return {
        "ToldAttributes": _HEADERS,
        "RefusedAttributes": {"type": "object", "required": required, "properties": known},
        "Refused": _SAID_OF_REFUSED,
    }


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
