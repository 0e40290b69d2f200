"""Residents: subjects that stay in memory between batches while nobody else writes.

So a busy subject is read and decoded once.
"""

from __future__ import annotations

from projections.asking import Ref
from projections.events.log import SubjectKind
from projections.subjects.profiles import Identity, Profile

NAMES_MAX = 200_000
PROFILES_MAX = 20_000


class Residents:
    """Subjects that stay in memory between batches, as long as one process writes alone.

    Both tables are bounded; what came first leaves first. After a failure `forget` everything: the
    objects may be ahead of the rows.

    Attributes:
        is_level: Whether *profiles* are those of the projections. While those are behind, profiles
            hold only what the log tells by itself and are never folded.
        erased_buckets: Where names have been erased, as of the erasure at *erased_as_of*.
    """

    __slots__ = (
        "erased_as_of",
        "erased_buckets",
        "identities",
        "is_level",
        "names",
        "profiles",
    )

    def __init__(self) -> None:
        self.is_level = True
        self.erased_buckets: frozenset[int] = frozenset()
        self.erased_as_of = 0
        self.names: dict[tuple[str, SubjectKind, str], Identity] = {}
        self.identities: dict[Ref, Identity] = {}
        self.profiles: dict[Ref, Profile] = {}

    def forget(self) -> None:
        """Forget everybody."""
        self.names.clear()
        self.identities.clear()
        self.profiles.clear()

    def stand(self, *, level: bool) -> None:
        """Keep profiles of the projections, or else of the log alone; not of both."""
        if level is not self.is_level:
            self.profiles.clear()
            self.is_level = level

    def add(self, identity: Identity) -> Identity:
        """Return *identity*, or the object that stands for the same subject already."""
        known = self.identities.setdefault(identity.ref, identity)
        if known is identity:
            self.names[identity.tenant, identity.kind, identity.name] = identity
        return known

    def trim(self) -> None:
        """Let the oldest go where there are too many."""
        if len(self.identities) > NAMES_MAX:
            self.names.clear()
            self.identities.clear()
        surplus = len(self.profiles) - PROFILES_MAX
        if surplus > 0:
            for ref in list(self.profiles)[: surplus + PROFILES_MAX // 4]:
                del self.profiles[ref]
