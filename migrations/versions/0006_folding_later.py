"""Batches that wait to be folded, and who belongs to whom, told by the log alone.

Stage: pre deployment; the release before does not look at what is added, and while nothing waits it
may run beside this one.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both tables and the index."""
    whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "backlog",
        sa.Column("first", whole, nullable=False, autoincrement=False),
        sa.Column("position", whole, nullable=False),
        sa.Column("recorded_at", whole, nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("first"),
        sqlite_strict=True,
    )
    op.create_table(
        "former_roots",
        sa.Column("bucket", whole, nullable=False),
        sa.Column("subject_id", whole, nullable=False),
        sa.Column("root_bucket", whole, nullable=False),
        sa.Column("root_id", whole, nullable=False),
        sa.PrimaryKeyConstraint("bucket", "subject_id"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    condition = sa.text("root_id <> subject_id")
    op.create_index(
        "subjects_joined",
        "subjects",
        ["root_bucket", "root_id"],
        sqlite_where=condition,
        postgresql_where=condition,
    )


def downgrade() -> None:
    """Take them away again; no event is touched, but what waits would never be folded."""
    op.drop_index("subjects_joined", "subjects")
    op.drop_table("former_roots")
    op.drop_table("backlog")
