"""The answers about webhooks, and the messages themselves; see `schemas.answers`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from service.http.schemas.answers import Answer, Instant
from service.webhooks.samples import data_of
from service.webhooks.terms import TYPES

Json = dict[str, Any]
_SAMPLED_AT = 1_740_830_401_000_000


class TypeOut(Answer):
    """A type of message, and an example of it."""

    type: str
    description: str
    example: dict[str, Any]


class KeyOut(Answer):
    """A public key: as `whpk_`, and as the `x` of a JSON Web Key (RFC 8037)."""

    id: str
    scheme: Literal["v1a"]
    key: str
    x: str
    created_at: Instant
    ends_at: Instant | None


class KeysOut(Answer):
    """The keys that sign `v1a`."""

    keys: list[KeyOut]


class FilterOut(Answer):
    """Which messages, beyond their types."""

    model: list[str]
    from_: list[str] = Field(alias="from")
    to: list[str]
    expression: str | None


class RateLimitOut(Answer):
    """How many deliveries a second at most."""

    per_second: int


class EndpointOut(Answer):
    """Who is told, of what, and how."""

    id: str
    url: str
    description: str
    state: Literal["enabled", "paused", "disabled"]
    reason: str | None
    types: list[str]
    filter: FilterOut
    format: Literal["standard", "cloudevents", "cloudevents-binary"]
    signing: list[Literal["v1", "v1a"]]
    ordering: Literal["customer", "none"]
    on_backlog: Literal["keep", "latest"]
    rate_limit: RateLimitOut | None
    max_in_flight: int
    timeout_s: float
    headers: dict[str, str]
    handshake: bool
    version: int
    created_at: Instant
    updated_at: Instant


class NewEndpointOut(EndpointOut):
    """An endpoint with its secret."""

    secret: str


class SecretPart(Answer):
    """A secret that signs, and until when."""

    secret: str
    ends_at: Instant | None


class SecretOut(Answer):
    """The secrets that sign now, the newest first."""

    secret: str
    secrets: list[SecretPart]


class BreakerOut(Answer):
    """Whether the endpoint is left alone for a while."""

    state: Literal["closed", "open", "half_open"]
    failures: int
    failing_since: Instant | None
    until: Instant | None


class StatsOut(Answer):
    """How an endpoint fares."""

    state: Literal["enabled", "paused", "disabled"]
    delivered: int
    failed_attempts: int
    last_delivered_at: Instant | None
    last_failed_at: Instant | None
    lanes_waiting: int
    breaker: BreakerOut


class AttemptOut(Answer):
    """How one attempt went."""

    delivery_id: str | None
    attempt: int
    endpoint_id: str
    at: Instant
    duration_ms: int
    status: int | None
    failure: str | None
    reason: str
    address: str | None
    headers: dict[str, str]
    body: str


class TriedOut(AttemptOut):
    """How a sample fared."""

    message_id: str
    type: str
    delivered: bool


class DeliveryOut(Answer):
    """A message for an endpoint, and what became of it."""

    id: str
    endpoint_id: str
    message_id: str
    type: str
    customer: str | None
    model: str | None
    status: Literal["pending", "held", "delivered", "failed", "exhausted", "superseded", "canceled"]
    attempts: int
    created_at: Instant
    next_attempt_at: Instant | None
    last_attempt_at: Instant | None
    failure: str | None
    http_status: int | None
    cause: str


class DeliveryWhole(DeliveryOut):
    """The same with what is sent."""

    message: dict[str, Any] | None


class RedeliveryOut(Answer):
    """A job that sends again, and how far it has come."""

    id: str
    endpoint_id: str
    since: Instant
    until: Instant
    status: Literal["running", "done", "canceled"]
    statuses: list[Literal["failed", "held", "missing"]]
    types: list[str]
    dry_run: bool
    looked_at: int
    count: int
    created_at: Instant
    finished_at: Instant | None


def webhook_items() -> Json:
    """Return the `webhooks` section of the OpenAPI document: what we send, by type."""
    return {name: {"post": _operation(name, about)} for name, about in TYPES.items()}


def _operation(name: str, about: str) -> Json:
    example = {
        "type": name,
        "timestamp": "2025-03-01T12:00:01Z",
        "data": data_of(name, _SAMPLED_AT),
    }
    schema = {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"const": name},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": shape_of(example["data"]),
        },
    }
    return {
        "summary": about,
        "description": "Signed as Standard Webhooks 1.0 says; see docs/webhooks.md.",
        "operationId": name.replace(".", "_"),
        "tags": ["webhooks"],
        "parameters": [
            _header("webhook-id", "The same at every attempt: what to recognise repeats by."),
            _header("webhook-timestamp", "Of this attempt, in seconds."),
            _header("webhook-signature", "`v1,…`, one for each live secret, and `v1a,…`."),
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema, "example": example}},
        },
        "responses": {
            "2XX": {"description": "Taken; it is not sent again."},
            "410": {"description": "Gone; nothing is sent there any more."},
            "default": {"description": "It is sent again later."},
        },
    }


def _header(name: str, about: str) -> Json:
    schema = {"type": "string"}
    return {"name": name, "in": "header", "required": True, "description": about, "schema": schema}


def shape_of(value: object) -> Json:
    """Return a schema of which *value* is an instance; further members may come."""
    match value:
        case dict():
            return {"type": "object", "properties": {k: shape_of(v) for k, v in value.items()}}
        case list():
            return {"type": "array"}
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": ["integer", "null"]}
        case _:
            return {"type": ["string", "null"]}
