"""Backtests as rows, so that they outlive the process that took them.

Stage: pre deployment; the release before neither reads nor writes what is added.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

WIDE: dict[str, Any] = {"sqlite_strict": True}
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "backtests",
        *_texts("tenant", "id", "model", "hash", "document"),
        *_wholes("accounts"),
        *_wholes("against", "against_version", null=True),
        *_wholes("as_of", "news_since"),
        *_texts("sample"),
        *_wholes("known_at", "end", "total", "started_at", "buckets_done", "done"),
        *_texts("status"),
        *_wholes("finished_at", null=True),
        *_texts("error", "holder", null=True),
        *_wholes("lease_until", null=True),
        *_texts("found"),
        sa.PrimaryKeyConstraint("tenant", "id"),
        **WIDE,
    )
    op.create_table(
        "backtest_changes",
        *_texts("tenant", "backtest"),
        *_wholes("number"),
        *_texts("old", "new", null=True),
        *_texts("change"),
        sa.PrimaryKeyConstraint("tenant", "backtest", "number"),
        **WIDE,
    )


def downgrade() -> None:
    """Take them away again; no event is touched."""
    op.drop_table("backtest_changes")
    op.drop_table("backtests")


def _wholes(*names: str, null: bool = False) -> list[sa.Column[Any]]:
    return [sa.Column(name, WHOLE, nullable=null, autoincrement=False) for name in names]


def _texts(*names: str, null: bool = False) -> list[sa.Column[Any]]:
    return [sa.Column(name, TEXT, nullable=null) for name in names]
