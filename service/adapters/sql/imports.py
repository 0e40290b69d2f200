"""The table of imports: a register, field by field `projections.registers.imports.ImportJob`."""

from __future__ import annotations

from sqlalchemy import PrimaryKeyConstraint, Table

from service.adapters.sql.columns import WIDE, metadata, number, words

imports = Table(
    "imports",
    metadata,
    words("tenant"),
    words("id"),
    words("name"),
    words("mapping"),
    words("key_id"),
    words("source"),
    words("event_types"),
    words("path"),
    number("created_at"),
    number("received"),
    words("status"),
    number("finished_at", null=True),
    words("error", null=True),
    words("holder", null=True),
    number("lease_until", null=True),
    number("border"),
    number("line"),
    number("position"),
    words("event_id"),
    number("accepted"),
    number("duplicate"),
    number("rejected"),
    words("reasons"),
    number("read"),
    number("worked"),
    number("warned", null=True),
    PrimaryKeyConstraint("tenant", "id"),
    **WIDE,
)
