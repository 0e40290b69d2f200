"""Projecting: batches that were only written to the log, folded later and page by page.

It is the fold that an append does at once: the same batches in the same order, each as of the
instant at which it was recorded, through the same code. A page is one transaction with what tells
how far it has come, so a crash between pages repeats nothing and leaves nothing out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from domain.events import Event
from projections.appending.append import World
from projections.appending.batches import Noted, step_batch
from projections.asking import Ref, Script, ask
from projections.folding.folder import Folder
from projections.folding.refolding import refold
from projections.rows.changes import Changes
from projections.rows.questions import (
    AskBacklog,
    AskEvents,
    AskHead,
    AskIdentitiesOf,
    AskProfiles,
    Head,
    WriteChanges,
)
from projections.subjects.profiles import Identity, Profile

PAGE_EVENTS = 5_000
"""Larger pages gain little more, and keep whoever else writes waiting."""


@dataclass(frozen=True, slots=True)
class Projected:
    """What one page of projecting did.

    Attributes:
        events: How many it folded.
        behind: How many the log held behind them when the page began.
    """

    events: int
    behind: int


def project(world: World, limit: int) -> Script[Projected]:
    """Fold at most *limit* of the events that wait, the oldest; whole batches, one at least."""
    head = yield from ask(AskHead())
    noted = [Noted(*row) for row in (yield from ask(AskBacklog(limit)))]
    if not noted:
        return Projected(0, 0)
    first, last = noted[0].first, noted[-1].position
    logged = yield from ask(AskEvents(first, last))
    page = _Page({row.event.position: row.event for row in logged})
    yield from page.meet(noted)
    changes = yield from page.fold(Folder(Changes(head.feed), world.projections, 0), noted)
    changes.projected = last
    changes.roots = _roots(noted, head)
    yield from ask(WriteChanges(changes))
    return Projected(last - first + 1, head.position - last)


def _roots(noted: Sequence[Noted], head: Head) -> list[tuple[int, int, int, int]]:
    """Return whom subjects belong to at the end of the page, where that is not the newest yet."""
    if noted[-1].position == head.position:
        return []
    roots: dict[Ref, Ref] = {}
    for one in noted:
        roots |= one.roots
    return [(*member, *root) for member, root in roots.items()]


class _Page:
    """Events and subjects of some batches."""

    def __init__(self, events: dict[int, Event]) -> None:
        self._events = events
        self._profiles: dict[Ref, Profile] = {}
        self._identities: dict[Ref, Identity] = {}

    def meet(self, noted: Sequence[Noted]) -> Script[None]:
        """Bring everybody of whom a batch speaks into memory."""
        refs = set[Ref]().union(*(one.refs for one in noted))
        for profile in (yield from ask(AskProfiles(sorted(refs)))):
            self._profiles[profile.ref] = profile
        missing = sorted(refs - self._profiles.keys())
        if missing:
            for identity in (yield from ask(AskIdentitiesOf(missing))):
                self._identities[identity.ref] = identity

    def fold(self, folder: Folder, noted: Sequence[Noted]) -> Script[Changes]:
        """Fold the batches in turn and return the rows that are still to be written.

        What folds a history again compares it with what is written, so that goes first.
        """
        for one in noted:
            folder.now = one.recorded_at
            batch = one.batch(self._events, self._known, self._lose)
            again = step_batch(folder, batch)
            if again or batch.lost:
                folder.write_profiles()
                yield from ask(WriteChanges(folder.changes))
                folder.changes = Changes(folder.changes.feed_position)
                yield from refold(folder, again, batch.lost, batch.position)
        folder.write_profiles()
        return folder.changes

    def _known(self, ref: Ref) -> Profile:
        profile = self._profiles.get(ref)
        if profile is None:
            profile = self._profiles[ref] = Profile(self._identities[ref])
        return profile

    def _lose(self, ref: Ref) -> Profile:
        profile = self._profiles.pop(ref)
        key = profile.key
        self._identities[ref] = Identity(*ref, profile.tenant, key.kind, key.id)
        return profile
