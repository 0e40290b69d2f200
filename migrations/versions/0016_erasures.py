"""Erasures: what is kept of them, and the one door through which a person leaves the log.

Stage: pre deployment; the release before neither reads nor writes what is added, and erases nobody.
While a row of `erasing` names a subject, its events may be reduced, each once; records and entries
of the audit log may lose what they say of it. The transaction that puts such a row there takes it
away again, so outside of it the door is always shut.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

WIDE: dict[str, Any] = {"sqlite_strict": True}
NARROW: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NEW_TABLES = (
    "erasures",
    "erased_events",
    "erased_keys",
    "erased_buckets",
    "erasing",
    "erasures_unfinished",
)

EVENTS_KEPT = (
    "position",
    "bucket",
    "subject_id",
    "tenant",
    "type",
    "source",
    "occurred_at",
    "recorded_at",
    "effective_at",
    "late",
    "historical",
    "api_format",
    "key_id",
)
KEYS_KEPT = ("bucket", "subject_id", "source", "position")
AUDIT_KEPT = ("tenant", "number", "at", "actor", "action", "outcome", "before", "after", "address")
RECORDS_KEPT = (
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
    "time_in_previous",
    "cycle",
    "position",
    "recorded_at",
    "asserted_position",
    "announced",
)
RECORD_TEXTS = ("event_id", "evidence")
RETRACTION = ("retracted_position", "retracted_at", "retracted_cause")
SHUT = "NOT EXISTS (SELECT 1 FROM erasing)"
SHUT_FOR_IT = (
    "NOT EXISTS (SELECT 1 FROM erasing"
    " WHERE erasing.bucket = OLD.bucket AND erasing.subject_id = OLD.subject_id)"
    " OR EXISTS (SELECT 1 FROM erased_events WHERE erased_events.position = OLD.position)"
)
APPEND_ONLY = "{table} is append-only: a row is never changed"
ONLY_RETRACTED = "transitions: a record is only ever retracted, and once"

ONLY_ERASED = """
CREATE FUNCTION stagefold_only_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM erasing)
    AND to_jsonb(OLD) - TG_ARGV[1:] = to_jsonb(NEW) - TG_ARGV[1:] THEN RETURN NEW; END IF;
  RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'restrict_violation';
END $$
"""
ERASED_ONCE = """
CREATE FUNCTION stagefold_erased_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM erasing e WHERE e.bucket = OLD.bucket AND e.subject_id = OLD.subject_id)
    AND NOT EXISTS (SELECT FROM erased_events e WHERE e.position = OLD.position)
  THEN RETURN NEW; END IF;
  RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'restrict_violation';
