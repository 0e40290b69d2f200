"""Of which record of another log a rejected event was the value.

Stage: pre deployment; the release before neither reads nor writes it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the column; what was rejected before came by no record."""
    op.add_column("rejected_events", sa.Column("record", TEXT, nullable=True))


def downgrade() -> None:
    """Take it away again; no event of the log is touched."""
    op.drop_column("rejected_events", "record")
