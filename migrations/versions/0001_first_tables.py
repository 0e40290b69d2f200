"""The log, who is who, the projections, models and keys.

Stage: pre deployment; there is nothing before it.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

WIDE: dict[str, Any] = {"sqlite_strict": True}
NARROW: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

APPEND_ONLY = """
CREATE TRIGGER {table}_never_change BEFORE UPDATE ON {table}
BEGIN SELECT raise(ABORT, '{table} is append-only: a row is never changed'); END
"""
NEVER_GO = """
CREATE TRIGGER {table}_never_go BEFORE DELETE ON {table}
BEGIN SELECT raise(ABORT, '{table} is append-only: a row is never removed'); END
"""
RETRACTED_ONLY = """
CREATE TRIGGER transitions_only_retracted BEFORE UPDATE ON transitions
WHEN OLD.retracted_position IS NOT NULL OR NEW.retracted_position IS NULL OR {changed}
BEGIN SELECT raise(ABORT, 'transitions: a record is only ever retracted, and once'); END
"""
ANNOUNCED_STAYS = """
CREATE TRIGGER transitions_announced_stay BEFORE DELETE ON transitions
WHEN OLD.announced = 1
BEGIN SELECT raise(ABORT, 'transitions: what the feed has carried is never removed'); END
"""
ASSERTED = (
    "bucket",
    "generation",
    "subject_id",
    "number",
    "kind",
    "sequence",
    "from_stage",
    "to_stage",
    "direction",
    "steps",
    "effective_at",
    "cause_kind",
    "rule",
    "event_id",
    "evidence",
    "time_in_previous",
    "cycle",
    "position",
    "recorded_at",
    "asserted_position",
    "announced",
)


def upgrade() -> None:
    """Create everything, and the triggers that keep what was written as it was written."""
    _events()
    _event_keys()
    _account_events()
    _event_types()
    _subjects()
    _profiles()
    _stages()
    _stage_counts()
    _transitions()
    _feed()
    _snapshots()
    _parked()
    _model_versions()
    _generations()
    _api_keys()
    if op.get_bind().dialect.name == "sqlite":
        _triggers()


def wholes(*names: str, null: bool = False) -> list[sa.Column[int]]:
    """Return columns of whole numbers."""
    return [sa.Column(name, WHOLE, nullable=null, autoincrement=False) for name in names]


def texts(*names: str, null: bool = False) -> list[sa.Column[str]]:
    """Return columns of text."""
    return [sa.Column(name, TEXT, nullable=null) for name in names]


def octets(*names: str) -> list[sa.Column[bytes]]:
    """Return columns of bytes."""
    return [sa.Column(name, sa.LargeBinary(), nullable=False) for name in names]


def where(condition: str) -> dict[str, Any]:
    """Return the condition of a partial index, for each database."""
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _events() -> None:
    op.create_table(
        "events",
        *wholes("position", "bucket", "subject_id"),
        *texts("tenant", "type", "event_id", "source"),
        *texts("account_id", null=True),
        *wholes("occurred_at", "recorded_at", "effective_at", "late", "historical"),
        *texts("api_format"),
        *texts("key_id", "traceparent", null=True),
        *texts("payload"),
        sa.PrimaryKeyConstraint("position"),
        sa.CheckConstraint(
            "effective_at <= recorded_at",
            name="events_effective_not_after_recorded",
        ),
        **WIDE,
    )
    op.create_index("events_fold", "events", ["bucket", "subject_id", "effective_at", "position"])


def _event_keys() -> None:
    op.create_table(
        "event_keys",
        *wholes("bucket"),
        *texts("event_id"),
        *wholes("subject_id"),
        *texts("source"),
        *wholes("position", "content"),
        sa.PrimaryKeyConstraint("bucket", "event_id", "subject_id", "source"),
        **NARROW,
    )


def _account_events() -> None:
    op.create_table(
        "account_events",
        *wholes("bucket", "subject_id", "effective_at", "position", "event_bucket"),
        sa.PrimaryKeyConstraint("bucket", "subject_id", "effective_at", "position"),
        **NARROW,
    )


def _event_types() -> None:
    op.create_table(
        "event_types",
        *texts("tenant", "type"),
        *wholes("count", "first_at", "last_at"),
        sa.PrimaryKeyConstraint("tenant", "type"),
        **NARROW,
    )


def _subjects() -> None:
    op.create_table(
        "subjects",
        *wholes("bucket", "subject_id"),
        *texts("tenant", "kind", "name"),
        *wholes("parent_bucket", "parent_id", null=True),
        *wholes("root_bucket", "root_id"),
        sa.PrimaryKeyConstraint("bucket", "subject_id"),
        sa.UniqueConstraint("bucket", "tenant", "kind", "name", name="subjects_name"),
        **NARROW,
    )


def _profiles() -> None:
    op.create_table(
        "profiles",
        *wholes("bucket", "subject_id"),
        *texts("tenant", "kind", "name"),
        *wholes("first_seen_at", null=True),
        *wholes("last_at", "last_position", "last_day", "events", "newest_at", "settled_at"),
        *wholes("due_at", null=True),
        *texts("traits"),
        *texts("stamps", "voids", "members", null=True),
        *wholes("repeats"),
        *texts("parked", null=True),
        *octets("states"),
        sa.PrimaryKeyConstraint("bucket", "subject_id"),
        **WIDE,
    )
    op.create_index(
        "profiles_due",
        "profiles",
        ["due_at"],
        **where("due_at IS NOT NULL"),
    )
    op.create_index("profiles_last", "profiles", ["tenant", "last_day"])
    op.create_index("profiles_name", "profiles", ["tenant", "name", "kind"])


def _stages() -> None:
    op.create_table(
        "stages",
        *wholes("bucket", "generation", "subject_id"),
        *texts("stage"),
        *wholes("entered_at", "sequence", "cycle"),
        sa.PrimaryKeyConstraint("bucket", "generation", "subject_id"),
        **NARROW,
    )
    op.create_index("stages_board", "stages", ["generation", "stage", "entered_at"])


def _stage_counts() -> None:
    op.create_table(
        "stage_counts",
        *wholes("generation"),
        *texts("stage"),
        *wholes("day", "count"),
        sa.PrimaryKeyConstraint("generation", "stage", "day"),
        **NARROW,
    )


def _transitions() -> None:
    op.create_table(
        "transitions",
        *wholes("bucket", "generation", "subject_id", "number"),
        *texts("kind"),
        *wholes("sequence"),
        *texts("from_stage", null=True),
        *texts("to_stage", "direction"),
        *wholes("steps", "effective_at"),
        *texts("cause_kind", "rule"),
        *texts("event_id", null=True),
        *texts("evidence"),
        *wholes("time_in_previous", null=True),
        *wholes("cycle", "position", "recorded_at", "asserted_position", "announced"),
        *wholes("retracted_position", "retracted_at", null=True),
        *texts("retracted_cause", null=True),
        sa.PrimaryKeyConstraint("bucket", "generation", "subject_id", "number"),
        sa.CheckConstraint(
            "retracted_position IS NULL OR retracted_position >= asserted_position",
            name="transitions_retracted_after_asserted",
        ),
        **WIDE,
    )
    op.create_index(
        "transitions_flow",
        "transitions",
        [
            "generation",
            "effective_at",
            "from_stage",
            "time_in_previous",
            "kind",
            "retracted_position",
        ],
        **where("retracted_position IS NULL AND kind = 'transition'"),
    )


def _feed() -> None:
    op.create_table(
        "feed",
        *wholes("position"),
        *texts("tenant"),
        *wholes("bucket", "generation", "subject_id", "number"),
        *texts("kind"),
        *wholes("quiet"),
        sa.PrimaryKeyConstraint("position"),
        **WIDE,
    )


def _snapshots() -> None:
    op.create_table(
        "snapshots",
        *wholes("bucket", "subject_id", "slot", "effective_at", "position", "events"),
        *octets("states"),
        sa.PrimaryKeyConstraint("bucket", "subject_id", "slot"),
        **WIDE,
    )


def _parked() -> None:
    op.create_table(
        "parked",
        *wholes("bucket", "generation", "subject_id", "position"),
        *texts("error"),
        *wholes("attempts", "next_try_at"),
        sa.PrimaryKeyConstraint("bucket", "generation", "subject_id"),
        **NARROW,
    )


def _model_versions() -> None:
    op.create_table(
        "model_versions",
        *texts("tenant", "model"),
        *wholes("version"),
        *texts("document", "source", "hash"),
        *wholes("created_at"),
        *texts("created_by"),
        sa.PrimaryKeyConstraint("tenant", "model", "version"),
        **WIDE,
    )


def _generations() -> None:
    op.create_table(
        "generations",
        *wholes("generation"),
        *texts("tenant", "model"),
        *wholes("version"),
        *texts("status"),
        *wholes("done", "total", "started_at", "buckets_done"),
        *wholes("finished_at", null=True),
        *texts("error", null=True),
        sa.PrimaryKeyConstraint("generation"),
        **WIDE,
    )
    op.create_index(
        "generations_active",
        "generations",
        ["tenant", "model"],
        unique=True,
        **where("status = 'active'"),
    )


def _api_keys() -> None:
    op.create_table(
        "api_keys",
        *texts("id", "tenant", "name"),
        *octets("secret_hash"),
        *texts("scopes"),
        *wholes("created_at"),
        *texts("source", null=True),
        *wholes("expires_at", "revoked_at", "last_used_at", null=True),
        sa.PrimaryKeyConstraint("id"),
        **WIDE,
    )


def _triggers() -> None:
    for table in ("events", "event_keys", "feed"):
        op.execute(APPEND_ONLY.format(table=table))
        op.execute(NEVER_GO.format(table=table))
    changed = " OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in ASSERTED)
    op.execute(RETRACTED_ONLY.format(changed=changed))
    op.execute(ANNOUNCED_STAYS)
