"""How far the records of other logs have been taken in.

Stage: pre deployment; the release before neither reads nor writes it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "consumed_offsets",
        sa.Column("topic", TEXT, nullable=False),
        sa.Column("partition", WHOLE, nullable=False, autoincrement=False),
        sa.Column("next_offset", WHOLE, nullable=False, autoincrement=False),
        sa.Column("at", WHOLE, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("topic", "partition"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Take it away again; no event of the log is touched."""
    op.drop_table("consumed_offsets")
