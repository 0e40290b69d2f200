"""API keys: made once, shown once, kept as a hash, looked up by id and remembered for 30 s.

A key reads `sfk_{id}_{secret}{check}`: 8 + 32 + 6 characters of base 62, the last a CRC-32 of what
stands before it, so that a mistyped key is refused without a look at the store and a secret
scanner can be sure. The secret has full entropy, so one SHA-256 is hash enough.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from domain.instants import MINUTE, SECOND
from service.errors import Problem
from service.ports import ApiKey, Clock, Randomness, Store

SCOPES = (
    "events:write",
    "events:import",
    "customers:read",
    "customers:write",
    "metrics:read",
    "models:write",
    "webhooks:manage",
    "rebuilds:run",
    "admin",
)
ADMIN = "admin"
DEFAULT_TENANT = "default"
BOOTSTRAP_NAME = "bootstrap"

_REMEMBERED = 30 * SECOND
_REMEMBERED_MAX = 10_000
_NOTED_EVERY = MINUTE
_TOKEN_LENGTH_MAX = 512
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LENGTH, _SECRET_LENGTH, _CHECK_LENGTH = 8, 32, 6
_is_own = re.compile(r"sfk_([0-9A-Za-z]{8})_[0-9A-Za-z]{38}").fullmatch


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request speaks for.

    Attributes:
        key_id: Id of the API key.
        tenant: Whose data it sees.
        scopes: What it may do; `admin` may do everything.
        source: The only event source it speaks for; None for any.
    """

    key_id: str
    tenant: str
    scopes: frozenset[str]
    source: str | None

    def may(self, scope: str) -> bool:
        """Whether the key has *scope*; every key has the empty one."""
        return not scope or scope in self.scopes or ADMIN in self.scopes


def new_token(randomness: Randomness) -> str:
    """Return a new key, never seen before."""
    head = f"sfk_{_base62(randomness.token(_ID_LENGTH), _ID_LENGTH)}_"
    text = head + _base62(randomness.token(_SECRET_LENGTH), _SECRET_LENGTH)
    return text + _check_of(text)


def id_of(token: str) -> str | None:
    """Return the id of the key *token*; None if it cannot be one.

    A key that somebody chose (`STAGEFOLD_API_KEY`) has no id in it and gets one from its hash.
    """
    if not 0 < len(token) <= _TOKEN_LENGTH_MAX:
        return None
    own = _is_own(token)
    if own is not None:
        intact = token[-_CHECK_LENGTH:] == _check_of(token[:-_CHECK_LENGTH])
        return own[1] if intact else None
    return "-" + hash_of(token).hex()[: _ID_LENGTH - 1]


def hash_of(token: str) -> bytes:
    """Return what is stored of a key."""
    return hashlib.sha256(token.encode()).digest()


def _base62(octets: bytes, length: int) -> str:
    """Return *length* digits; of each octet modulo 62, a bias of 0.4 bit in 190."""
    return "".join(_DIGITS[octet % len(_DIGITS)] for octet in octets[:length])


def _check_of(text: str) -> str:
    number, digits = zlib.crc32(text.encode()), []
    for _ in range(_CHECK_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


class KeyRing:
    """Says who a key speaks for."""

    def __init__(self, store: Store, clock: Clock, randomness: Randomness) -> None:
        self._store = store
        self._clock = clock
        self._randomness = randomness
        self._remembered: dict[str, tuple[int, ApiKey | None]] = {}
        self._noted: dict[str, int] = {}
        self._used: dict[str, int] = {}

    async def identify(self, token: str) -> Principal:
        """Return the principal of *token*.

        Raises:
            Problem: `key_invalid`; the message does not say why, so that nobody can ask for ids.
        """
        key = await self._find(token)
        now = self._clock.now()
        if (
            key is None
            or not hmac.compare_digest(key.secret_hash, hash_of(token))
            or (key.revoked_at is not None and key.revoked_at <= now)
            or (key.expires_at is not None and key.expires_at <= now)
        ):
            raise Problem("key_invalid", "the API key is unknown, revoked or expired")
        if now - self._noted.get(key.id, 0) >= _NOTED_EVERY:
            self._noted[key.id] = self._used[key.id] = now
        return Principal(key.id, key.tenant, frozenset(key.scopes), key.source)

    async def _find(self, token: str) -> ApiKey | None:
        key_id = id_of(token)
        if key_id is None:
            return None
        now = self._clock.now()
        until, key = self._remembered.get(key_id, (0, None))
        if now < until:
            return key
        key = await self._store.key(key_id)
        if len(self._remembered) >= _REMEMBERED_MAX:
            self._remembered.clear()
        self._remembered[key_id] = (now + _REMEMBERED, key)
        return key

    def forget(self, key_id: str) -> None:
        """Look *key_id* up anew at its next use."""
        self._remembered.pop(key_id, None)

    async def note_uses(self) -> None:
        """Write down when keys were last used, for those used since the last call."""
        used, self._used = self._used, {}
        if used:
            await self._store.touch_keys(tuple(used.items()))

    async def create(
        self,
        *,
        tenant: str,
        name: str,
        scopes: Sequence[str],
        source: str | None = None,
        expires_at: int | None = None,
    ) -> tuple[ApiKey, str]:
        """Return a new key and its secret text, which nobody can show again."""
        token = new_token(self._randomness)
        key = self._of(token, tenant, name, scopes, source=source, expires_at=expires_at)
        await self._store.create_key(key)
        self.forget(key.id)
        return key, token

    async def ensure_bootstrap(self, token: str) -> ApiKey:
        """Make *token* the one bootstrap admin key and return it; a former one is revoked."""
        key = self._of(token, DEFAULT_TENANT, BOOTSTRAP_NAME, (ADMIN,))
        now = self._clock.now()
        known = await self._store.keys(DEFAULT_TENANT)
        for former in known:
            if former.name == BOOTSTRAP_NAME and former.id != key.id and not former.revoked_at:
                await self._store.revoke_key(DEFAULT_TENANT, former.id, now)
        same = [each for each in known if each.id == key.id and each.revoked_at is None]
        if not same:
            await self._store.create_key(key)
        return same[0] if same else key

    def _of(
        self,
        token: str,
        tenant: str,
        name: str,
        scopes: Sequence[str],
        *,
        source: str | None = None,
        expires_at: int | None = None,
    ) -> ApiKey:
        key_id = id_of(token)
        if key_id is None:
            raise Problem("key_invalid", "the API key is mistyped: its check digits do not match")
        return ApiKey(
            id=key_id,
            tenant=tenant,
            name=name,
            secret_hash=hash_of(token),
            scopes=tuple(scopes),
            created_at=self._clock.now(),
            source=source,
            expires_at=expires_at,
        )
