"""Webhooks: who is told, of what, in which order, and how it went.

Stage: pre deployment; the release before neither reads nor writes it.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

NARROW: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}
WIDE: dict[str, Any] = {"sqlite_strict": True}
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

NAMES = (
    "webhook_endpoints",
    "webhook_conditions",
    "webhook_messages",
    "webhook_message_ids",
    "webhook_deliveries",
    "webhook_waiting",
    "webhook_lanes",
    "webhook_due",
    "webhook_attempts",
    "webhook_counters",
    "webhook_keys",
    "webhook_redeliveries",
)


def upgrade() -> None:
    """Add the tables."""
    endpoints()
    messages()
    deliveries()
    lanes()
    keys()


def endpoints() -> None:
    """Add who is told, and how each fares."""
    op.create_table(
        "webhook_endpoints",
        *texts("tenant", "id", "terms", "secrets", "state", "reason"),
        *wholes("version", "created_at", "updated_at"),
        sa.PrimaryKeyConstraint("tenant", "id"),
        **WIDE,
    )
    op.create_table(
        "webhook_conditions",
        *texts("endpoint"),
        *wholes("failures"),
        *wholes("failing_since", null=True),
        *wholes("rests"),
        *wholes("until", null=True),
        *wholes("delivered", "failed"),
        *wholes("delivered_at", "failed_at", null=True),
        sa.PrimaryKeyConstraint("endpoint"),
        **WIDE,
    )


def messages() -> None:
    """Add what is told."""
    op.create_table(
        "webhook_messages",
        *texts("tenant"),
        *wholes("number"),
        *texts("id", "type", "lane", "model"),
        *wholes("at", "created_at"),
        *octets("body"),
        sa.PrimaryKeyConstraint("tenant", "number"),
        **WIDE,
    )
    op.create_table(
        "webhook_message_ids",
        *texts("tenant", "id"),
        *wholes("number"),
        sa.PrimaryKeyConstraint("tenant", "id"),
        **NARROW,
    )


def deliveries() -> None:
    """Add what is to be delivered to whom, and every attempt."""
    op.create_table(
        "webhook_deliveries",
        *texts("tenant"),
        *wholes("number"),
        *texts("endpoint"),
        *wholes("message"),
        *texts("message_id", "type", "lane", "customer", "model", "status"),
        *wholes("attempts", "created_at"),
        *wholes("next_at", "last_at", null=True),
        *texts("failure"),
        *wholes("http_status", null=True),
        *texts("cause"),
        sa.PrimaryKeyConstraint("tenant", "number"),
        **WIDE,
    )
    for name, *columns in (
        ("webhook_deliveries_message", "tenant", "message_id"),
        ("webhook_deliveries_customer", "tenant", "customer", "number"),
    ):
        op.create_index(name, "webhook_deliveries", columns)
    op.create_table(
        "webhook_attempts",
        *texts("tenant"),
        *wholes("delivery", "nth"),
        *texts("endpoint"),
        *wholes("at", "milliseconds"),
        *wholes("status", null=True),
        *texts("failure", "reason"),
        *texts("address", null=True),
        *texts("headers"),
        *octets("answer"),
        sa.PrimaryKeyConstraint("tenant", "delivery", "nth"),
        **WIDE,
    )
    op.create_table(
        "webhook_redeliveries",
        *texts("tenant", "endpoint", "id"),
        *wholes("since", "until"),
        *texts("statuses", "types"),
        *wholes("dry_run"),
        *texts("status", "stage"),
        *wholes("place", "seen", "found", "created_at"),
        *wholes("finished_at", null=True),
        sa.PrimaryKeyConstraint("tenant", "endpoint", "id"),
        **WIDE,
    )


def lanes() -> None:
    """Add the order in which deliveries are made."""
    op.create_table(
        "webhook_waiting",
        *texts("endpoint", "lane"),
        *wholes("number"),
        *texts("tenant", "group"),
        sa.PrimaryKeyConstraint("endpoint", "lane", "number"),
        **NARROW,
    )
    op.create_table(
        "webhook_lanes",
        *texts("endpoint", "lane"),
        *wholes("next_at", "lease"),
        sa.PrimaryKeyConstraint("endpoint", "lane"),
        **NARROW,
    )
    op.create_table(
        "webhook_due",
        *texts("endpoint"),
        *wholes("next_at"),
        *texts("lane"),
        sa.PrimaryKeyConstraint("endpoint", "next_at", "lane"),
        **NARROW,
    )


def keys() -> None:
    """Add how far everything has come, and what signs for everybody."""
    op.create_table(
        "webhook_counters",
        *texts("name"),
        *wholes("value"),
        sa.PrimaryKeyConstraint("name"),
        **NARROW,
    )
    op.create_table(
        "webhook_keys",
        *texts("id"),
        *octets("seed"),
        *wholes("created_at"),
        *wholes("until", null=True),
        sa.PrimaryKeyConstraint("id"),
        **WIDE,
    )


def downgrade() -> None:
    """Take them away again; no event of the log is touched."""
    for name in reversed(NAMES):
        op.drop_table(name)


def wholes(*names: str, null: bool = False) -> list[sa.Column[int]]:
    """Return columns of whole numbers."""
    return [sa.Column(name, WHOLE, nullable=null, autoincrement=False) for name in names]


def texts(*names: str, null: bool = False) -> list[sa.Column[str]]:
    """Return columns of text."""
    return [sa.Column(name, TEXT, nullable=null) for name in names]


def octets(*names: str) -> list[sa.Column[bytes]]:
    """Return columns of bytes."""
    return [sa.Column(name, sa.LargeBinary(), nullable=False) for name in names]
