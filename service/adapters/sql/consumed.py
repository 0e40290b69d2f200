"""The table of consumed offsets: a register of the rows of `projections.registers.consumed`."""

from __future__ import annotations

from sqlalchemy import PrimaryKeyConstraint, Table

from service.adapters.sql.columns import NARROW, metadata, number, words

consumed_offsets = Table(
    "consumed_offsets",
    metadata,
    words("topic"),
    number("partition"),
    number("next_offset"),
    number("at"),
    PrimaryKeyConstraint("topic", "partition"),
    **NARROW,
)
