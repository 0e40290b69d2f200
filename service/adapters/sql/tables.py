"""The tables as they are now; `migrations/` is how they came to be so, and a test compares both.

Whatever grows with customers carries `bucket` first in its primary and unique keys and has no
foreign keys, so that it can be spread over nodes by bucket (ADR 0004). The two exceptions are the
ordered logs themselves, `events` and `feed`: their key is their position. Indexes that do not begin
with a bucket serve questions about everybody and are only read that way.

A module may declare the tables of one concern for itself, as this one does; `metadata` holds all.
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Index,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    text,
)

from service.adapters.sql.columns import NARROW, WIDE, metadata, number, octets, where, words

# ---------------------------------------------------------------- the log

events = Table(
    "events",
    metadata,
    number("position"),
    number("bucket"),
    number("subject_id"),
    words("tenant"),
    words("type"),
    words("event_id"),
    words("source"),
    words("account_id", null=True),
    number("occurred_at"),
    number("recorded_at"),
    number("effective_at"),
    number("late"),
    number("historical"),
    words("api_format"),
    words("key_id", null=True),
    words("traceparent", null=True),
    words("payload"),
    PrimaryKeyConstraint("position"),
    CheckConstraint("effective_at <= recorded_at", name="events_effective_not_after_recorded"),
    Index(
        "events_fold",
        "bucket",
        "subject_id",
        "effective_at",
        "position",
        postgresql_include=["type", "event_id", "recorded_at"],  # all that most rebuilds read
    ),
    **WIDE,
)

event_keys = Table(
    "event_keys",
    metadata,
    number("bucket"),
    words("event_id"),
    number("subject_id"),
    words("source"),
    number("position"),
    number("content"),
    PrimaryKeyConstraint("bucket", "event_id", "subject_id", "source"),
    **NARROW,
)

account_events = Table(
    "account_events",
    metadata,
    number("bucket"),
    number("subject_id"),
    number("effective_at"),
    number("position"),
    number("event_bucket"),
    PrimaryKeyConstraint("bucket", "subject_id", "effective_at", "position"),
    **NARROW,
)

event_types = Table(
    "event_types",
    metadata,
    words("tenant"),
    words("type"),
    number("count"),
    number("first_at"),
    number("last_at"),
    PrimaryKeyConstraint("tenant", "type"),
    **NARROW,
)

# ---------------------------------------------------------------- who is who

subjects = Table(
    "subjects",
    metadata,
    number("bucket"),
    number("subject_id"),
    words("tenant"),
    words("kind"),
    words("name"),
    number("parent_bucket", null=True),
    number("parent_id", null=True),
    number("root_bucket"),
    number("root_id"),
    PrimaryKeyConstraint("bucket", "subject_id"),
    UniqueConstraint("bucket", "tenant", "kind", "name", name="subjects_name"),
    Index(
        "subjects_joined",
        "root_bucket",
        "root_id",
        **where("root_id <> subject_id"),
    ),
    **NARROW,
)

profiles = Table(
    "profiles",
    metadata,
    number("bucket"),
    number("subject_id"),
    words("tenant"),
    words("kind"),
    words("name"),
    number("first_seen_at", null=True),
    number("last_at"),
    number("last_position"),
    number("last_day"),
    number("events"),
    number("newest_at"),
    number("settled_at"),
    number("due_at", null=True),
    words("traits"),
    words("stamps", null=True),
    words("voids", null=True),
    words("members", null=True),
    number("repeats"),
    words("parked", null=True),
    octets("states"),
    PrimaryKeyConstraint("bucket", "subject_id"),
    Index("profiles_name", "tenant", "name", "kind"),
    Index("profiles_last", "tenant", "last_day"),
    Index("profiles_due", "due_at", **where("due_at IS NOT NULL")),
    **WIDE,
)

# ---------------------------------------------------------------- projections

stages = Table(
    "stages",
    metadata,
    number("bucket"),
    number("generation"),
    number("subject_id"),
    words("stage"),
    number("entered_at"),
    number("sequence"),
    number("cycle"),
    PrimaryKeyConstraint("bucket", "generation", "subject_id"),
    Index("stages_board", "generation", "stage", "entered_at"),
    **NARROW,
)

stage_counts = Table(
    "stage_counts",
    metadata,
    number("generation"),
    words("stage"),
    number("day"),
    number("count"),
    PrimaryKeyConstraint("generation", "stage", "day"),
    **NARROW,
)

transitions = Table(
    "transitions",
    metadata,
    number("bucket"),
    number("generation"),
    number("subject_id"),
    number("number"),
    words("kind"),
    number("sequence"),
    words("from_stage", null=True),
    words("to_stage"),
    words("direction"),
    number("steps"),
    number("effective_at"),
    words("cause_kind"),
    words("rule"),
    words("event_id", null=True),
    words("evidence"),
    number("time_in_previous", null=True),
    number("cycle"),
    number("position"),
    number("recorded_at"),
    number("asserted_position"),
    number("announced"),
    number("retracted_position", null=True),
    number("retracted_at", null=True),
    words("retracted_cause", null=True),
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
        **where("retracted_position IS NULL AND kind = 'transition'"),
    ),
    Index(
        "transitions_stays",
        "generation",
        "from_stage",
        text("(effective_at - time_in_previous)"),
        "effective_at",
        "time_in_previous",
        "kind",
        "retracted_position",
        **where("retracted_position IS NULL AND kind = 'transition'"),
    ),
    **WIDE,
)

feed = Table(
    "feed",
    metadata,
    number("position"),
    words("tenant"),
    number("bucket"),
    number("generation"),
    number("subject_id"),
    number("number"),
    words("kind"),
    number("quiet"),
    PrimaryKeyConstraint("position"),
    **WIDE,
)

snapshots = Table(
    "snapshots",
    metadata,
    number("bucket"),
    number("subject_id"),
    number("slot"),
    number("effective_at"),
    number("position"),
    number("events"),
    octets("states"),
    PrimaryKeyConstraint("bucket", "subject_id", "slot"),
    **WIDE,
)

parked = Table(
    "parked",
    metadata,
    number("bucket"),
    number("generation"),
    number("subject_id"),
    number("position"),
    words("error"),
    number("attempts"),
    number("next_try_at"),
    PrimaryKeyConstraint("bucket", "generation", "subject_id"),
    **NARROW,
)

# ---------------------------------------------------------------- models and keys

model_versions = Table(
    "model_versions",
    metadata,
    words("tenant"),
    words("model"),
    number("version"),
    words("document"),
    words("source"),
    words("hash"),
    number("created_at"),
    words("created_by"),
    number("validated_at", null=True),
    number("backtested_at", null=True),
    PrimaryKeyConstraint("tenant", "model", "version"),
    **WIDE,
)

generations = Table(
    "generations",
    metadata,
    number("generation"),
    words("tenant"),
    words("model"),
    number("version"),
    words("status"),
    number("done"),
    number("total"),
    number("started_at"),
    number("buckets_done"),
    number("finished_at", null=True),
    words("error", null=True),
    number("base", null=True),
    number("since", null=True),
    number("engine", null=True),
    number("standby_until", null=True),
    words("stage_map", null=True),
    words("hash", null=True),
    PrimaryKeyConstraint("generation"),
    Index(
        "generations_active",
        "tenant",
        "model",
        unique=True,
        **where("status = 'active'"),
    ),
    **WIDE,
)

api_keys = Table(
    "api_keys",
    metadata,
    words("id"),
    words("tenant"),
    words("name"),
    octets("secret_hash"),
    words("scopes"),
    number("created_at"),
    words("source", null=True),
    number("expires_at", null=True),
    number("revoked_at", null=True),
    number("last_used_at", null=True),
    words("terms", null=True),
    octets("former_hash", null=True),
    number("former_until", null=True),
    PrimaryKeyConstraint("id"),
    **WIDE,
)
