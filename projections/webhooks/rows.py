"""The registers of webhooks.

A message is what happened, its body stored once. A delivery is a message for one endpoint. What is
still to be delivered stands in lanes: one lane per endpoint and customer, in which only the head is
under way. `Due` is the same lanes by the instant at which each is to be looked at next, so that
asking for the next few of an endpoint costs the same whatever waits elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from projections.registers.register import Register

EndpointState: TypeAlias = Literal["enabled", "paused", "disabled"]
Status: TypeAlias = Literal["pending", "delivered", "failed", "exhausted", "superseded", "canceled"]
"""`pending` waits, before the first attempt or another; `failed` the receiver wants no more of it;
`exhausted` every attempt failed; `superseded` a newer one of the same customer and model took its
place; `canceled` somebody decided that it is not to be sent."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Who is to be told.

    Attributes:
        terms: JSON: what is sent and how; see `service.webhooks.terms`.
        secrets: JSON list of shared secrets, the newest first, with the instants they end at.
        state: `enabled`, `paused` by somebody, or `disabled` because it is gone or hopeless.
        reason: Why it is not enabled; empty otherwise.
        version: Counts changes, for `If-Match`.
    """

    tenant: str
    id: str
    terms: str
    secrets: str
    state: str
    reason: str
    version: int
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class Condition:
    """How an endpoint fares: its breaker, and what it has taken.

    Attributes:
        failures: Failed attempts since the last success; `rests`, `failing_since` and `until` as
            `service.webhooks.breaker` has them.
        delivered: Deliveries that it has taken, ever.
        failed: Attempts that failed, ever.
    """

    endpoint: str
    failures: int = 0
    failing_since: int | None = None
    rests: int = 0
    until: int | None = None
    delivered: int = 0
    failed: int = 0
    delivered_at: int | None = None
    failed_at: int | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What happened, as it is told.

    Attributes:
        number: Dense per tenant, in the order of telling.
        id: The same for every endpoint, attempt and redelivery: `webhook-id`.
        lane: Whose order it keeps: a customer; empty for what is nobody's.
        model: Key of the model, for `on_backlog: latest`; empty for none.
        at: When it happened.
        body: JSON `{type, timestamp, data}`, the octets that are signed.
    """

    tenant: str
    number: int
    id: str
    type: str
    lane: str
    model: str
    at: int
    created_at: int
    body: bytes


@dataclass(frozen=True, slots=True)
class MessageId:
    """Which number the message of an id has."""

    tenant: str
    id: str
    number: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message for an endpoint.

    Attributes:
        number: Dense per tenant; per lane the order of delivery.
        next_at: When it is tried next at the earliest; None unless an attempt failed.
        cause: `event`, or the id of the redelivery that asked for it.
    """

    tenant: str
    number: int
    endpoint: str
    message: int
    message_id: str
    type: str
    lane: str
    customer: str
    model: str
    status: str
    attempts: int
    created_at: int
    next_at: int | None = None
    last_at: int | None = None
    failure: str = ""
    http_status: int | None = None
    cause: str = "event"


@dataclass(frozen=True, slots=True)
class Waiting:
    """That a delivery is still to be made, in its lane."""

    endpoint: str
    lane: str
    number: int
    tenant: str
    group: str


@dataclass(frozen=True, slots=True)
class Lane:
    """When a lane is to be looked at next, and who works on its head until then.

    Attributes:
        lease: Whoever holds it may write; 0 for nobody.
    """

    endpoint: str
    lane: str
    next_at: int
    lease: int


@dataclass(frozen=True, slots=True)
class Due:
    """The same lanes by instant."""

    endpoint: str
    next_at: int
    lane: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one attempt went: what `service.webhooks.sending.Outcome` says, as columns."""

    tenant: str
    delivery: int
    nth: int
    endpoint: str
    at: int
    milliseconds: int
    status: int | None
    failure: str
    reason: str
    address: str | None
    headers: str
    answer: bytes


@dataclass(frozen=True, slots=True)
class Counter:
    """How far something has come."""

    name: str
    value: int


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """A key pair for signatures that anybody can verify; `until` None while it signs."""

    id: str
    seed: bytes
    created_at: int
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Redelivery:
    """Messages that are to be sent to an endpoint again.

    Attributes:
        statuses: Which: `failed`, `held`, `missing`, with commas.
        types: Patterns of types, with commas; empty for all.
        status: `running`, `done`, or `canceled`.
        place: How far it has come: the number of a delivery or the position of the feed.
        seen: What has been looked at; `found`: what met the filter.
    """

    tenant: str
    endpoint: str
    id: str
    since: int
    until: int
    statuses: str
    types: str
    dry_run: int
    status: str
    stage: str
    place: int
    seen: int
    found: int
    created_at: int
    finished_at: int | None = None


ENDPOINTS = Register("webhook_endpoints", Endpoint, key=2)
CONDITIONS = Register("webhook_conditions", Condition, key=1)
MESSAGES = Register("webhook_messages", Message, key=2, dated="created_at")
MESSAGE_IDS = Register("webhook_message_ids", MessageId, key=2)
DELIVERIES = Register("webhook_deliveries", Delivery, key=2, dated="created_at")
WAITING = Register("webhook_waiting", Waiting, key=3)
LANES = Register("webhook_lanes", Lane, key=2)
DUE = Register("webhook_due", Due, key=3)
ATTEMPTS = Register("webhook_attempts", Attempt, key=3, dated="at")
COUNTERS = Register("webhook_counters", Counter, key=1)
PUBLISHED_KEYS = Register("webhook_keys", PublishedKey, key=1)
REDELIVERIES = Register("webhook_redeliveries", Redelivery, key=3)
