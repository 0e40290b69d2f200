"""The table of published feeds: a register of the rows of `projections.registers.published`."""

from __future__ import annotations

from sqlalchemy import PrimaryKeyConstraint, Table

from service.adapters.sql.columns import NARROW, metadata, number, words

published_feeds = Table(
    "published_feeds",
    metadata,
    words("topic"),
    words("tenant"),
    number("position"),
    number("at"),
    PrimaryKeyConstraint("topic", "tenant"),
    **NARROW,
)
