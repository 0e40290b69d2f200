"""Verifying: everybody folded again from the log, and compared with what the projections say.

A standing is compared at the newer of two instants: that up to which it was kept, and that of the
subject's newest event; nobody's answer depends on how far a sweep has come. What is stored as
records, and what is still to be recorded by then, must be what the fold tells, in its order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from domain.events import Event
from projections.asking import Ref
from projections.folding import FOLD_FAILURES
from projections.health import Finding
from projections.log import SubjectKey
from projections.records import Content, Projection, RecordRow, content_of
from projections.subjects import Profile, Standing

DIGEST_OCTETS = 32
_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class ProjectionsPage:
    """Some buckets of subjects, compared.

    Attributes:
        findings: Who stands, or came to stand, elsewhere than the fold says.
        subjects: How many were compared.
        events: How many events their histories have.
        records: How many records of theirs hold.
        digest: Sum of the hashes of what is stored of each subject and model, modulo 2 ** 256:
            equal for equal projections, whatever the database and the order.
        end: The first bucket that is not in it.
    """

    findings: Sequence[Finding]
    subjects: int
    events: int
    records: int
    digest: int
    end: int


def compare(
    profiles: Sequence[Profile],
    projections: Sequence[Projection],
    histories: Mapping[Ref, Sequence[Event]],
    records: Mapping[tuple[int, Ref], Sequence[RecordRow]],
    end: int,
) -> ProjectionsPage:
    """Return how *profiles*, all of one kind, compare with their own histories."""
    findings: list[Finding] = []
    digest = told = 0
    for profile in profiles:
        events = histories.get(profile.ref, ())
        if profile.events != len(events):
            message = (
                f"{_named(profile)}: expected {len(events)} events by its history,"
                f" found {profile.events}"
            )
            findings.append(Finding("events_miscounted", message))
        for projection in projections:
            rows = records.get((projection.generation, profile.ref), ())
            told += len(rows)
            digest += _digest(profile, projection, rows)
            difference = _difference(profile, projection, events, rows)
            if difference:
                message = f"{_named(profile)} in {projection.model}: {difference}"
                findings.append(Finding("stage_differs", message))
    count = sum(len(histories.get(profile.ref, ())) for profile in profiles)
    whole = digest % (1 << 8 * DIGEST_OCTETS)
    return ProjectionsPage(findings, len(profiles), count, told, whole, end)


def _named(profile: Profile) -> str:
    return f"{profile.kind} {SubjectKey(profile.kind, profile.name).text!a}"


def _difference(
    profile: Profile,
    projection: Projection,
    events: Sequence[Event],
    rows: Sequence[RecordRow],
) -> str | None:
    """Return what is stored otherwise than the fold tells it; None where all agrees."""
    is_in = projection.built >> profile.bucket & 1
    if projection.generation in profile.parked or not is_in:
        return None
    machine = projection.machine
    standing = profile.standings.get(projection.generation, Standing())
    try:
        stored = standing.state_by(machine)
        expected, recorded = projection.lineage.fold(events)
        told = [content_of(one) for one in recorded]
        held = [row.content for row in rows]
        if expected.stage_id is not None:
            until = max(stored.at, expected.at)
            expected, passed = machine.advance(expected, until)
            told += map(content_of, passed)
            stored, coming = machine.advance(stored, until)
            held += map(content_of, coming)
    except FOLD_FAILURES as failure:
        return f"its history cannot be folded: {type(failure).__name__}: {failure}"[:500]
    if expected.stage_id != stored.stage_id:
        return f"expected the stage {expected.stage_id}, found {stored.stage_id}"
    at = _first_difference(list(map(_said, told)), list(map(_said, held)))
    if at is not None:
        return f"record {at + 1} of {len(told)} that hold is not what its history tells"
    if standing.live != len(rows):
        return f"expected {standing.live} records that hold, found {len(rows)}"
    if machine.encode(expected) != machine.encode(stored):
        return "its state is not what its history comes to"
    return None


def _said(content: Content) -> Content:
    """Return what a record says, but not as of which position: that is when it was learned."""
    return content[:-1]


def _first_difference(told: Sequence[Content], held: Sequence[Content]) -> int | None:
    for at, (one, other) in enumerate(zip(told, held, strict=False)):
        if one != other:
            return at
    return None if len(told) == len(held) else min(len(told), len(held))


def _digest(profile: Profile, projection: Projection, rows: Sequence[RecordRow]) -> int:
    """Return the hash of what is stored of a subject in a model, as a number."""
    subject = (profile.tenant, profile.kind, profile.name, projection.model, projection.version)
    said = [_said(row.content) for row in rows]
    return int.from_bytes(sha256(_encode((subject, said))).digest())
