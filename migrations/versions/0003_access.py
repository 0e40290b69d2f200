"""Tenants, the audit log, kept answers, event schemas, usage; and what a key is held to.

Stage: pre deployment; the release before neither reads nor writes what is added.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NARROW: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}
WIDE: dict[str, Any] = {"sqlite_strict": True}
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

ONLY_GROWS_IN_SQLITE = (
    (
        "CREATE TRIGGER audit_log_never_change BEFORE UPDATE ON audit_log BEGIN"
        " SELECT raise(ABORT, 'audit_log is append-only: a row is never changed'); END"
    ),
    (
        "CREATE TRIGGER audit_log_never_go BEFORE DELETE ON audit_log BEGIN"
        " SELECT raise(ABORT, 'audit_log is append-only: a row is never removed'); END"
    ),
)
ONLY_GROWS_IN_POSTGRESQL = (
    (
        "CREATE TRIGGER audit_log_never_change BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW"
        " EXECUTE FUNCTION"
        " stagefold_refuse('audit_log is append-only: a row is never changed or removed')"
    ),
    (
        "CREATE TRIGGER audit_log_never_emptied BEFORE TRUNCATE ON audit_log FOR EACH STATEMENT"
        " EXECUTE FUNCTION stagefold_refuse('audit_log is append-only: it is never emptied')"
    ),
    "REVOKE UPDATE, DELETE, TRUNCATE ON audit_log FROM PUBLIC, CURRENT_USER",
)
NEW_OF_A_KEY = ("terms", "former_hash", "former_until")
NEW_TABLES = ("tenants", "audit_log", "kept_answers", "event_schemas", "usage")


def upgrade() -> None:
    """Add columns and tables; no row is touched."""
    op.add_column("api_keys", *texts("terms", null=True))
    op.add_column("api_keys", sa.Column("former_hash", sa.LargeBinary(), nullable=True))
    op.add_column("api_keys", *wholes("former_until", null=True))
    op.create_table(
        "tenants",
        *texts("id", "name"),
        *wholes("created_at"),
        sa.PrimaryKeyConstraint("id"),
        **NARROW,
    )
    _audit_log()
    _kept_answers()
    op.create_table(
        "event_schemas",
        *texts("tenant", "type"),
        *wholes("version"),
        *texts("mode", "schema"),
        *wholes("created_at"),
        *texts("created_by"),
        sa.PrimaryKeyConstraint("tenant", "type", "version"),
        **WIDE,
    )
    op.create_table(
        "usage",
        *texts("tenant"),
        *wholes("day"),
        *texts("key_id"),
        *wholes("requests", "events", "rejected"),
        sa.PrimaryKeyConstraint("tenant", "day", "key_id"),
        **NARROW,
    )


def downgrade() -> None:
    """Take them away again; a key keeps its scopes and loses what else it was held to."""
    for name in reversed(NEW_TABLES):
        op.drop_table(name)
    for name in reversed(NEW_OF_A_KEY):
        op.drop_column("api_keys", name)


def _audit_log() -> None:
    op.create_table(
        "audit_log",
        *texts("tenant"),
        *wholes("number", "at"),
        *texts("actor", "action", "target", "outcome"),
        *texts("before", "after", "request_id", "address", null=True),
        sa.PrimaryKeyConstraint("tenant", "number"),
        **WIDE,
    )
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in ONLY_GROWS_IN_SQLITE if is_sqlite else ONLY_GROWS_IN_POSTGRESQL:
        op.execute(statement)


def _kept_answers() -> None:
    op.create_table(
        "kept_answers",
        *texts("tenant", "key_id", "operation", "idempotency_key", "fingerprint"),
        *wholes("begun_at"),
        *wholes("status", null=True),
        *texts("headers", null=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "key_id", "operation", "idempotency_key"),
        **WIDE,
    )


def wholes(*names: str, null: bool = False) -> list[sa.Column[int]]:
    """Return columns of whole numbers."""
    return [sa.Column(name, WHOLE, nullable=null, autoincrement=False) for name in names]


def texts(*names: str, null: bool = False) -> list[sa.Column[str]]:
    """Return columns of text."""
    return [sa.Column(name, TEXT, nullable=null) for name in names]
