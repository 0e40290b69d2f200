"""Restoring: projections told again over a log, and over records, that came back from elsewhere.

Records are part of what is restored: their numbers, and when each was asserted and retracted, can
not be had from the log. What comes of folding is compared with them. Time passes for a subject only
up to its newest record, so that nothing is written which was not written before; what has fallen
due since is the sweeper's, as after any downtime. Batches that waited to be folded wait again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.events import voided
from projections.appending.admission import SLOTS
from projections.asking import Ref, Script, ask
from projections.events.history import LoggedEvent, counting, repeats
from projections.folding.folder import FOLD_FAILURES, Folder
from projections.rows.changes import Changes
from projections.rows.questions import (
    AskHead,
    AskHistories,
    AskNumbers,
    AskRecords,
    HistoryOf,
    WriteChanges,
)
from projections.rows.records import EFFECTIVE_AT, Content, Projection, RecordRow, content_of
from projections.safekeeping.verifying import same_said
from projections.subjects.profiles import Identity, Profile
from projections.subjects.standings import Standing


@dataclass(frozen=True, slots=True)
class Cluster:
    """A canonical subject and everybody who is the same, itself included."""

    root: Identity
    members: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    """What was restored of some subjects' records, by generation and subject."""

    records: Mapping[tuple[int, Ref], Sequence[RecordRow]]
    numbers: Mapping[tuple[int, Ref], int]


def fold_restored(projections: Sequence[Projection], clusters: Sequence[Cluster]) -> Script[int]:
    """Write the projections of *clusters*; return how many standings differ from their records.

    The records that hold are then those that the log tells, and the others are retracted, quietly.
    """
    head = yield from ask(AskHead())
    profiles = [_profile_of(cluster, head.projected) for cluster in clusters]
    refs = [profile.ref for profile in profiles]
    generations = [projection.generation for projection in projections]
    histories = yield from ask(
        AskHistories(
            [
                HistoryOf(one.ref, one.members, one.is_account, known_at=head.projected)
                for one in profiles
            ]
        )
    )
    records = yield from ask(AskRecords(generations, refs))
    numbers = yield from ask(AskNumbers(generations, refs))
    kept = _Kept(records, numbers)
    changes = Changes(head.feed)
    folder = Folder(changes, projections, head.recorded_at)
    differences = 0
    for profile in profiles:
        history = histories.get(profile.ref, [])
        _count(profile, history)
        for projection in folder.of(profile):
            differences += _fold(folder, profile, projection, history, kept)
        folder.finish(profile)
    folder.write_profiles()
    yield from ask(WriteChanges(changes))
    return differences


def _profile_of(cluster: Cluster, projected: int) -> Profile:
    """Return the profile of a cluster, without names that were first sent by what still waits."""
    profile = Profile(cluster.root)
    profile.members = tuple(ref for ref in cluster.members if ref[1] // SLOTS <= projected)
    return profile


def _count(profile: Profile, history: Sequence[LoggedEvent]) -> None:
    """Bring what is known of the subject level with its history."""
    profile.voids = frozenset(voided([row.event for row in history]))
    profile.repeats = repeats(history)
    for event in counting(history):
        profile.take_in(event)
    instants = [row.event.effective_at for row in history]
    profile.newest_at = max([profile.newest_at, *instants])


def _fold(
    folder: Folder,
    profile: Profile,
    projection: Projection,
    history: Sequence[LoggedEvent],
    kept: _Kept,
) -> bool:
    """Fold a history over its records; return whether they differ."""
    key = (projection.generation, profile.ref)
    rows = kept.records.get(key, ())
    machine = projection.machine
    standing = profile.standings[projection.generation] = Standing(kept.numbers.get(key, 0))
    standing.live = len(rows)
    folder.count_stays(projection, [row.content for row in rows], 1)
    newest = max((row.content[EFFECTIVE_AT] for row in rows), default=0)
    try:
        state, recorded = projection.lineage.fold(counting(history))
        if state.stage_id is not None:
            state, passed = machine.advance(state, newest)
            recorded += passed
    except FOLD_FAILURES as failure:
        folder.park(profile, projection, failure)
        return False
    folder.replace_state(profile, projection, machine.initial(), state)
    told: list[Content] = [content_of(one) for one in recorded]
    same = same_said(told, [row.content for row in rows])
    if same == len(told) == len(rows):
        return False
    position = profile.last_position
    folder.retract_records(
        profile, projection, rows[same:], head=position, cause="refold", quiet=True
    )
    folder.assert_records(profile, projection, told[same:], quiet=True, known_from=position)
    return True
