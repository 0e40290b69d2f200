"""What the service keeps beside the log: API keys, registers of small values, seals.

Ports, to be kept by every store; `service.ports` names them again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from projections.asking import Ref, Script, Whose
from projections.models.catalogue import ApiKey
from projections.rows.changes import Row
from projections.safekeeping.seals import ALWAYS, Seal
from projections.safekeeping.verifying import ProjectionsPage

Result = TypeVar("Result")


class KeepsKeys(Protocol):
    """API keys."""

    async def create_key(self, key: ApiKey) -> None:
        """Store *key*; one with the same id is replaced only when it is the very same secret."""
        ...

    async def keys(self, tenant: str) -> list[ApiKey]:
        """Return the tenant's keys, oldest first, revoked ones included."""
        ...

    async def key(self, key_id: str) -> ApiKey | None:
        """Return the key with that id, of whatever tenant."""
        ...

    async def rotate_key(
        self, tenant: str, key_id: str, secret_hash: bytes, *, former_until: int
    ) -> ApiKey | None:
        """Return the key with another secret; the one before is good until *former_until*.

        None if the tenant has no such key, or it is revoked.
        """
        ...

    async def revoke_key(self, tenant: str, key_id: str, now: int) -> ApiKey | None:
        """Return the key, revoked at *now* or earlier; None if the tenant has no such key."""
        ...

    async def touch_keys(self, used: Sequence[tuple[str, int]]) -> None:
        """Note the newest use of each key: pairs of id and instant."""
        ...


class KeepsRegisters(Protocol):
    """Small values by key (`projections.registers.register`)."""

    async def look(self, script: Script[Result], *, of: Whose) -> Result:
        """Return the outcome of *script*, which only asks for entries; all are of one moment.

        *of* says on whose behalf: what is asked for a tenant may find nothing of another's.
        """
        ...

    async def keep(self, script: Script[Result]) -> Result:
        """Return the outcome of *script*, which reads and writes entries in one transaction."""
        ...

    async def carry(self, script: Script[Result]) -> Result:
        """Return the outcome of *script* as `keep` does, but where it can, beside appends.

        What is carried so often that appends would feel it takes turns only with its like: of all
        processes, one such transaction at a time. What it writes is written in no other way.
        """
        ...


class KeepsSeals(Protocol):
    """Seals, and what else verifying reads. They are of the whole log, whichever tenant's."""

    async def seals(self, *, after: int = 0, limit: int = 100) -> list[Seal]:
        """Return seals that end behind position *after*, in order."""
        ...

    async def newest_seals(self, *, before: int = ALWAYS, limit: int = 100) -> list[Seal]:
        """Return seals that end before position *before*, the newest first."""
        ...

    async def sealable(self, *, after: int, end: int, limit: int) -> list[Row]:
        """Return `SEALABLE_COLUMNS` of events behind *after*, up to position *end*, in order."""
        ...

    async def kinds_folded(self) -> list[tuple[str, bool]]:
        """Return for whom there are active models: pairs of tenant and whether of accounts."""
        ...

    async def compare_projections(
        self, tenant: str, *, accounts: bool, first: int, limit: int
    ) -> ProjectionsPage:
        """Return how subjects from bucket *first* on compare with a fold of their histories.

        Whole buckets with about *limit* events, all read at one moment.
        """
        ...

    async def add_salts(self, salts: Mapping[Ref, bytes], *, erased: int) -> bool:
        """Store *salts* for those of the subjects that have none.

        Returns False, and stores nothing, where the newest erasure is no longer the one at
        *erased*, so that who is given a salt may be gone.
        """
        ...

    async def add_seal(self, seal: Seal, *, erased: int) -> bool:
        """Store *seal*.

        Returns False, and stores nothing, where it does not follow the newest seal, another
        process has sealed meanwhile; or where the newest erasure is no longer the one at *erased*,
        so that what was hashed may be gone.
        """
        ...
