"""API keys: made once, shown once, kept as a hash, looked up by id and remembered for 30 s.

A key reads `sfk_{id}_{secret}{check}`: 8 + 32 + 6 characters of base 62, the last a CRC-32 of what
stands before it, so that a mistyped key is refused without a look at the store and a secret
scanner can be sure. The secret has full entropy, so one SHA-256 is hash enough.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal, get_args

from domain.durations import parse_duration
from domain.instants import DAY, MINUTE, SECOND
from service import notes
from service.access.base62 import CHECK_LENGTH, base62, check_of
from service.access.networks import is_within
from service.access.recognised import Recognised
from service.errors import Problem
from service.ports import ApiKey, Clock, Randomness, Store

Scope = Literal[
    "events:write",
    "events:import",
    "customers:read",
    "customers:write",
    "metrics:read",
    "models:write",
    "webhooks:manage",
    "rebuilds:run",
    "admin",
]
SCOPES: tuple[Scope, ...] = get_args(Scope)
ADMIN = "admin"
DEFAULT_TENANT = "default"
BOOTSTRAP_NAME = "bootstrap"
OVERLAP_MAX = 30 * DAY
"""Longest time for which the secret before a rotation stays good."""

_REMEMBERED = 30 * SECOND
_REMEMBERED_MAX = 10_000
_NOTED_EVERY = MINUTE
_TOKEN_LENGTH_MAX = 512
_ID_LENGTH, _SECRET_LENGTH = 8, 32
OWN_PREFIX = "sfk_"
CHOSEN_PREFIX = "-"
"""What the ids of keys begin with that somebody else has made."""
EXISTING_MIN = 16
_is_graphic = re.compile(r"[!-~]+").fullmatch
_is_own = re.compile(r"sfk_([0-9A-Za-z]{8})_[0-9A-Za-z]{38}").fullmatch


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request speaks for.

    Attributes:
        key_id: Id of the API key.
        tenant: Whose data it sees.
        scopes: What it may do; `admin` may do everything.
        source: The only event source it speaks for; None for any.
        event_types: Patterns of the event types that it may send; none for all.
        origins: Web origins whose pages may use it, if it only writes; none for all.
        events_per_second: Its own quota; 0 for none, None for the setting's.
        requests_per_second: The same of requests.
    """

    key_id: str
    tenant: str
    scopes: frozenset[str]
    source: str | None
    event_types: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    events_per_second: int | None = None
    requests_per_second: int | None = None

    @classmethod
    def of(cls, key: ApiKey) -> Principal:
        """Return who speaks by *key*."""
        return cls(
            key_id=key.id,
            tenant=key.tenant,
            scopes=frozenset(key.scopes),
            source=key.source,
            event_types=key.event_types,
            origins=key.origins,
            events_per_second=key.events_per_second,
            requests_per_second=key.requests_per_second,
        )

    @property
    def is_operator(self) -> bool:
        """Whether it administers the whole installation, tenants included."""
        return self.tenant == DEFAULT_TENANT and ADMIN in self.scopes

    @property
    def only_writes(self) -> bool:
        """Whether all it can do is send events, so that it may stand in a web page."""
        return self.scopes == {"events:write"}

    def may(self, scope: str) -> bool:
        """Whether the key has *scope*; every key has the empty one."""
        return not scope or scope in self.scopes or ADMIN in self.scopes


@dataclass(frozen=True, slots=True)
class Terms:
    """What a key is held to beside its scopes; see `ApiKey`."""

    source: str | None = None
    expires_at: int | None = None
    event_types: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    events_per_second: int | None = None
    requests_per_second: int | None = None


NO_TERMS = Terms()


def new_token(randomness: Randomness, key_id: str | None = None) -> str:
    """Return a new key, never seen before; with *key_id* a new secret of that key."""
    head = f"sfk_{key_id or base62(randomness.token(_ID_LENGTH), _ID_LENGTH)}_"
    text = head + base62(randomness.token(_SECRET_LENGTH), _SECRET_LENGTH)
    return text + check_of(text)


