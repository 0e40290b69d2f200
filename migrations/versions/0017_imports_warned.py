"""How many events of an import got in although they do not fit a schema that only warns.

Stage: pre deployment; the release before leaves it empty.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the column."""
    op.add_column("imports", sa.Column("warned", WHOLE, nullable=True))


def downgrade() -> None:
    """Take it away again; no event is touched."""
    op.drop_column("imports", "warned")
