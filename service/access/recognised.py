"""Whose secret it was a moment ago: the same answer, without opening the key again.

The hash of a secret is what is looked up, and a secret has full entropy, so how long that takes
tells nobody anything. A key that holds to networks is looked at each time.
"""

from __future__ import annotations

import hmac
from typing import Generic, NamedTuple, TypeVar

from service.ports import ApiKey

Principal = TypeVar("Principal")

RECOGNISED_MAX = 10_000


class Known(NamedTuple, Generic[Principal]):
    """Whose secret it is, surely until an instant, as long as the key is the same."""

    key: ApiKey
    principal: Principal
    until: int


class Recognised(Generic[Principal]):
    """Secrets that have opened their keys of late."""

    def __init__(self) -> None:
        """Know none yet."""
        self._known: dict[bytes, Known[Principal]] = {}

    def find(self, offered: bytes, now: int) -> Known[Principal] | None:
        """Return whose secret has the hash *offered*; None where that is to be found out."""
        known = self._known.get(offered)
        return known if known is not None and now < known.until else None

    def keep(self, offered: bytes, key: ApiKey, principal: Principal, until: int) -> None:
        """Remember that *offered* opens *key* until then, or until the key or that secret ends."""
        if key.networks:
            return
        is_newest = hmac.compare_digest(key.secret_hash, offered)
        ends = (key.revoked_at, key.expires_at, None if is_newest else key.former_until)
        if len(self._known) >= RECOGNISED_MAX:
            del self._known[next(iter(self._known))]
        stays = min([until, *(end for end in ends if end is not None)])
        self._known[offered] = Known(key, principal, stays)