def id_of(token: str) -> str | None:
    """Return the id of the key *token*; None if it cannot be one.

    A key that somebody chose (`STAGEFOLD_API_KEY`) has no id in it and gets one from its hash.
    """
    if not 0 < len(token) <= _TOKEN_LENGTH_MAX:
        return None
    own = _is_own(token)
    if own is not None:
        intact = token[-CHECK_LENGTH:] == check_of(token[:-CHECK_LENGTH])
        return own[1] if intact else None
    return CHOSEN_PREFIX + hash_of(token).hex()[: _ID_LENGTH - 1]


def hash_of(token: str) -> bytes:
    """Return what is stored of a key."""
    return hashlib.sha256(token.encode()).digest()


def overlap_of(text: str) -> int:
    """Return the microseconds for which a secret stays good after a rotation, such as `24h`.

    Raises:
        ValueError: It is no duration, or longer than 30 days.
    """
    length = parse_duration(text)
    if not length.is_fixed or not 0 <= length.microseconds <= OVERLAP_MAX:
        raise ValueError(f"expected from 0s to 30d, found {text[:60]!r}")
    return length.microseconds


class KeyRing:
    """Says who a key speaks for."""

    def __init__(self, store: Store, clock: Clock, randomness: Randomness) -> None:
        self._store = store
        self._clock = clock
        self._randomness = randomness
        self._remembered: dict[str, tuple[int, ApiKey | None]] = {}
        self._recognised: Recognised[Principal] = Recognised()
        self._noted: dict[str, int] = {}
        self._used: dict[str, int] = {}

    async def identify(self, token: str, *, address: str | None = None) -> Principal:
        """Return the principal of *token*, used from *address* (None for no network at all).

        Raises:
            Problem: `key_invalid`; the message does not say why, so that nobody can ask for ids.
                `address_not_allowed` for a good key used from outside its networks.
        """
        now, offered = self._clock.now(), hash_of(token)
        known = self._recognised.find(offered, now)
        if known is not None and self._is_newest(known.key):
            self._note(known.key, now)
            return known.principal
        key_id = id_of(token)
        key = None if key_id is None else await self._find(key_id)
        opens = _opens(key, offered, now)
        if key is not None and not opens and self._may_be_outdated(key.id, now):
            self.forget(key.id)
            key = await self._find(key.id)
            opens = _opens(key, offered, now)
        if not opens or key is None or not stands(key, now):
            raise Problem("key_invalid", "the API key is unknown, revoked or expired")
        if key.networks and address is not None and not is_within(address, key.networks):
            message = f"this key may not be used from {address[:60] or 'an unknown address'}"
            raise Problem("address_not_allowed", message)
        self._note(key, now)
        principal = Principal.of(key)
        if self._is_newest(key):
            until, _ = self._remembered[key.id]
            self._recognised.keep(offered, key, principal, until)
        return principal

    def _note(self, key: ApiKey, now: int) -> None:
        if now - self._noted.get(key.id, 0) >= _NOTED_EVERY:
            self._noted[key.id] = self._used[key.id] = now

    def _is_newest(self, key: ApiKey) -> bool:
        """Whether *key* is as it was last looked up."""
        found = self._remembered.get(key.id)
        return found is not None and found[1] is key

    async def principal(self, key_id: str, *, address: str | None) -> Principal | None:
        """Return who speaks by a key whose secret was shown before; None if it stands no more.

        *address* is None for whoever asks over no network.
        """
        key = await self._store.key(key_id)
        if key is None or not stands(key, self._clock.now()):
            return None
        if key.networks and address is not None and not is_within(address, key.networks):
            return None
        return Principal.of(key)

    async def _find(self, key_id: str) -> ApiKey | None:
        now = self._clock.now()
        until, key = self._remembered.get(key_id, (0, None))
        if now < until:
            return key
        key = await self._store.key(key_id)
        self._remembered.pop(key_id, None)
        if len(self._remembered) >= _REMEMBERED_MAX:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[key_id] = (now + _REMEMBERED, key)
        return key

    def _may_be_outdated(self, key_id: str, now: int) -> bool:
        """Whether another process may have rotated the key; asked at most once a second."""
        until, _ = self._remembered.get(key_id, (0, None))
        return until - _REMEMBERED + SECOND <= now

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
        terms: Terms = NO_TERMS,
        existing: str | None = None,
    ) -> tuple[ApiKey, str]:
        """Return a new key and its secret text, which nobody can show again.

        With *existing* that text becomes the key: clients that are built already go on with theirs.

        Raises:
            Problem: `key_refused`; *existing* is too weak, could do too much, or is taken.
        """
        if existing is not None:
            await self._check_existing(existing, scopes)
        token = existing or new_token(self._randomness)
        key = self._of(token, tenant, name, scopes, terms)
        notes.tell(after=key)
        await self._store.create_key(key)
        self.forget(key.id)
        return key, token

    async def _check_existing(self, token: str, scopes: Sequence[str]) -> None:
        key_id, why = id_of(token), ""
        if set(scopes) != {"events:write"}:
            why = "a key that others have made may do nothing but send events: events:write"
        elif not EXISTING_MIN <= len(token) <= _TOKEN_LENGTH_MAX or not _is_graphic(token):
            why = f"expected {EXISTING_MIN} to {_TOKEN_LENGTH_MAX} printable ASCII characters"
        elif token.startswith(OWN_PREFIX):
            why = f"keys that begin with {OWN_PREFIX} are made by us"
        elif key_id is None or await self._store.key(key_id) is not None:
            why = "this key cannot be taken; make a new one"
        if why:
            raise Problem("key_refused", why)

    async def rotate(self, tenant: str, key_id: str, overlap: int) -> tuple[ApiKey, str]:
        """Return the key with a new secret; the one before is good for *overlap* microseconds.

        Raises:
            Problem: `api_key_not_found`, or `rotation_refused` for one that opens nothing, or whose
                secret is a setting.
        """
        found = await self.find(tenant, key_id)
        now = self._clock.now()
        if found.name == BOOTSTRAP_NAME:
            message = "the bootstrap key is what STAGEFOLD_API_KEY says; change it there"
            raise Problem("rotation_refused", message)
        if found.id.startswith(CHOSEN_PREFIX):
            raise Problem("rotation_refused", "others have made this key; make one of ours")
        if not stands(found, now):
            raise Problem("rotation_refused", "the API key is revoked or expired")
        token = new_token(self._randomness, found.id)
        notes.tell(before=found)
        rotated = await self._store.rotate_key(
            tenant, found.id, hash_of(token), former_until=now + min(overlap, OVERLAP_MAX)
        )
        self.forget(found.id)
        if rotated is None:
            raise Problem("rotation_refused", "the API key has just been revoked")
        return rotated, token

    async def revoke(self, tenant: str, key_id: str) -> ApiKey:
        """Return the key, which opens nothing from now on; in other processes within 30 s.

        Raises:
            Problem: `api_key_not_found`.
        """
        notes.tell(before=await self.find(tenant, key_id))
        revoked = await self._store.revoke_key(tenant, key_id, self._clock.now())
        self.forget(key_id)
        if revoked is None:
            raise _not_found(key_id)
        return revoked

    async def find(self, tenant: str, key_id: str) -> ApiKey:
        """Return the tenant's key with that id.

        Raises:
            Problem: `api_key_not_found`.
        """
        found = await self._store.key(key_id)
        if found is None or found.tenant != tenant:
            raise _not_found(key_id)
        return found

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
        terms: Terms = NO_TERMS,
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
            **{each.name: getattr(terms, each.name) for each in fields(terms)},
        )


def stands(key: ApiKey, now: int) -> bool:
    """Whether *key* is neither revoked nor expired at *now*."""
    ends = (key.revoked_at, key.expires_at)
    return all(end is None or end > now for end in ends)


def _opens(key: ApiKey | None, offered: bytes, now: int) -> bool:
    """Whether the secret of hash *offered* is one of *key*; no key takes as long as another."""
    known = offered[::-1] if key is None else key.secret_hash
    former = known if key is None or key.former_hash is None else key.former_hash
    is_newest = hmac.compare_digest(known, offered)
    is_former = hmac.compare_digest(former, offered)
    overlaps = key is not None and key.former_until is not None and key.former_until > now
    return key is not None and (is_newest or (is_former and overlaps))


def _not_found(key_id: str) -> Problem:
    return Problem("api_key_not_found", f"there is no API key {key_id[:40]!a}")
