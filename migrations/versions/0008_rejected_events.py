"""Events that the door refused are kept for a while.

Stage: pre deployment; the release before neither reads nor writes them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "rejected_events",
        *texts("tenant"),
        *wholes("number"),
        *texts("digest"),
        *wholes("received_at", "last_at", "times"),
        *texts("route", "api_format", "inherited", "source"),
        *wholes("is_forced"),
        *texts("code", "pointer", "message", "faults"),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        *wholes("is_whole", "attempts", "is_settled"),
        *texts("outcome"),
        *texts("key_id", "event_id", null=True),
        *wholes("position", null=True),
        sa.PrimaryKeyConstraint("tenant", "number"),
        sqlite_strict=True,
    )
    op.create_index("rejected_events_same", "rejected_events", ["tenant", "digest"], unique=True)
    op.create_index("rejected_events_old", "rejected_events", ["received_at"])


def downgrade() -> None:
    """Take it away again; no event of the log is touched."""
    op.drop_table("rejected_events")


def wholes(*names: str, null: bool = False) -> list[sa.Column[int]]:
    """Return columns of whole numbers."""
    return [sa.Column(name, WHOLE, nullable=null, autoincrement=False) for name in names]


def texts(*names: str, null: bool = False) -> list[sa.Column[str]]:
    """Return columns of text."""
    return [sa.Column(name, TEXT, nullable=null) for name in names]
