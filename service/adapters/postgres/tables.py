"""The tables that only PostgreSQL needs, where several processes share a database."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    MetaData,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    Text,
)

metadata = MetaData()

turns = Sequence("turns", metadata=metadata)
"""Counts the transactions that write, so that a process knows whether it wrote last."""

catalogue_changes = Table(
    "catalogue_changes",
    metadata,
    Column("count", BigInteger, nullable=False),
    comment="One row: how often models or generations have changed.",
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text(collation="C"), nullable=False),
    Column("holder", Text(collation="C"), nullable=False),
    Column("until", BigInteger, nullable=False),
    PrimaryKeyConstraint("name"),
    comment="Which process runs which loop, and until when unless it says so again.",
)
