"""Rows on their way to PostgreSQL: what goes by COPY, and what goes in one statement together.

A small batch of events is written by one statement, log and projections alike, and by the same one
whatever it brings: a kind of row of which there are none costs its part of the statement a few
microseconds, where another statement would have to be planned and one more be waited for.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TypeAlias

from projections.rows.changes import EVENT_COLUMNS, Row
from projections.rows.records import RECORD_COLUMNS
from projections.subjects.profiles import NAME_COLUMNS
from service.adapters.postgres import writes
from service.adapters.postgres.arrays import EMPTY
from service.adapters.postgres.connections import Link
from service.adapters.postgres.writes import Write
from service.adapters.sql.tables import (
    account_events,
    event_keys,
    events,
    feed,
    subjects,
    transitions,
)

Part: TypeAlias = tuple[Write, Sequence[Row]]
"""A kind of row, and rows of it."""

COPIED_FROM = 500
"""From so many rows on COPY is quicker than arrays."""

_COPIED: dict[Write, tuple[str, tuple[str, ...]]] = {
    writes.add_events: (events.name, EVENT_COLUMNS),
    writes.add_keys: (event_keys.name, tuple(event_keys.c.keys())),
    writes.add_links: (account_events.name, tuple(account_events.c.keys())),
    writes.add_names: (subjects.name, NAME_COLUMNS),
    writes.add_records: (transitions.name, RECORD_COLUMNS),
    writes.add_feed: (feed.name, tuple(feed.c.keys())),
}
"""What only adds rows, and where."""

USUAL: tuple[Write, ...] = (
    writes.add_events,
    writes.add_keys,
    writes.add_names,
    writes.count_types,
    writes.put_profiles,
    writes.touch_profiles,
    writes.date_profiles,
    writes.put_stages,
    writes.add_records,
    writes.add_feed,
    writes.put_snapshots,
    writes.count_stages,
    writes.count_stays,
)
"""What a small batch of events writes; hardly ever is there more."""


def send(link: Link, *parts: Part) -> None:
    """Begin to write *parts*: in one statement, but with COPY what is long and only adds rows.

    Nobody waits for it here: the server writes while the next rows are made.
    """
    together: list[Part] = []
    for write, rows in parts:
        if len(rows) >= COPIED_FROM and write in _COPIED:
            link.send_copy(*_COPIED[write], rows)
        elif rows:
            together.append((write, rows))
    if together:
        _send_together(link, together)


def send_usual(link: Link, *parts: Part) -> None:
    """Begin to write the *parts* of a small batch, log and projections, in one statement."""
    found = {write: rows for write, rows in parts if rows}
    if found.keys() <= set(USUAL):
        parts = tuple((write, found.get(write, ())) for write in USUAL)
    else:
        parts = tuple(found.items())
    _send_together(link, parts)


def _send_together(link: Link, parts: Sequence[Part]) -> None:
    arrays: list[object] = []
    for write, rows in parts:
        arrays += zip(*rows, strict=True) if rows else _no_rows(write)
    link.send(writes.text_of(*(write for write, _ in parts)), *arrays)


@cache
def _no_rows(write: Write) -> tuple[str, ...]:
    """Return as many empty columns as *write* binds."""
    _, names = write("")
    return (EMPTY,) * len(names)
