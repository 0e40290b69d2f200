"""The tables of what waits: batches in the log that are still to be folded.

Both are empty while the projections are level with the log. The backlog is ordered as the log is:
its key is a position.
"""

from __future__ import annotations

from sqlalchemy import PrimaryKeyConstraint, Table

from service.adapters.sql.columns import NARROW, metadata, number, octets

backlog = Table(
    "backlog",
    metadata,
    number("first"),
    number("position"),
    number("recorded_at"),
    octets("note"),
    PrimaryKeyConstraint("first"),
    sqlite_strict=True,
)
"""A batch each: its first and last position, when it was recorded, and what it brought."""

former_roots = Table(
    "former_roots",
    metadata,
    number("bucket"),
    number("subject_id"),
    number("root_bucket"),
    number("root_id"),
    PrimaryKeyConstraint("bucket", "subject_id"),
    **NARROW,
)
"""Subjects that belong to somebody else in the projections than they do in the log by now."""
