"""What the service needs of a store for the life of models; a part of `service.ports.Store`."""

from __future__ import annotations

from typing import Protocol

from domain.lineage import Lineage
from projections.models.catalogue import ANEW, Generation, ModelVersion, Terms
from projections.rebuilding.diffs import After, Diff


class KeepsModels(Protocol):
    """Model documents and their generations. Documents come here parsed and checked."""

    async def put_model(
        self, version: ModelVersion, *, expected_version: int | None = None
    ) -> ModelVersion:
        """Store a document as the model's next version and return it with its number.

        The number in *version* is ignored. A document equal to the newest version is answered with
        that version. *expected_version* 0 means: the model must not exist yet.

        Raises:
            VersionMismatch: The newest version is another one.
        """
        ...

    async def models(self, tenant: str) -> list[ModelVersion]:
        """Return of every model the active version, or the newest where none is active, by key."""
        ...

    async def model(self, tenant: str, key: str, version: int | None = None) -> ModelVersion | None:
        """Return that version; without a number the active one, else the newest."""
        ...

    async def model_versions(self, tenant: str, key: str) -> list[ModelVersion]:
        """Return all versions of a model, newest first."""
        ...

    async def outdated(self) -> str | None:
        """Return which projections cannot be folded on by this release, and the cure; None as ever.

        Whatever folds raises `OutdatedFold` while there are some.
        """
        ...

    async def retire_outdated(self, now: int) -> list[Generation]:
        """Let them retire, and return what is begun to fold the active ones anew."""
        ...

    async def note_backtested(self, tenant: str, key: str, digest: str, now: int) -> None:
        """Note that versions of a model with that hash have been tried on history."""
        ...

    async def lineage(self, tenant: str, generation: int) -> Lineage | None:
        """Return what tells of history by that generation; None where the tenant has no such."""
        ...

    async def begin_generation(
        self, tenant: str, key: str, version: int, now: int, *, terms: Terms = ANEW
    ) -> Generation:
        """Return a new, empty generation of that version, to be built beside the active one.

        *terms* say which part of history it tells, and whether one that is there will do.

        Raises:
            UnknownModel: There is no such version, or no such generation in *terms*.
        """
        ...

    async def build_generation(self, generation: int, now: int, *, limit: int) -> Generation:
        """Fold about *limit* more events of history into it; `ready` when level with the log."""
        ...

    async def activate_generation(
        self,
        generation: int,
        now: int,
        *,
        standby_until: int | None = None,
        report: str | None = None,
    ) -> Generation:
        """Fold what is left and let readers see it, in one transaction.

        The one before stands by until *standby_until*, or retires; it retires as well where both
        tell the same. *report* is kept with it: what it changes, as `projections.rebuilding.diffs`
        writes it.
        """
        ...

    async def diff(
        self,
        tenant: str,
        generation: int,
        now: int,
        *,
        after: After | None = None,
        limit: int = 100,
    ) -> Diff | None:
        """Return what a generation changes; None where it is no tenant's, or not whole.

        Until it is active that is drawn now, later as it was kept at the activation; the changes
        are always those of now, behind *after*.
        """
        ...

    async def swap_standby(
        self, tenant: str, key: str, now: int, *, standby_until: int | None = None
    ) -> Generation | None:
        """Let readers see the generation that stands by; None where none does.

        Nothing is folded: it is level. The one before stands by until *standby_until*, or retires.
        """
        ...

    async def retire_standbys(self, now: int) -> int:
        """Let those retire that have stood by for long enough; return how many."""
        ...

    async def fail_generation(self, generation: int, error: str, now: int) -> Generation:
        """Give it up; its rows are removed by `remove_retired`."""
        ...

    async def remove_retired(self, limit: int) -> int:
        """Remove about *limit* rows of retired or failed generations; return how many."""
        ...

    async def generations(self, tenant: str, *, limit: int = 100) -> list[Generation]:
        """Return the newest generations first."""
        ...

    async def generations_under_way(self) -> list[Generation]:
        """Return what is to be built or activated, of whatever tenant, the oldest first."""
        ...

    async def generation(self, tenant: str, generation: int) -> Generation | None:
        """Return that generation, if it is the tenant's."""
        ...
