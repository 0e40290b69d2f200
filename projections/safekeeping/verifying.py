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
from projections.events.log import SubjectKey
from projections.folding.folder import FOLD_FAILURES
from projections.reading.health import Finding
from projections.rows.records import Content, Projection, RecordRow, content_of
from projections.subjects.profiles import Profile
from projections.subjects.standings import Standing

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


@dataclass(frozen=True, slots=True)
class Stored:
    """What the projections say of some subjects, all of one kind, by generation and subject.

    Attributes:
        records: The records that hold.
        places: Stage and instant of entry, as lists and boards show them.
    """

    profiles: Sequence[Profile]
    projections: Sequence[Projection]
    records: Mapping[tuple[int, Ref], Sequence[RecordRow]]
    places: Mapping[tuple[int, Ref], tuple[str, int]]


def compare(
    stored: Stored, histories: Mapping[Ref, Sequence[Event]], *, end: int
) -> ProjectionsPage:
    """Return how what is stored compares with the subjects' own histories."""
    findings: list[Finding] = []
    digest = told = count = 0
    for profile in stored.profiles:
        events = histories.get(profile.ref, ())
        count += len(events)
        if profile.events != len(events):
            message = (
                f"{_named(profile)}: expected {len(events)} events by its history,"
                f" found {profile.events}"
            )
            findings.append(Finding("events_miscounted", message))
        for projection in stored.projections:
            key = (projection.generation, profile.ref)
            rows = stored.records.get(key, ())
            told += len(rows)
            digest += _digest(profile, projection, rows)
            case = _Case(profile, projection, rows, stored.places.get(key))
            difference = _difference(case, events)
            if difference:
                message = f"{_named(profile)} in {projection.model}: {difference}"
                findings.append(Finding("stage_differs", message))
    whole = digest % (1 << 8 * DIGEST_OCTETS)
    return ProjectionsPage(findings, len(stored.profiles), count, told, whole, end)


def _named(profile: Profile) -> str:
    return f"{profile.kind} {SubjectKey(profile.kind, profile.name).text!a}"


@dataclass(frozen=True, slots=True)
class _Case:
    """One subject in one projection, as it is stored."""

    profile: Profile
    projection: Projection
    rows: Sequence[RecordRow]
    place: tuple[str, int] | None

    @property
    def is_folded(self) -> bool:
        """Whether the projection contains the subject at present."""
        kept = self.projection.built >> self.profile.bucket & 1
        return bool(kept) and self.projection.generation not in self.profile.parked

    @property
    def standing(self) -> Standing:
        """Where the subject stands."""
        return self.profile.standings.get(self.projection.generation) or Standing()


def _difference(case: _Case, events: Sequence[Event]) -> str | None:
    """Return what is stored otherwise than the fold tells it; None where all agrees."""
    if not case.is_folded:
        return None
    try:
        return _difference_of_state(case, events) or _difference_of_place(case)
    except FOLD_FAILURES as failure:
        return f"its history cannot be folded: {type(failure).__name__}: {failure}"[:500]


def _difference_of_state(case: _Case, events: Sequence[Event]) -> str | None:
    machine, standing = case.projection.machine, case.standing
    stored = standing.state_by(machine)
    expected, recorded = case.projection.lineage.fold(events)
    told = [content_of(one) for one in recorded]
    held = [row.content for row in case.rows]
    if expected.stage_id is not None:
        until = max(stored.at, expected.at)
        expected, passed = machine.advance(expected, until)
        told += map(content_of, passed)
        stored, coming = machine.advance(stored, until)
        held += map(content_of, coming)
    if expected.stage_id != stored.stage_id:
        return f"expected the stage {expected.stage_id}, found {stored.stage_id}"
    same = same_said(told, held)
    if same < max(len(told), len(held)):
        return f"record {same + 1} of {len(told)} that hold is not what its history tells"
    if standing.live != len(case.rows):
        return f"expected {standing.live} records that hold, found {len(case.rows)}"
    if machine.encode(expected) != machine.encode(stored):
        return "its state is not what its history comes to"
    return None


def _difference_of_place(case: _Case) -> str | None:
    state = case.standing.state_by(case.projection.machine)
    shown = None if state.stage_id is None else (state.stage_id, state.entered_at)
    if shown != case.place:
        return f"lists should show it at {shown}, and show it at {case.place}"
    return None


def _said(content: Content) -> Content:
    """Return what a record says, but not as of which position: that is when it was learned."""
    return content[:-1]


def same_said(told: Sequence[Content], held: Sequence[Content]) -> int:
    """Return how many records at the beginning of both say the same."""
    same = 0
    for one, other in zip(told, held, strict=False):
        if _said(one) != _said(other):
            break
        same += 1
    return same


def _digest(profile: Profile, projection: Projection, rows: Sequence[RecordRow]) -> int:
    """Return the hash of what is stored of a subject in a model, as a number."""
    subject = (profile.tenant, profile.kind, profile.name, projection.model, projection.version)
    said = [_said(row.content) for row in rows]
    return int.from_bytes(sha256(_encode((subject, said))).digest())
