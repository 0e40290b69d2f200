"""Where a request came from: the peer, or whom a trusted proxy says it speaks for."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.types import Scope

from service.access.networks import address_in, is_within


def address_of(scope: Scope, trusted: tuple[str, ...]) -> str:
    """Return the address that the request of *scope* came from; empty if it has none.

    `X-Forwarded-For` counts only from a peer in one of the *trusted* networks, and is read from its
    end: each proxy adds the one it heard, so the first that is not trusted is as far as we know.
    """
    client = scope.get("client")
    address = client[0] if client else ""
    if not trusted or not is_within(address, trusted):
        return address
    for hop in reversed(_forwarded(scope)):
        if address_in(hop) is None:
            return address
        address = hop
        if not is_within(hop, trusted):
            return address
    return address


def _forwarded(scope: Scope) -> Sequence[str]:
    fields = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    text = ",".join(str(value, "latin-1") for value in fields)
    return [hop.strip() for hop in text.split(",") if hop.strip()]
