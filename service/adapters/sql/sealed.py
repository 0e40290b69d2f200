"""Seals, as tables and as rows: hashes over ranges of the log, and the salts that go into them.

A salt lives as long as its subject's texts: whoever erases them erases it, and keeps the digests.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    PrimaryKeyConstraint,
    Select,
    Table,
    UniqueConstraint,
    and_,
    select,
)

from projections.rows.changes import EVENT_COLUMNS
from projections.safekeeping.seals import Seal
from service.adapters.sql.columns import NARROW, WIDE, metadata, number, octets
from service.adapters.sql.erased import erased_events
from service.adapters.sql.tables import event_keys, events, subjects

seals = Table(
    "seals",
    metadata,
    number("from_position"),
    number("to_position"),
    octets("root"),
    octets("previous"),
    octets("marks"),
    number("sealed_at"),
    PrimaryKeyConstraint("to_position"),
    UniqueConstraint("from_position", name="seals_from"),
    **WIDE,
)

salts = Table(
    "salts",
    metadata,
    number("bucket"),
    number("subject_id"),
    octets("salt"),
    PrimaryKeyConstraint("bucket", "subject_id"),
    **NARROW,
)

seal_row = attrgetter(*seals.c.keys())
"""The row of a seal."""


def seal_of(row: Sequence[Any]) -> Seal:
    """Return the seal that *row* holds."""
    return Seal(**dict(zip(seals.c.keys(), row, strict=True)))


def seals_behind(after: ColumnElement[int]) -> Select[Any]:
    """Return the selection of seals that end behind a position, in order."""
    return select(seals).where(seals.c.to_position > after).order_by(seals.c.to_position)


def seals_before(before: ColumnElement[int]) -> Select[Any]:
    """Return the selection of seals that end before a position, the newest first."""
    found = select(seals).where(seals.c.to_position < before)
    return found.order_by(seals.c.to_position.desc())


def sealable(after: ColumnElement[int], end: ColumnElement[int]) -> Select[Any]:
    """Return the selection of `SEALABLE_COLUMNS` behind one position, up to another, in order.

    Whatever an event should have beside it, and has not, is NULL: that is for the reader to judge.
    """
    chosen = with_secrets()
    return chosen.where(events.c.position > after, events.c.position <= end).order_by(
        events.c.position
    )


def with_secrets() -> Select[Any]:
    """Return the selection of `SEALABLE_COLUMNS`."""
    key = event_keys
    named = ("bucket", "event_id", "subject_id", "source")
    of_subject = ("bucket", "subject_id")
    joined = (
        events.outerjoin(subjects, and_(*(subjects.c[n] == events.c[n] for n in of_subject)))
        .outerjoin(salts, and_(*(salts.c[n] == events.c[n] for n in of_subject)))
        .outerjoin(key, and_(*(key.c[n] == events.c[n] for n in named)))
        .outerjoin(erased_events, erased_events.c.position == events.c.position)
    )
    chosen = select(
        *(events.c[name] for name in EVENT_COLUMNS),
        subjects.c.kind,
        subjects.c.name,
        salts.c.salt,
        key.c.position,
        key.c.content,
        erased_events.c.digest,
    )
    return chosen.select_from(joined)
