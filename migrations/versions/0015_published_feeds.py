"""How far the feed has been written to topics of others.

Stage: pre deployment; the release before neither reads nor writes it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "published_feeds",
        sa.Column("topic", TEXT, nullable=False),
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("position", WHOLE, nullable=False, autoincrement=False),
        sa.Column("at", WHOLE, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("topic", "tenant"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Take it away again; what was written to topics stays there."""
    op.drop_table("published_feeds")
