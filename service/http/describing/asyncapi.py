"""The AsyncAPI document: what the topics hold, for programs. Spec: AsyncAPI 3.1.0.

It tells of the topics by their default names; the settings choose others. An event of ours is
described by the same schema as in the OpenAPI document.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic.json_schema import models_json_schema

from service.http.describing.asyncapi_out import (
    REJECTED_TOPIC,
    TOPIC,
    messages_out,
    messages_refused,
    schemas_out,
)
from service.http.schemas.events import EventIn
from service.settings import Settings

Json = dict[str, Any]

_SCHEMAS = "#/components/schemas/"
_MESSAGES = "#/components/messages/"
_ABOUT = """\
Records of the topics of events are taken in, each once. An event says itself whom it is about; the
key only chooses the partition, best by the customer. A record without a value says nothing, or by
a setting that the customer whom its key names is to be erased. What cannot be read is kept as a
rejected event. To the topics of transitions is written what webhooks tell, at least once, by the
same ids. To the topics of refused events goes what was not taken in, at least once, with why.
"""
_TEXT: Json = {"type": "string", "minLength": 1}
_ATTRIBUTES: Json = {
    "specversion": {"type": "string", "const": "1.0"},
    "id": _TEXT,
    "source": {**_TEXT, "format": "uri-reference"},
    "type": {**_TEXT, "description": "The type of the event."},
    "subject": {**_TEXT, "description": "The customer."},
    "partitionkey": {**_TEXT, "description": "The customer, if there is no subject."},
    "anonymousid": {**_TEXT, "description": "Somebody not yet known by name."},
    "accountid": {**_TEXT, "description": "The company that the customer acted for."},
    "time": {"type": "string", "format": "date-time"},
    "datacontenttype": _TEXT,
}
_REQUIRED = ("specversion", "id", "source", "type")
_SAID: Json = {"id": "o-1", "source": "/shop", "specversion": "1.0", "type": "order_completed"}
_SAID |= {"subject": "user-1", "time": "2026-03-01T12:00:00Z"}
_DATA: Json = {"amount": 39.95}


def document(version: str) -> Json:
    """Return the AsyncAPI document of this *version*."""
    (topic, _), *_ = Settings().kafka_topics
    messages, told, refused = _messages(), messages_out(), messages_refused()
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "stagefold",
            "version": version,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {
            "events": _channel(
                topic, "Events in", "What happened; one event to a record.", messages
            ),
            "transitions": _channel(
                TOPIC,
                "Transitions out",
                "What has become of customers and accounts, in order for each.",
                told,
            ),
            "rejected": _channel(
                REJECTED_TOPIC,
                "Refused events out",
                "Events that were refused and why, in order for each key.",
                refused,
            ),
        },
        "operations": {
            "takeEvents": _operation(
                "receive", "events", "Take events in, each record once.", messages
            ),
            "tellTransitions": _operation(
                "send", "transitions", "Tell of transitions, at least once.", told
            ),
            "tellRefused": _operation(
                "send", "rejected", "Tell of refused events, at least once.", refused
            ),
        },
        "components": {
            "messages": {**messages, **told, **refused},
            "schemas": {**_schemas(), **schemas_out()},
        },
    }


def _channel(topic: str, title: str, description: str, messages: Iterable[str]) -> Json:
    return {
        "address": topic,
        "title": title,
        "description": description,
        "messages": {name: {"$ref": _MESSAGES + name} for name in messages},
        "bindings": {"kafka": {"topic": topic, "bindingVersion": "0.5.0"}},
    }


def _operation(action: str, channel: str, summary: str, messages: Iterable[str]) -> Json:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages],
    }


def _messages() -> Json:
    native = EventIn.model_json_schema()["examples"][0]
    structured = {**_SAID, "data": _DATA}
    headers = {f"ce_{name}": value for name, value in _SAID.items()}
    return {
        "event": _message("An event of ours", "Event", "application/json", {"payload": native}),
        "cloudEvent": _message(
            "A structured CloudEvent",
            "CloudEvent",
            "application/cloudevents+json",
            {"payload": structured},
        ),
        "binaryCloudEvent": {
            **_message(
                "A binary CloudEvent",
                "Data",
                "application/json",
                {"headers": {**headers, "content-type": "application/json"}, "payload": _DATA},
            ),
            "headers": {"$ref": f"{_SCHEMAS}Attributes"},
        },
    }


def _message(title: str, schema: str, content_type: str, example: Json) -> Json:
    key = {"type": "string", "description": "Chooses the partition; best the customer."}
    return {
        "title": title,
        "contentType": content_type,
        "payload": {"$ref": _SCHEMAS + schema},
        "examples": [example],
        "bindings": {"kafka": {"key": key, "bindingVersion": "0.5.0"}},
    }


def _schemas() -> Json:
    _, defined = models_json_schema([(EventIn, "validation")], ref_template=_SCHEMAS + "{model}")
    found: Json = defined["$defs"]
    found["Event"] = found.pop("EventIn")
    found["CloudEvent"] = {
        "type": "object",
        "required": list(_REQUIRED),
        "properties": {**_ATTRIBUTES, "data": {}, "data_base64": {"type": "string"}},
    }
    found["Attributes"] = {
        "type": "object",
        "required": [f"ce_{name}" for name in _REQUIRED],
        "properties": {
            "content-type": _TEXT,
            **{f"ce_{name}": schema for name, schema in _ATTRIBUTES.items()},
        },
    }
    found["Data"] = {"description": "The event's properties, if an object."}
    return found
