"""Building: a new generation folded from history, range by range, while appends go on.

The unit is a bucket. A subject whose bucket is built is kept level by every append from then on,
one whose bucket is not built yet is left alone; so ranges may be built in any order, there is
nothing to catch up with at the end, and activation is the change of one number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from projections.append import World
from projections.asking import GiveTurn, Script, ask
from projections.changes import Changes
from projections.folding import FOLD_FAILURES, Folder
from projections.history import LoggedEvent, counting, newest_positions
from projections.questions import (
    AskBucketLoads,
    AskHead,
    AskHistories,
    AskProfilesIn,
    HistoryOf,
    WriteChanges,
)
from projections.ranges import BucketRange, Built, gaps
from projections.records import Projection, content_of
from projections.subjects import Profile, Standing


def build(world: World, projection: Projection, limit: int) -> Script[Built]:
    """Fold about *limit* events into *projection*; return what was built.

    At least one bucket with somebody in it is built each time, however much history it has.
    """
    gap = next(gaps(projection.built))
    tenant, is_account = projection.tenant, projection.is_account
    loads = yield from ask(AskBucketLoads(tenant, is_account, gap.first, limit))
    is_last = sum(load for _, load in loads) < limit
    end = gap.end if is_last else min(gap.end, loads[-1][0] + 1)
    found = BucketRange(gap.first, end)
    profiles = yield from ask(AskProfilesIn(tenant, is_account, found.first, found.end))
    yield from build_some(world, projection, found, profiles)
    return Built(found, sum(profile.events for profile in profiles))


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
    machine = projection.machine
    events = counting(history)
    profile.standings[projection.generation] = Standing()
    profile.is_thorough = True
    try:
        state, recorded = projection.lineage.fold(events)
        if state.stage_id is not None:
            state, passed = machine.advance(state, folder.now)
            recorded += passed
    except FOLD_FAILURES as failure:
        folder.park(profile, projection, failure)
    else:
        folder.replace_state(profile, projection, machine.initial(), state)
        believed = dict(
            zip((event.position for event in events), newest_positions(events), strict=True)
        )
        recorded_of = {row.event.position: row.recorded_at for row in history}
        folder.begin_records(
            profile,
            projection,
            [
                (content_of(one), believed[one.position], recorded_of[believed[one.position]])
                for one in recorded
            ],
        )
    folder.finish(profile)
