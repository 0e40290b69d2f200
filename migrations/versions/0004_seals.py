"""Seals over ranges of the log, and the salts that go into them.

Stage: pre deployment; the release before does not look at what is added.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

APPEND_ONLY = """
CREATE TRIGGER seals_never_change BEFORE UPDATE ON seals
BEGIN SELECT raise(ABORT, 'seals is append-only: a row is never changed'); END
"""
NEVER_GO = """
CREATE TRIGGER seals_never_go BEFORE DELETE ON seals
BEGIN SELECT raise(ABORT, 'seals is append-only: a row is never removed'); END
"""
NEVER_CHANGE_OR_GO = """
CREATE TRIGGER seals_never_change BEFORE UPDATE OR DELETE ON seals FOR EACH ROW
EXECUTE FUNCTION stagefold_refuse('seals is append-only: a row is never changed or removed')
"""
NEVER_EMPTIED = """
CREATE TRIGGER seals_never_emptied BEFORE TRUNCATE ON seals FOR EACH STATEMENT
EXECUTE FUNCTION stagefold_refuse('seals is append-only: it is never emptied')
"""
REVOKED = "REVOKE UPDATE, DELETE, TRUNCATE ON seals FROM PUBLIC, CURRENT_USER"


def upgrade() -> None:
    """Add both tables, and the triggers that keep a seal as it was written."""
    op.create_table(
        "seals",
        *_columns(WHOLE, "from_position", "to_position"),
        *_columns(sa.LargeBinary(), "root", "previous", "marks"),
        *_columns(WHOLE, "sealed_at"),
        sa.PrimaryKeyConstraint("to_position"),
        sa.UniqueConstraint("from_position", name="seals_from"),
        sqlite_strict=True,
    )
    op.create_table(
        "salts",
        *_columns(WHOLE, "bucket", "subject_id"),
        *_columns(sa.LargeBinary(), "salt"),
        sa.PrimaryKeyConstraint("bucket", "subject_id"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    sqlite, postgres = (APPEND_ONLY, NEVER_GO), (NEVER_CHANGE_OR_GO, NEVER_EMPTIED, REVOKED)
    for statement in sqlite if is_sqlite else postgres:
        op.execute(statement)


def downgrade() -> None:
    """Take the seals away; the log that they speak of stays as it is."""
    op.drop_table("salts")
    op.drop_table("seals")


def _columns(kind: sa.types.TypeEngine[Any], *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=False, autoincrement=False) for name in names]
