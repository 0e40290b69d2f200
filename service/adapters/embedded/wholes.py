"""Whole subjects for readers: made from rows, and kept while the rows stay as they were.

A row of `profiles` holds, for each generation, how many records were written and how many of them
hold. A record that is asserted makes the first number greater; one that is only retracted makes the
second smaller; so neither pair ever comes back, and where the row is the same the newest record
that holds is the same too. Who asks for a subject again is answered by that one row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from projections.events.log import SubjectKey
from projections.models.machines import Catalogue
from projections.reading.answers import StageRow, Subject, SubjectSnapshot
from projections.rows.questions import Head
from projections.rows.records import Projection
from projections.subjects.profiles import Profile, ProfileRow, profile_of
from service.adapters.embedded.rows import Readings
from service.adapters.embedded.values import positions_at
from service.recent import Recent

KEPT_MAX = 8_192
"""Some 4 KB each."""


class Asked(NamedTuple):
    """Whom somebody asks for, and in which model; None for all."""

    tenant: str
    key: SubjectKey
    model: str | None


class _Kept(NamedTuple):
    """A subject as it was told, and what it was made from."""

    row: ProfileRow
    catalogue: Catalogue
    subject: Subject
    stages: tuple[StageRow, ...]


class Wholes:
    """Makes whole subjects and keeps those asked for of late."""

    def __init__(self) -> None:
        """Keep none yet."""
        self._kept = Recent[Asked, _Kept](KEPT_MAX)

    def keeps(self, asked: Asked) -> bool:
        """Tell whether *asked* was asked for of late."""
        return asked in self._kept

    def as_before(
        self, asked: Asked, row: ProfileRow, head: Head, catalogue: Catalogue
    ) -> SubjectSnapshot | None:
        """Return whom *asked* names as before, if it was made from the same; else None."""
        kept = self._kept.get(asked)
        if kept is None or kept.catalogue is not catalogue or kept.row != row:
            return None
        return SubjectSnapshot(kept.subject, kept.stages, positions_at(head))

    def snapshot(
        self, readings: Readings, head: Head, catalogue: Catalogue, asked: Asked
    ) -> SubjectSnapshot | None:
        """Return whom *asked* names; the very same parts as before while nothing has changed.

        *head* is that of *readings*, and level: the log and the projections agree on who is who.
        """
        row = readings.profile_row(asked.tenant, asked.key)
        if row is None:
            return None
        kept = self._kept.asked(asked)
        if kept is None or kept.catalogue is not catalogue or kept.row != row:
            kept = _made(readings, row, catalogue, asked)
            self._kept.keep(asked, kept)
        return SubjectSnapshot(kept.subject, kept.stages, positions_at(head))


def _made(readings: Readings, row: ProfileRow, catalogue: Catalogue, asked: Asked) -> _Kept:
    profile = profile_of(row)
    stages = stages_of(readings, profile, catalogue.active(asked.tenant, asked.model))
    return _Kept(row, catalogue, subject_of(readings, profile), stages)


def subject_of(readings: Readings, profile: Profile) -> Subject:
    """Return what is known of *profile*, all models aside."""
    others = [ref for ref in profile.members if ref != profile.ref]
    names = readings.identities(others) if others else []
    return Subject(
        subject_id=profile.subject_id,
        key=profile.key,
        aliases=tuple(
            sorted(
                (SubjectKey(one.kind, one.name) for one in names),
                key=lambda name: (name.kind, name.id),
            )
        ),
        first_seen_at=profile.first_seen_at,
        last_event_at=profile.last_at if profile.events else None,
        events=profile.events,
        traits=profile.traits,
        parked="its events cannot be folded at present" if profile.parked else None,
    )


def stages_of(
    readings: Readings, profile: Profile, projections: Sequence[Projection]
) -> tuple[StageRow, ...]:
    """Return where *profile* stands in each of *projections*."""
    found = (_stage(readings, profile, projection) for projection in projections)
    return tuple(row for row in found if row is not None)


def _stage(readings: Readings, profile: Profile, projection: Projection) -> StageRow | None:
    standing = profile.standings.get(projection.generation)
    if standing is None or projection.is_account != profile.is_account:
        return None
    latest = readings.latest(projection.generation, profile.ref)
    if latest is None:
        return None
    return StageRow(
        model=projection.model,
        version=projection.version,
        generation=projection.generation,
        lineage=projection.lineage,
        machine=projection.machine,
        state=standing.bytes_by(projection.machine),
        stage=latest.to_stage,
        entered_at=latest.entered_at,
        due_at=profile.due_at,
        sequence=latest.sequence,
        cycle=latest.cycle,
        last_effective_at=profile.last_at,
        last_position=profile.last_position,
        cause=latest.cause,
    )
