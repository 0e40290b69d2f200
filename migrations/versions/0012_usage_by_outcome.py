"""What a key was used for, with the duplicates.

Stage: pre deployment; no release before has ever written or read the table, so it is made
anew.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table anew."""
    _make("requests", "events", "rejected", "duplicate")


def downgrade() -> None:
    """Make it as it was; what was counted is lost."""
    _make("requests", "events", "rejected")


def _make(*counts: str) -> None:
    op.drop_table("usage")
    op.create_table(
        "usage",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("day", WHOLE, nullable=False, autoincrement=False),
        sa.Column("key_id", TEXT, nullable=False),
        *(sa.Column(name, WHOLE, nullable=False, autoincrement=False) for name in counts),
        sa.PrimaryKeyConstraint("tenant", "day", "key_id"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
