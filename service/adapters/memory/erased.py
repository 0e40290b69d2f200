"""Erasing in memory: what is read of whom, and what is left of the rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from projections.asking import Question, Ref
from projections.registers.erasure import ERASED_EVENTS, ERASURES
from projections.registers.register import AskEntries, AskFirsts
from projections.rows.changes import EVENT_COLUMNS, ErasedRows, Row
from projections.rows.questions import AskSealable, AskTexts, EventKey, WriteErased
from projections.rows.records import RECORD_COLUMNS
from projections.subjects.profiles import NAME_COLUMNS, PROFILE_COLUMNS
from service.adapters.memory.registers import MemoryRegisters

_EVENT = {name: place for place, name in enumerate(EVENT_COLUMNS)}
_RECORD = {name: place for place, name in enumerate(RECORD_COLUMNS)}
_REDUCED = ("event_id", "account_id", "traceparent", "payload")
_TEXTS = ("bucket", "generation", "subject_id", "number", "position", "event_id", "evidence")
_EVERY = 1 << 40


class Naming(Protocol):
    """The rows that name a person or hold what was sent for one, each by its key."""

    events: list[Row]
    by_subject: dict[Ref, list[Row]]
    by_account: dict[Ref, list[Row]]
    event_keys: dict[EventKey, tuple[int, int]]
    names: dict[tuple[str, str, str], Row]
    subjects: dict[Ref, Row]
    profiles: dict[Ref, Row]
    records: dict[tuple[int, Ref], list[list[Any]]]
    registers: MemoryRegisters
    salts: dict[Ref, bytes]

    def sent_for(self, event: Row) -> tuple[str, str]:
        """Return kind and id of the subject that an event row was sent for."""
        ...


def answers(rows: Naming) -> dict[type[Question[Any]], Callable[[Any], Any]]:
    """Return what answers the questions of an erasure."""
    return {
        AskSealable: lambda asked: sealable_of(rows, asked.refs),
        AskTexts: lambda asked: texts(rows, asked),
        WriteErased: lambda asked: write(rows, asked.rows),
    }


def newest(rows: Naming) -> int:
    """Return the position of the newest erasure; 0 for none."""
    found = rows.registers.read(AskEntries(ERASURES, limit=_EVERY))
    return max((ERASURES.value(row).position for row in found), default=0)


def of_seal(rows: Naming, event: Row) -> tuple[bytes | None, int, int, bytes | None]:
    """Return what a seal needs beside an event: salt, what its id leads to, digest if erased."""
    bucket, subject_id = event[1:3]
    key = (bucket, event[_EVENT["event_id"]], subject_id, event[_EVENT["source"]])
    kept = rows.registers.read_firsts(AskFirsts(ERASED_EVENTS, [(event[0],)]))
    digest = ERASED_EVENTS.value(kept[0]).digest if kept else None
    return (rows.salts.get((bucket, subject_id)), *rows.event_keys[key], digest)


def sealable_of(rows: Naming, refs: Sequence[Ref]) -> list[Row]:
    """Return the events sent for some subjects."""
    return [
        (*row, *rows.sent_for(row), *of_seal(rows, row))
        for ref in refs
        for row in rows.by_subject.get(ref, ())
    ]


def texts(rows: Naming, asked: AskTexts) -> list[Row]:
    """Return what records say of events."""
    return [
        (*(row[_RECORD[name]] for name in _TEXTS), row[len(RECORD_COLUMNS)])
        for generation in asked.generations
        for ref in asked.refs
        for row in rows.records.get((generation, ref), ())
    ]


def write(rows: Naming, left: ErasedRows) -> None:
    """Write what an erasure leaves."""
    for *values, position in left.events:
        _replace_event(rows, position, dict(zip(_REDUCED, values, strict=True)))
    for new_id, content, bucket, event_id, subject_id, source in left.keys:
        position, _ = rows.event_keys.pop((bucket, event_id, subject_id, source))
        rows.event_keys[bucket, new_id, subject_id, source] = (position, content)
    for bucket, subject_id, _, position in left.links:
        linked = rows.by_account[bucket, subject_id]
        linked[:] = [row for row in linked if row[0] != position]
    for name, *ref in left.names:
        _rename(rows, (ref[0], ref[1]), name)
    for event_id, evidence, bucket, generation, subject_id, number in left.texts:
        for row in rows.records[generation, (bucket, subject_id)]:
            if row[_RECORD["number"]] == number:
                row[_RECORD["event_id"]], row[_RECORD["evidence"]] = event_id, evidence


def _replace_event(rows: Naming, position: int, values: dict[str, object]) -> None:
    old = rows.events[position - 1]
    new = list(old)
    for name, value in values.items():
        new[_EVENT[name]] = value
    rows.events[position - 1] = tuple(new)
    for kept in (rows.by_subject, rows.by_account):
        for events in kept.values():
            events[:] = [tuple(new) if row is old else row for row in events]


def _rename(rows: Naming, ref: Ref, name: str) -> None:
    subject = list(rows.subjects[ref])
    place = NAME_COLUMNS.index("name")
    tenant, kind = subject[2], subject[3]
    del rows.names[tenant, kind, subject[place]]
    subject[place] = name
    rows.subjects[ref] = rows.names[tenant, kind, name] = tuple(subject)
    rows.salts.pop(ref, None)
    profile = rows.profiles.get(ref)
    if profile is not None:
        at = PROFILE_COLUMNS.index("name")
        rows.profiles[ref] = (*profile[:at], name, *profile[at + 1 :])
