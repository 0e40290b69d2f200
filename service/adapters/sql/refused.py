"""The table of rejected events: a register of the rows of `projections.registers.rejected`."""

from __future__ import annotations

from sqlalchemy import Index, PrimaryKeyConstraint, Table

from service.adapters.sql.columns import WIDE, metadata, number, octets, words

rejected_events = Table(
    "rejected_events",
    metadata,
    words("tenant"),
    number("number"),
    words("digest"),
    number("received_at"),
    number("last_at"),
    number("times"),
    words("route"),
    words("api_format"),
    words("inherited"),
    words("source"),
    number("is_forced"),
    words("code"),
    words("pointer"),
    words("message"),
    words("faults"),
    octets("text"),
    number("is_whole"),
    number("attempts"),
    number("is_settled"),
    words("outcome"),
    words("key_id", null=True),
    words("event_id", null=True),
    number("position", null=True),
    words("record", null=True),
    PrimaryKeyConstraint("tenant", "number"),
    Index("rejected_events_same", "tenant", "digest", unique=True),
    Index("rejected_events_old", "received_at"),
    **WIDE,
)
