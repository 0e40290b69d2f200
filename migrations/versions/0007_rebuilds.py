"""Rebuilds: what was ordered, and which ranges of buckets a generation has.

Stage: pre deployment; the release before does not look at what is added. A rebuild that is under
way keeps what it has: until now that was always the first so many buckets.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

WIDE: dict[str, Any] = {"sqlite_strict": True}
NARROW: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

UNDER_WAY = """
INSERT INTO built_ranges (generation, first_bucket, end_bucket, events)
SELECT generation, 0, buckets_done, done FROM generations
WHERE status = 'building' AND buckets_done > 0
"""


def upgrade() -> None:
    """Add both tables."""
    op.create_table(
        "rebuilds",
        sa.Column("generation", WHOLE, nullable=False, autoincrement=False),
        sa.Column("activates", WHOLE, nullable=False),
        sa.Column("replaces", WHOLE, nullable=True),
        sa.Column("report", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("generation"),
        **WIDE,
    )
    op.create_table(
        "built_ranges",
        sa.Column("generation", WHOLE, nullable=False, autoincrement=False),
        sa.Column("first_bucket", WHOLE, nullable=False, autoincrement=False),
        sa.Column("end_bucket", WHOLE, nullable=False),
        sa.Column("events", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("generation", "first_bucket"),
        **NARROW,
    )
    op.execute(UNDER_WAY)


def downgrade() -> None:
    """Take them away; a rebuild that is under way is begun again by the release before."""
    op.execute("UPDATE generations SET buckets_done = 0, done = 0 WHERE status = 'building'")
    op.drop_table("built_ranges")
    op.drop_table("rebuilds")
