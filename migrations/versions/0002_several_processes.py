"""On PostgreSQL: what several processes on one database need, and what protects the log.

Stage: pre deployment; the release before does not look at what is added. SQLite has nothing to do.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXT = sa.Text(collation="C")

REFUSE = """
CREATE FUNCTION stagefold_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'restrict_violation'; END
$$
"""
APPEND_ONLY = """
CREATE TRIGGER {table}_never_change BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW
EXECUTE FUNCTION stagefold_refuse('{table} is append-only: a row is never changed or removed')
"""
NEVER_EMPTIED = """
CREATE TRIGGER {table}_never_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT
EXECUTE FUNCTION stagefold_refuse('{table} is append-only: it is never emptied')
"""
RETRACTED_ONLY = """
CREATE TRIGGER transitions_only_retracted BEFORE UPDATE ON transitions FOR EACH ROW
WHEN (OLD.retracted_position IS NOT NULL OR NEW.retracted_position IS NULL
  OR ({old}) IS DISTINCT FROM ({new}))
EXECUTE FUNCTION stagefold_refuse('transitions: a record is only ever retracted, and once')
"""
ANNOUNCED_STAYS = """
CREATE TRIGGER transitions_announced_stay BEFORE DELETE ON transitions FOR EACH ROW
WHEN (OLD.announced = 1)
EXECUTE FUNCTION stagefold_refuse('transitions: what the feed has carried is never removed')
"""
REVOKED = """
REVOKE UPDATE, DELETE, TRUNCATE ON events, event_keys, feed FROM PUBLIC, CURRENT_USER
"""
GRANTED = "GRANT UPDATE, DELETE, TRUNCATE ON events, event_keys, feed TO CURRENT_USER"
LOGS = ("events", "event_keys", "feed")
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
ROOM = {"profiles": 80, "stages": 80, "stage_counts": 50, "event_types": 50}
"""Tables whose rows are written again and again, and how full their pages are at first."""


def upgrade() -> None:
    """Add turns, leases and triggers."""
    if op.get_bind().dialect.name != "postgresql":
        return
    _tables()
    _triggers()
    for table, percent in ROOM.items():
        op.execute(f"ALTER TABLE {table} SET (fillfactor = {percent})")


def downgrade() -> None:
    """Take them away again; no event is touched."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in ROOM:
        op.execute(f"ALTER TABLE {table} RESET (fillfactor)")
    op.execute(GRANTED)
    op.execute("DROP FUNCTION stagefold_refuse() CASCADE")
    op.drop_table("leases")
    op.drop_table("catalogue_changes")
    op.execute("DROP SEQUENCE turns")


def _tables() -> None:
    op.execute("CREATE SEQUENCE turns")
    changes = op.create_table(
        "catalogue_changes",
        sa.Column("count", sa.BigInteger(), nullable=False),
        comment="One row: how often models or generations have changed.",
    )
    op.bulk_insert(changes, [{"count": 0}])
    op.create_table(
        "leases",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("holder", TEXT, nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        comment="Which process runs which loop, and until when unless it says so again.",
    )


def _triggers() -> None:
    op.execute(REFUSE)
    for table in LOGS:
        op.execute(APPEND_ONLY.format(table=table))
    for table in (*LOGS, "transitions"):
        op.execute(NEVER_EMPTIED.format(table=table))
    old = ", ".join(f"OLD.{name}" for name in ASSERTED)
    op.execute(RETRACTED_ONLY.format(old=old, new=old.replace("OLD.", "NEW.")))
    op.execute(ANNOUNCED_STAYS)
    op.execute(REVOKED)