END $$
"""
LOGS = {
    "events": ("event_id", "account_id", "traceparent", "payload"),
    "event_keys": ("event_id", "content"),
    "audit_log": ("target",),
}
"""Of each log, the columns that an erasure may change."""


def upgrade() -> None:
    """Add the tables and open the door by a crack."""
    _tables()
    if op.get_bind().dialect.name == "sqlite":
        _sqlite()
    else:
        _postgresql()


def downgrade() -> None:
    """Shut the door and forget who was erased; they stay so."""
    if op.get_bind().dialect.name == "sqlite":
        _sqlite_back()
    else:
        _postgresql_back()
    for name in reversed(NEW_TABLES):
        op.drop_table(name)


def _tables() -> None:
    op.create_table(
        "erasures",
        *_texts("tenant"),
        *_wholes("position", "root_bucket", "root_id"),
        *_texts("mode"),
        *_wholes("at", "first", "since", "names", "events"),
        sa.PrimaryKeyConstraint("tenant", "position"),
        **WIDE,
    )
    op.create_index("erasures_position", "erasures", ["position"])
    op.create_table(
        "erased_events",
        *_wholes("position"),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
        **WIDE,
    )
    op.create_table(
        "erased_keys",
        *_wholes("bucket"),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", "digest"),
        **NARROW,
    )
    op.create_table(
        "erased_buckets", *_wholes("bucket"), sa.PrimaryKeyConstraint("bucket"), **NARROW
    )
    op.create_table(
        "erasing",
        *_wholes("bucket", "subject_id"),
        sa.PrimaryKeyConstraint("bucket", "subject_id"),
        **NARROW,
    )
    op.create_table(
        "erasures_unfinished",
        *_texts("tenant"),
        *_wholes("position"),
        *_texts("names", "token", "mode"),
        *_wholes("at", "is_told"),
        sa.PrimaryKeyConstraint("tenant", "position"),
        **WIDE,
    )


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, TEXT, nullable=False) for name in names]


def _wholes(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, WHOLE, nullable=False, autoincrement=False) for name in names]


# ---------------------------------------------------------------- SQLite


def _sqlite() -> None:
    for table, kept, shut in (
        ("events", EVENTS_KEPT, SHUT_FOR_IT),
        ("event_keys", KEYS_KEPT, SHUT),
        ("audit_log", AUDIT_KEPT, SHUT),
    ):
        op.execute(f"DROP TRIGGER {table}_never_change")
        op.execute(
            f"CREATE TRIGGER {table}_never_change BEFORE UPDATE ON {table}"
            f" WHEN {shut} OR {_changed(kept)}"
            f" BEGIN SELECT raise(ABORT, '{APPEND_ONLY.format(table=table)}'); END"
        )
    op.execute("DROP TRIGGER transitions_only_retracted")
    others = _changed((*RECORDS_KEPT, *RETRACTION))
    op.execute(_only_retracted(f" AND ({SHUT} OR {others})"))


def _sqlite_back() -> None:
    for table in LOGS:
        op.execute(f"DROP TRIGGER {table}_never_change")
        op.execute(
            f"CREATE TRIGGER {table}_never_change BEFORE UPDATE ON {table}"
            f" BEGIN SELECT raise(ABORT, '{APPEND_ONLY.format(table=table)}'); END"
        )
    op.execute("DROP TRIGGER transitions_only_retracted")
    op.execute(_only_retracted(""))


def _only_retracted(unless: str) -> str:
    changed = _changed((*RECORDS_KEPT, *RECORD_TEXTS))
    return (
        "CREATE TRIGGER transitions_only_retracted BEFORE UPDATE ON transitions"
        " WHEN (OLD.retracted_position IS NOT NULL OR NEW.retracted_position IS NULL"
        f" OR {changed}){unless}"
        f" BEGIN SELECT raise(ABORT, '{ONLY_RETRACTED}'); END"
    )


def _changed(names: tuple[str, ...]) -> str:
    return " OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in names)


# ---------------------------------------------------------------- PostgreSQL


def _postgresql() -> None:
    op.execute(ONLY_ERASED)
    op.execute(ERASED_ONCE)
    for table, columns in LOGS.items():
        message = APPEND_ONLY.format(table=table)
        arguments = ", ".join(f"'{one}'" for one in (message, *columns))
        op.execute(f"DROP TRIGGER {table}_never_change ON {table}")
        _trigger(f"{table}_never_change", "UPDATE", table, f"stagefold_only_erased({arguments})")
        _trigger(f"{table}_never_go", "DELETE", table, f"stagefold_refuse('{message} or removed')")
        granted = "" if table == "audit_log" else f" ({', '.join(columns)})"
        op.execute(f"GRANT UPDATE{granted} ON {table} TO CURRENT_USER")
    message = APPEND_ONLY.format(table="events")
    _trigger("events_once", "UPDATE", "events", f"stagefold_erased_once('{message} twice')")
    _only_retracted_by(f"stagefold_only_erased('{ONLY_RETRACTED}', 'event_id', 'evidence')")


def _postgresql_back() -> None:
    for table, columns in LOGS.items():
        message = APPEND_ONLY.format(table=table)
        op.execute(f"DROP TRIGGER {table}_never_change ON {table}")
        op.execute(f"DROP TRIGGER {table}_never_go ON {table}")
        _trigger(
            f"{table}_never_change",
            "UPDATE OR DELETE",
            table,
            f"stagefold_refuse('{message} or removed')",
        )
        granted = "" if table == "audit_log" else f" ({', '.join(columns)})"
        op.execute(f"REVOKE UPDATE{granted} ON {table} FROM CURRENT_USER")
    op.execute("DROP TRIGGER events_once ON events")
    _only_retracted_by(f"stagefold_refuse('{ONLY_RETRACTED}')")
    op.execute("DROP FUNCTION stagefold_erased_once()")
    op.execute("DROP FUNCTION stagefold_only_erased()")


def _only_retracted_by(function: str) -> None:
    old = ", ".join(f"OLD.{name}" for name in (*RECORDS_KEPT, *RECORD_TEXTS))
    condition = (
        "OLD.retracted_position IS NOT NULL OR NEW.retracted_position IS NULL"
        f" OR ({old}) IS DISTINCT FROM ({old.replace('OLD.', 'NEW.')})"
    )
    op.execute("DROP TRIGGER transitions_only_retracted ON transitions")
    op.execute(
        "CREATE TRIGGER transitions_only_retracted BEFORE UPDATE ON transitions FOR EACH ROW"
        f" WHEN ({condition}) EXECUTE FUNCTION {function}"
    )


def _trigger(name: str, when: str, table: str, function: str) -> None:
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {function}"
    )
