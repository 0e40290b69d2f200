"""Sweeping: deadlines that fell due while nothing happened, and folds that failed, tried again.

A sweep only writes down what is true already: each record is dated when it fell due, and any
reader who did not wait for it has computed the same.
"""

from __future__ import annotations

from projections.appending.append import World, meet_profiles
from projections.asking import GiveTurn, Script, ask
from projections.folding.folder import FOLD_FAILURES, Folder
from projections.folding.refolding import Refold, refold
from projections.reading.health import Swept
from projections.rows.changes import Changes
from projections.rows.questions import AskDue, AskHead, AskParked, WriteChanges
from projections.rows.records import Projection, content_of
from projections.subjects.profiles import Profile

SUBJECTS_BETWEEN_TURNS = 100


def sweep(world: World, limit: int) -> Script[Swept]:
    """Advance at most *limit* subjects whose deadline is at or before now.

    Nobody's while events wait to be folded: they may say that there was no silence.
    """
    world.residents.trim()
    head = yield from ask(AskHead())
    due = (yield from ask(AskDue(world.now, limit))) if head.is_level else []
    if not due:
        return Swept(subjects=0, transitions=0, more=False)
    changes = Changes(head.feed)
    folder = Folder(changes, world.projections, world.now)
    profiles = world.folding(head).profiles
    for number, profile in enumerate(due, start=1):
        _advance(folder, profiles.setdefault(profile.ref, profile))
        if number % SUBJECTS_BETWEEN_TURNS == 0:
            yield from ask(GiveTurn())
    folder.write_profiles()
    yield from ask(WriteChanges(changes))
    return Swept(len(due), len(changes.records), more=len(due) == limit)


def _advance(folder: Folder, profile: Profile) -> None:
    for projection in folder.of(profile):
        if projection.generation in profile.standings:
            _advance_one(folder, profile, projection)
    profile.is_thorough = True
    folder.finish(profile)


def _advance_one(folder: Folder, profile: Profile, projection: Projection) -> None:
    machine = projection.machine
    try:
        before = profile.standings[projection.generation].state_by(machine)
        after, passed = machine.advance(before, folder.now)
    except FOLD_FAILURES as failure:
        folder.park(profile, projection, failure)
        return
    folder.replace_state(profile, projection, before, after)
    if passed:
        contents = [content_of(transition) for transition in passed]
        folder.assert_records(profile, projection, contents, quiet=False)


def retry_parked(world: World, limit: int) -> Script[int]:
    """Fold at most *limit* parked subjects again; return how many are no longer parked."""
    head = yield from ask(AskHead())
    parked = yield from ask(AskParked(world.now, limit))
    if not parked:
        return 0
    refs = sorted({ref for ref, _, _ in parked})
    residents = world.folding(head)
    yield from meet_profiles(residents, refs)
    profiles = [found for ref in refs if (found := residents.profiles.get(ref)) is not None]
    changes = Changes(head.feed)
    folder = Folder(changes, world.projections, max(world.now, head.recorded_at))
    again = [Refold(profile, (), "refold") for profile in profiles]
    yield from refold(folder, again, (), head.projected)
    folder.write_profiles()
    yield from ask(WriteChanges(changes))
    return sum(not profile.parked for profile in profiles)
