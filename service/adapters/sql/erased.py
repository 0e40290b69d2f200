"""The tables of erasures: registers, whose rows are those of `projections.registers.erasure`.

`erasing` is the log's only door: while a row names a subject, what is private in its events may be
reduced, each event once. The transaction that puts the row there takes it away again.
"""

from __future__ import annotations

from sqlalchemy import Index, PrimaryKeyConstraint, Table

from service.adapters.sql.columns import NARROW, WIDE, metadata, number, octets, words

erasures = Table(
    "erasures",
    metadata,
    words("tenant"),
    *map(number, ("position", "root_bucket", "root_id")),
    words("mode"),
    *map(number, ("at", "first", "since", "names", "events")),
    words("marks", null=True),
    PrimaryKeyConstraint("tenant", "position"),
    Index("erasures_position", "position"),
    **WIDE,
)

erased_events = Table(
    "erased_events",
    metadata,
    number("position"),
    octets("digest"),
    PrimaryKeyConstraint("position"),
    **WIDE,
)

erased_keys = Table(
    "erased_keys",
    metadata,
    number("bucket"),
    octets("digest"),
    PrimaryKeyConstraint("bucket", "digest"),
    **NARROW,
)

erased_buckets = Table(
    "erased_buckets",
    metadata,
    number("bucket"),
    PrimaryKeyConstraint("bucket"),
    **NARROW,
)

erasing = Table(
    "erasing",
    metadata,
    number("bucket"),
    number("subject_id"),
    PrimaryKeyConstraint("bucket", "subject_id"),
    **NARROW,
)

unfinished = Table(
    "erasures_unfinished",
    metadata,
    words("tenant"),
    number("position"),
    *map(words, ("names", "token", "mode")),
    *map(number, ("at", "is_told")),
    PrimaryKeyConstraint("tenant", "position"),
    **WIDE,
)
