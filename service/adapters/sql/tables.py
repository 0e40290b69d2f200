"""The tables as they are now; `migrations/` is how they came to be so, and a test compares both.

Whatever grows with customers carries `bucket` first in its primary and unique keys and has no
foreign keys, so that it can be spread over nodes by bucket (ADR 0004). The two exceptions are the
ordered logs themselves, `events` and `feed`: their key is their position. Indexes that do not begin
with a bucket serve questions about everybody and are only read that way.

Instants are whole microseconds since the epoch. Every table is STRICT on SQLite. Narrow tables are
stored in their key's order there; wide ones have a row id, because a wide row in a key's tree makes
the tree deep.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()

_Whole = BigInteger().with_variant(Integer, "sqlite")
_Words = Text().with_variant(Text(collation="C"), "postgresql")
"""Texts sort by code point everywhere, whatever language the database speaks."""
_WIDE: dict[str, Any] = {"sqlite_strict": True}
_NARROW: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}


def _number(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, _Whole, nullable=null, autoincrement=False)


def _text(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, _Words, nullable=null)


def _bytes(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False)


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


# ---------------------------------------------------------------- the log

events = Table(
    "events",
    metadata,
    _number("position"),
    _number("bucket"),
    _number("subject_id"),
    _text("tenant"),
    _text("type"),
    _text("event_id"),
    _text("source"),
    _text("account_id", null=True),
    _number("occurred_at"),
    _number("recorded_at"),
    _number("effective_at"),
    _number("late"),
    _number("historical"),
    _text("api_format"),
    _text("key_id", null=True),
    _text("traceparent", null=True),
    _text("payload"),
    PrimaryKeyConstraint("position"),
    CheckConstraint("effective_at <= recorded_at", name="events_effective_not_after_recorded"),
    Index("events_fold", "bucket", "subject_id", "effective_at", "position"),
    **_WIDE,
)

event_keys = Table(
    "event_keys",
    metadata,
    _number("bucket"),
    _text("event_id"),
    _number("subject_id"),
    _text("source"),
    _number("position"),
    _number("content"),
    PrimaryKeyConstraint("bucket", "event_id", "subject_id", "source"),
    **_NARROW,
)

account_events = Table(
    "account_events",
    metadata,
    _number("bucket"),
    _number("subject_id"),
    _number("effective_at"),
    _number("position"),
    _number("event_bucket"),
    PrimaryKeyConstraint("bucket", "subject_id", "effective_at", "position"),
    **_NARROW,
)

event_types = Table(
    "event_types",
    metadata,
    _text("tenant"),
    _text("type"),
    _number("count"),
    _number("first_at"),
    _number("last_at"),
    PrimaryKeyConstraint("tenant", "type"),
    **_NARROW,
)

# ---------------------------------------------------------------- who is who

subjects = Table(
    "subjects",
    metadata,
    _number("bucket"),
    _number("subject_id"),
    _text("tenant"),
    _text("kind"),
    _text("name"),
    _number("parent_bucket", null=True),
    _number("parent_id", null=True),
    _number("root_bucket"),
    _number("root_id"),
    PrimaryKeyConstraint("bucket", "subject_id"),
    UniqueConstraint("bucket", "tenant", "kind", "name", name="subjects_name"),
    **_NARROW,
)

profiles = Table(
    "profiles",
    metadata,
    _number("bucket"),
    _number("subject_id"),
    _text("tenant"),
    _text("kind"),
    _text("name"),
    _number("first_seen_at", null=True),
    _number("last_at"),
    _number("last_position"),
    _number("last_day"),
    _number("events"),
    _number("newest_at"),
    _number("settled_at"),
    _number("due_at", null=True),
    _text("traits"),
    _text("stamps", null=True),
    _text("voids", null=True),
    _text("members", null=True),
    _number("repeats"),
    _text("parked", null=True),
    _bytes("states"),
    PrimaryKeyConstraint("bucket", "subject_id"),
    Index("profiles_name", "tenant", "name", "kind"),
    Index("profiles_last", "tenant", "last_day"),
    Index("profiles_due", "due_at", **_where("due_at IS NOT NULL")),
    **_WIDE,
)

# ---------------------------------------------------------------- projections

stages = Table(
    "stages",
    metadata,
    _number("bucket"),
    _number("generation"),
    _number("subject_id"),
    _text("stage"),
    _number("entered_at"),
    _number("sequence"),
    _number("cycle"),
    PrimaryKeyConstraint("bucket", "generation", "subject_id"),
    Index("stages_board", "generation", "stage", "entered_at"),
    **_NARROW,
)

stage_counts = Table(
    "stage_counts",
    metadata,
    _number("generation"),
    _text("stage"),
    _number("day"),
    _number("count"),
    PrimaryKeyConstraint("generation", "stage", "day"),
    **_NARROW,
)

transitions = Table(
    "transitions",
    metadata,
    _number("bucket"),
    _number("generation"),
    _number("subject_id"),
    _number("number"),
    _text("kind"),
    _number("sequence"),
    _text("from_stage", null=True),
    _text("to_stage"),
    _text("direction"),
    _number("steps"),
    _number("effective_at"),
    _text("cause_kind"),
    _text("rule"),
    _text("event_id", null=True),
    _text("evidence"),
    _number("time_in_previous", null=True),
    _number("cycle"),
    _number("position"),
    _number("recorded_at"),
    _number("asserted_position"),
    _number("announced"),
    _number("retracted_position", null=True),
    _number("retracted_at", null=True),
    _text("retracted_cause", null=True),
    PrimaryKeyConstraint("bucket", "generation", "subject_id", "number"),
    CheckConstraint(
        "retracted_position IS NULL OR retracted_position >= asserted_position",
        name="transitions_retracted_after_asserted",
    ),
    Index(
        "transitions_flow",
        "generation",
        "effective_at",
        "from_stage",
        "time_in_previous",
        "kind",  # with the next one, so that a board of the past reads the index alone
        "retracted_position",
        **_where("retracted_position IS NULL AND kind = 'transition'"),
    ),
    **_WIDE,
)

feed = Table(
    "feed",
    metadata,
    _number("position"),
    _text("tenant"),
    _number("bucket"),
    _number("generation"),
    _number("subject_id"),
    _number("number"),
    _text("kind"),
    _number("quiet"),
    PrimaryKeyConstraint("position"),
    **_WIDE,
)

snapshots = Table(
    "snapshots",
    metadata,
    _number("bucket"),
    _number("subject_id"),
    _number("slot"),
    _number("effective_at"),
    _number("position"),
    _number("events"),
    _bytes("states"),
    PrimaryKeyConstraint("bucket", "subject_id", "slot"),
    **_WIDE,
)

parked = Table(
    "parked",
    metadata,
    _number("bucket"),
    _number("generation"),
    _number("subject_id"),
    _number("position"),
    _text("error"),
    _number("attempts"),
    _number("next_try_at"),
    PrimaryKeyConstraint("bucket", "generation", "subject_id"),
    **_NARROW,
)

# ---------------------------------------------------------------- models and keys

model_versions = Table(
    "model_versions",
    metadata,
    _text("tenant"),
    _text("model"),
    _number("version"),
    _text("document"),
    _text("source"),
    _text("hash"),
    _number("created_at"),
    _text("created_by"),
    PrimaryKeyConstraint("tenant", "model", "version"),
    **_WIDE,
)

generations = Table(
    "generations",
    metadata,
    _number("generation"),
    _text("tenant"),
    _text("model"),
    _number("version"),
    _text("status"),
    _number("done"),
    _number("total"),
    _number("started_at"),
    _number("buckets_done"),
    _number("finished_at", null=True),
    _text("error", null=True),
    PrimaryKeyConstraint("generation"),
    Index(
        "generations_active",
        "tenant",
        "model",
        unique=True,
        **_where("status = 'active'"),
    ),
    **_WIDE,
)

api_keys = Table(
    "api_keys",
    metadata,
    _text("id"),
    _text("tenant"),
    _text("name"),
    _bytes("secret_hash"),
    _text("scopes"),
    _number("created_at"),
    _text("source", null=True),
    _number("expires_at", null=True),
    _number("revoked_at", null=True),
    _number("last_used_at", null=True),
    PrimaryKeyConstraint("id"),
    **_WIDE,
)
