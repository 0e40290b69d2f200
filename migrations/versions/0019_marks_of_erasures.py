"""Where each name of an erased customer was first sent, to erase it again in a restored backup.

Stage: pre deployment; the release before leaves it empty. Erasures from before have none.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the column."""
    op.add_column("erasures", sa.Column("marks", TEXT, nullable=True))


def downgrade() -> None:
    """Take it away again; the first mark of each is kept beside it."""
    op.drop_column("erasures", "marks")
