"""Leases: of several processes on one database, one runs a loop; when it dies, another does.

A lease saves work, it decides nothing: what a loop writes is guarded by the store's own
transactions, so two holders for a moment are a waste and no mistake.
"""

from __future__ import annotations

from typing import Protocol

from service.workers.supervisor import Round

LEASE_SECONDS = 6
"""How long a process that does not say so again keeps a loop from others."""


class Leases(Protocol):
    """Tells processes that share a database which of them runs what."""

    async def hold(self, name: str) -> bool:
        """Take the lease *name*, or keep it; tell whether it is this process's now.

        Raises:
            StoreUnavailable: Nobody can tell now.
        """
        ...

    async def release(self) -> None:
        """Let others have every lease that this process holds, at once."""
        ...


class Alone:
    """The leases of a process that shares its database with nobody: all its own."""

    async def hold(self, name: str) -> bool:  # noqa: ARG002 -- of the protocol
        """Tell that it is ours."""
        return True

    async def release(self) -> None:
        """Nobody else wants them."""


def while_held(leases: Leases, name: str, work: Round) -> Round:
    """Return a round that does *work* only where this process holds the lease *name*."""

    async def round_if_held() -> bool:
        return await work() if await leases.hold(name) else False

    return round_if_held
