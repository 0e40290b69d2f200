"""Building: a new generation folded from history, bucket by bucket, while appends go on.

The unit is a bucket. A subject whose bucket is done is kept level by every append from then on,
one whose bucket is not done yet is left alone; so there is nothing to catch up with at the end,
and activation is the change of one number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from domain.buckets import BUCKETS
from projections.append import World
from projections.asking import Script, ask
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
from projections.records import Projection, content_of
from projections.subjects import Profile, Standing


def build(world: World, projection: Projection, limit: int) -> Script[tuple[int, int]]:
    """Fold about *limit* events into *projection*; return how many buckets are done, and events.

    At least one bucket with somebody in it is done each time, however much history it has.
    """
    world.residents.trim()
    head = yield from ask(AskHead())
    tenant, first = projection.tenant, projection.buckets_done
    loads = yield from ask(AskBucketLoads(tenant, projection.is_account, first, limit))
    is_last = sum(load for _, load in loads) < limit
    end = BUCKETS if is_last else loads[-1][0] + 1
    profiles = yield from ask(AskProfilesIn(tenant, projection.is_account, first, end))
    residents = world.folding(head).profiles
    profiles = [residents.setdefault(found.ref, found) for found in profiles]
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
        replace(one, buckets_done=end) if one.generation == projection.generation else one
        for one in world.projections
    ]
    folder = Folder(changes, level, max(world.now, head.recorded_at))
    for profile in profiles:
        _begin(folder, profile, projection, histories.get(profile.ref, []))
    events = sum(profile.events for profile in profiles)
    folder.write_profiles()
    changes.progress = (projection.generation, end, events)
    yield from ask(WriteChanges(changes))
    return end, events


def _begin(
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
