"""The tables of who may do what, and of what was done: registers, whose rows are never folded.

The shapes of their rows are those of `projections.registers.access`, field by field.
"""

from __future__ import annotations

from sqlalchemy import PrimaryKeyConstraint, Table

from service.adapters.sql.columns import NARROW, WIDE, metadata, number, octets, words

tenants = Table(
    "tenants",
    metadata,
    words("id"),
    words("name"),
    number("created_at"),
    PrimaryKeyConstraint("id"),
    **NARROW,
)

audit_log = Table(
    "audit_log",
    metadata,
    words("tenant"),
    number("number"),
    number("at"),
    words("actor"),
    words("action"),
    words("target"),
    words("outcome"),
    words("before", null=True),
    words("after", null=True),
    words("request_id", null=True),
    words("address", null=True),
    PrimaryKeyConstraint("tenant", "number"),
    **WIDE,
)

kept_answers = Table(
    "kept_answers",
    metadata,
    words("tenant"),
    words("key_id"),
    words("operation"),
    words("idempotency_key"),
    words("fingerprint"),
    number("begun_at"),
    number("status", null=True),
    words("headers", null=True),
    octets("body", null=True),
    PrimaryKeyConstraint("tenant", "key_id", "operation", "idempotency_key"),
    **WIDE,
)

event_schemas = Table(
    "event_schemas",
    metadata,
    words("tenant"),
    words("type"),
    number("version"),
    words("mode"),
    words("schema"),
    number("created_at"),
    words("created_by"),
    PrimaryKeyConstraint("tenant", "type", "version"),
    **WIDE,
)

usage = Table(
    "usage",
    metadata,
    words("tenant"),
    number("day"),
    words("key_id"),
    number("requests"),
    number("events"),
    number("rejected"),
    number("duplicate"),
    PrimaryKeyConstraint("tenant", "day", "key_id"),
    **NARROW,
)
