"""Stays that have ended are counted by day, and found by when they began.

Stage: pre deployment. What a process of the release before writes beside it is not counted, and
`stagefold doctor` then says so; a rebuild counts anew.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

NARROW: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
HELD = "retracted_position IS NULL AND kind = 'transition'"
COUNT = """
INSERT INTO stay_counts
SELECT generation, effective_at / 86400000000,
  CASE WHEN rule = '$activation' THEN effective_at ELSE 0 END,
  from_stage, (effective_at - time_in_previous) / 86400000000, count(*)
FROM transitions
WHERE retracted_position IS NULL AND kind = 'transition' AND time_in_previous IS NOT NULL
  AND generation IN (SELECT generation FROM generations WHERE status <> 'removed')
GROUP BY 1, 2, 3, 4, 5
"""


def upgrade() -> None:
    """Add the table and the index, and count what is there."""
    op.create_table(
        "stay_counts",
        *_wholes("generation", "left_day", "taken_over_at"),
        sa.Column("stage", TEXT, nullable=False),
        *_wholes("day", "count"),
        sa.PrimaryKeyConstraint("generation", "left_day", "taken_over_at", "stage", "day"),
        **NARROW,
    )
    op.execute(COUNT)
    op.create_index(
        "transitions_stays",
        "transitions",
        [
            "generation",
            "from_stage",
            sa.text("(effective_at - time_in_previous)"),
            "effective_at",
            "time_in_previous",
            "kind",
            "retracted_position",
        ],
        sqlite_where=sa.text(HELD),
        postgresql_where=sa.text(HELD),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE stay_counts SET (fillfactor = 50)")


def downgrade() -> None:
    """Take them away again; no event is touched."""
    op.drop_index("transitions_stays", "transitions")
    op.drop_table("stay_counts")


def _wholes(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, WHOLE, nullable=False, autoincrement=False) for name in names]
