"""The tables of webhooks: registers, whose rows are those of `projections.webhooks.rows`."""

from __future__ import annotations

from sqlalchemy import Index, PrimaryKeyConstraint, Table

from service.adapters.sql.columns import NARROW, WIDE, metadata, number, octets, words

endpoints = Table(
    "webhook_endpoints",
    metadata,
    *map(words, ("tenant", "id", "terms", "secrets", "state", "reason")),
    *map(number, ("version", "created_at", "updated_at")),
    PrimaryKeyConstraint("tenant", "id"),
    **WIDE,
)

conditions = Table(
    "webhook_conditions",
    metadata,
    words("endpoint"),
    number("failures"),
    number("failing_since", null=True),
    number("rests"),
    number("until", null=True),
    number("delivered"),
    number("failed"),
    number("delivered_at", null=True),
    number("failed_at", null=True),
    PrimaryKeyConstraint("endpoint"),
    **WIDE,
)

messages = Table(
    "webhook_messages",
    metadata,
    words("tenant"),
    number("number"),
    *map(words, ("id", "type", "lane", "model")),
    number("at"),
    number("created_at"),
    octets("body"),
    PrimaryKeyConstraint("tenant", "number"),
    **WIDE,
)

message_ids = Table(
    "webhook_message_ids",
    metadata,
    words("tenant"),
    words("id"),
    number("number"),
    PrimaryKeyConstraint("tenant", "id"),
    **NARROW,
)

deliveries = Table(
    "webhook_deliveries",
    metadata,
    words("tenant"),
    number("number"),
    words("endpoint"),
    number("message"),
    *map(words, ("message_id", "type", "lane", "customer", "model", "status")),
    number("attempts"),
    number("created_at"),
    number("next_at", null=True),
    number("last_at", null=True),
    words("failure"),
    number("http_status", null=True),
    words("cause"),
    PrimaryKeyConstraint("tenant", "number"),
    Index("webhook_deliveries_message", "tenant", "message_id"),
    Index("webhook_deliveries_customer", "tenant", "customer", "number"),
    **WIDE,
)

waiting = Table(
    "webhook_waiting",
    metadata,
    words("endpoint"),
    words("lane"),
    number("number"),
    words("tenant"),
    words("group"),
    PrimaryKeyConstraint("endpoint", "lane", "number"),
    **NARROW,
)

lanes = Table(
    "webhook_lanes",
    metadata,
    words("endpoint"),
    words("lane"),
    number("next_at"),
    number("lease"),
    PrimaryKeyConstraint("endpoint", "lane"),
    **NARROW,
)

due = Table(
    "webhook_due",
    metadata,
    words("endpoint"),
    number("next_at"),
    words("lane"),
    PrimaryKeyConstraint("endpoint", "next_at", "lane"),
    **NARROW,
)

attempts = Table(
    "webhook_attempts",
    metadata,
    words("tenant"),
    number("delivery"),
    number("nth"),
    words("endpoint"),
    number("at"),
    number("milliseconds"),
    number("status", null=True),
    words("failure"),
    words("reason"),
    words("address", null=True),
    words("headers"),
    octets("answer"),
    PrimaryKeyConstraint("tenant", "delivery", "nth"),
    **WIDE,
)

counters = Table(
    "webhook_counters",
    metadata,
    words("name"),
    number("value"),
    PrimaryKeyConstraint("name"),
    **NARROW,
)

keys = Table(
    "webhook_keys",
    metadata,
    words("id"),
    octets("seed"),
    number("created_at"),
    number("until", null=True),
    PrimaryKeyConstraint("id"),
    **WIDE,
)

redeliveries = Table(
    "webhook_redeliveries",
    metadata,
    *map(words, ("tenant", "endpoint", "id")),
    number("since"),
    number("until"),
    *map(words, ("statuses", "types")),
    number("dry_run"),
    *map(words, ("status", "stage")),
    *map(number, ("place", "seen", "found", "created_at")),
    number("finished_at", null=True),
    PrimaryKeyConstraint("tenant", "endpoint", "id"),
    **WIDE,
)

ALL = (
    endpoints,
    conditions,
    messages,
    message_ids,
    deliveries,
    waiting,
    lanes,
    due,
    attempts,
    counters,
    keys,
    redeliveries,
)
