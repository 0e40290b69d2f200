"""Imports as rows, so that they outlive the process that took the file.

Stage: pre deployment; the release before neither reads nor writes what is added.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

WIDE: dict[str, Any] = {"sqlite_strict": True}
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "imports",
        *_texts("tenant", "id", "name", "mapping", "key_id", "source", "event_types", "path"),
        *_wholes("created_at", "received"),
        *_texts("status"),
        *_wholes("finished_at", null=True),
        *_texts("error", "holder", null=True),
        *_wholes("lease_until", null=True),
        *_wholes("border", "line", "position"),
        *_texts("event_id"),
        *_wholes("accepted", "duplicate", "rejected"),
        *_texts("reasons"),
        *_wholes("read", "worked"),
        sa.PrimaryKeyConstraint("tenant", "id"),
        **WIDE,
    )


def downgrade() -> None:
    """Take it away again; no event is touched."""
    op.drop_table("imports")


def _wholes(*names: str, null: bool = False) -> list[sa.Column[Any]]:
    return [sa.Column(name, WHOLE, nullable=null, autoincrement=False) for name in names]


def _texts(*names: str, null: bool = False) -> list[sa.Column[Any]]:
    return [sa.Column(name, TEXT, nullable=null) for name in names]
