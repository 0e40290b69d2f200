"""What the service keeps beside the log: API keys, and registers of small values.

Ports, to be kept by every store; `service.ports` names them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from projections.asking import Script
from projections.catalogue import ApiKey

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
    """Small values by key (`projections.registers`)."""

    async def look(self, script: Script[Result]) -> Result:
        """Return the outcome of *script*, which only asks for entries; all are of one moment."""
        ...

    async def keep(self, script: Script[Result]) -> Result:
        """Return the outcome of *script*, which reads and writes entries in one transaction."""
        ...
