"""Erasing in PostgreSQL: what is read of whom, and what is left of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.types import TypeEngine

from projections.asking import Ref
from projections.rows.changes import ErasedRows, Row
from projections.rows.questions import AskTexts
from service.adapters.postgres import writes
from service.adapters.postgres.compiled import (
    TEXT,
    WHOLE,
    columns,
    for_postgres,
    listed,
    rows_of,
    same,
    statement,
)
from service.adapters.postgres.connections import Link
from service.adapters.postgres.lookups import REF, STANDING
from service.adapters.postgres.small import note_change
from service.adapters.postgres.writes import Write, Writing
from service.adapters.sql import sealed
from service.adapters.sql.tables import (
    account_events,
    event_keys,
    events,
    profiles,
    subjects,
    transitions,
)

_RECORD = (*STANDING, "number")
_TEXTS = (*_RECORD, "position", "event_id", "evidence", "retracted_position")


def sealable_of(link: Link, refs: Sequence[Ref]) -> list[Row]:
    """Return the events sent for some subjects."""
    return [tuple(row) for row in link.listed(statement(_sealable_of), refs)]


def texts(link: Link, asked: AskTexts) -> list[Row]:
    """Return what records say of events."""
    standings = [(ref[0], number, ref[1]) for ref in asked.refs for number in asked.generations]
    return [tuple(row) for row in link.listed(statement(_texts), standings)] if standings else []


def write(link: Link, rows: ErasedRows) -> None:
    """Write what an erasure leaves, and let every reader look anew."""
    for write_one, found in (
        (_reduce_events, rows.events),
        (_rename_keys, rows.keys),
        (_lose_links, rows.links),
        (_rename_subjects, rows.names),
        (_rename_profiles, rows.names),
        (_lose_salts, [row[1:] for row in rows.names]),
        (_rewrite_records, rows.texts),
    ):
        if found:
            link.listed(writes.text_of(write_one), found)
    note_change(link)


def _sealable_of() -> str:
    rows = rows_of(events, *REF)
    found = sealed.with_secrets().where(*same(events, rows, *REF))
    return for_postgres(found, *REF)


def _texts() -> str:
    rows = rows_of(transitions, *STANDING)
    found = select(*columns(transitions, *_TEXTS)).where(*same(transitions, rows, *STANDING))
    return for_postgres(found, *STANDING)


_reduce_events: Write = partial(
    writes.update_of,
    table=events,
    names=("event_id", "account_id", "traceparent", "payload"),
    keys=("position",),
)
_lose_links: Write = writes.delete_from(account_events, (*REF, "effective_at", "position"))
_rename_subjects: Write = partial(writes.update_of, table=subjects, names=("name",), keys=REF)
_rename_profiles: Write = partial(writes.update_of, table=profiles, names=("name",), keys=REF)
_lose_salts: Write = writes.delete_from(sealed.salts, REF)
_rewrite_records: Write = partial(
    writes.update_of, table=transitions, names=("event_id", "evidence"), keys=_RECORD
)


def _rename_keys(prefix: str) -> Writing:
    """Return the statement that puts other ids into event keys: the new one, then the old key."""
    kinds: dict[str, TypeEngine[Any]] = {
        "new_id": TEXT,
        "content": WHOLE,
        "bucket": WHOLE,
        "event_id": TEXT,
        "subject_id": WHOLE,
        "source": TEXT,
    }
    rows = listed(kinds, prefix)
    changing = update(event_keys).where(
        *same(event_keys, rows, "bucket", "event_id", "subject_id", "source")
    )
    values = {event_keys.c.event_id: rows.c.new_id, event_keys.c.content: rows.c.content}
    return changing.values(values), tuple(kinds)
