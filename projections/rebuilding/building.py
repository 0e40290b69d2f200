"""Building: a new generation folded from history, range by range, while appends go on.

The unit is a bucket. A subject whose bucket is built is kept level by every append from then on,
one whose bucket is not built yet is left alone; so ranges may be built in any order, there is
nothing to catch up with at the end, and activation is the change of one number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from projections.appending.append import World
from projections.asking import GiveTurn, Script, ask
from projections.events.history import LoggedEvent, counting
from projections.folding.folder import FOLD_FAILURES, Folder
from projections.models.ranges import BucketRange, Built, gaps
from projections.rows.changes import Changes
from projections.rows.questions import (
    AskBucketLoads,
    AskHead,
    AskHistories,
    AskProfilesIn,
    HistoryOf,
    WriteChanges,
)
from projections.rows.records import Projection, content_of
from projections.subjects.profiles import Profile
from projections.subjects.standings import Standing

if TYPE_CHECKING:
    from domain.events import Event
    from domain.machine import State
    from domain.transitions import Transition


def build(world: World, projection: Projection, limit: int) -> Script[Built]:
    """Fold about *limit* events into *projection*; return what was built.

    At least one bucket with somebody in it is built each time, however much history it has.
    """
    found = yield from next_range(projection, limit)
    tenant, is_account = projection.tenant, projection.is_account
    profiles = yield from ask(AskProfilesIn(tenant, is_account, found.first, found.end))
    yield from build_some(world, projection, found, profiles)
    return Built(found, sum(profile.events for profile in profiles))


def next_range(projection: Projection, limit: int) -> Script[BucketRange]:
    """Return the first buckets of about *limit* events that are not built yet."""
    gap = next(gaps(projection.built))
    asked = AskBucketLoads(projection.tenant, projection.is_account, gap.first, limit)
    loads = yield from ask(asked)
    is_last = sum(load for _, load in loads) < limit
    return BucketRange(gap.first, gap.end if is_last else min(gap.end, loads[-1][0] + 1))


def build_some(
    world: World, projection: Projection, found: BucketRange, profiles: Sequence[Profile]
) -> Script[None]:
    """Fold the whole histories of *profiles*, in buckets of *found*, into *projection*."""
    world.residents.trim()
    head = yield from ask(AskHead())
    residents = world.folding(head).profiles
    profiles = [residents.setdefault(one.ref, one) for one in profiles]
    histories = yield from ask(
        AskHistories(
            [
                HistoryOf(one.ref, one.members, one.is_account, known_at=head.projected)
                for one in profiles
            ]
        )
    )
    changes = Changes(head.feed)
    level = [
        replace(one, built=one.built | found.bits)
        if one.generation == projection.generation
        else one
        for one in world.projections
    ]
    folder = Folder(changes, level, max(world.now, head.recorded_at))
    for profile in profiles:
        begin(folder, profile, projection, histories.get(profile.ref, []))
        yield from ask(GiveTurn())
    folder.write_profiles()
    yield from ask(WriteChanges(changes))


def begin(
    folder: Folder, profile: Profile, projection: Projection, history: Sequence[LoggedEvent]
) -> None:
    """Fold a whole history into a standing that was not there before."""
    events = counting(history)
    profile.standings[projection.generation] = Standing()
    profile.is_thorough = True
    try:
        state, recorded = retold(projection, events, folder.now)
    except FOLD_FAILURES as failure:
        folder.park(profile, projection, failure)
    else:
        folder.replace_state(profile, projection, projection.machine.initial(), state)
        recorded_at = {row.event.position: row.recorded_at for row in history}
        positions = [event.position for event in events]
        known = learned(recorded, positions, [recorded_at[position] for position in positions])
        told = [(content_of(one), *known[one.position]) for one in recorded]
        folder.begin_records(profile, projection, told)
    folder.finish(profile)


def retold(
    projection: Projection, events: Sequence[Event], now: int
) -> tuple[State, list[Transition]]:
    """Return what becomes of a subject with that history by *now*, and everything recorded.

    Deadlines are let pass here, quietly: left to the sweeper they would be announced.
    """
    state, recorded = projection.lineage.fold(events)
    if state.stage_id is not None:
        state, passed = projection.machine.advance(state, now)
        recorded += passed
    return state, recorded


def learned(
    recorded: Sequence[Transition], positions: Sequence[int], recorded_at: Sequence[int]
) -> dict[int, tuple[int, int]]:
    """Return from which position and instant on what followed from an event could be known.

    That is when the newest was recorded of the event and those before it in fold order; told for
    the events that *recorded* followed from. Where nothing came late, that is the event itself.
    """
    if sorted(positions) == positions:
        known = dict(zip(positions, recorded_at, strict=True))
        return {one.position: (one.position, known[one.position]) for one in recorded}
    wanted = {one.position for one in recorded}
    found: dict[int, tuple[int, int]] = {}
    newest = (0, 0)
    for position, at in zip(positions, recorded_at, strict=True):
        if position > newest[0]:
            newest = (position, at)
        if position in wanted:
            found[position] = newest
    return found
