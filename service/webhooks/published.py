"""Our own keys, whose public halves anybody may verify `v1a` by: made, published, changed.

They are of the installation, not of a tenant: what they say is that a message comes from here.
"""

from __future__ import annotations

from dataclasses import replace

from projections.asking import EVERYBODY, Script
from projections.registers.register import entries, put
from projections.webhooks.rows import PUBLISHED_KEYS, PublishedKey
from service.errors import Place
from service.ports import Clock, Randomness, Store
from service.webhooks.checking import invalid
from service.webhooks.signing import SigningKey

LIVE_MAX = 5
_SEED_OCTETS = 32


class PublishedKeys:
    """Keeps the keys; every live one signs."""

    def __init__(self, store: Store, clock: Clock, randomness: Randomness) -> None:
        """Keep in *store*."""
        self._store = store
        self._clock = clock
        self._randomness = randomness

    async def live(self) -> list[PublishedKey]:
        """Return the keys that sign now, in the order of their making."""
        now = self._clock.now()
        found = await self._store.look(entries(PUBLISHED_KEYS), of=EVERYBODY)
        return sorted((one for one in found if _is_live(one, now)), key=lambda one: one.created_at)

    async def ensure(self) -> None:
        """Make a key, unless one signs.

        Raises:
            Problem: `validation_failed`: the extra is missing.
        """
        if not await self.live():
            await self._store.carry(self._added(self._made(), self._clock.now(), None))

    async def rotate(self, overlap: int) -> PublishedKey:
        """Return a new key; those before sign as well for *overlap* microseconds.

        Raises:
            Problem: `validation_failed`: the extra is missing.
        """
        made, now = self._made(), self._clock.now()
        return await self._store.carry(self._added(made, now, now + overlap))

    def _made(self) -> PublishedKey:
        seed = self._randomness.token(_SEED_OCTETS)
        try:
            _ = SigningKey(seed).public
        except ImportError:
            message = "expected the extra ed25519: pip install 'stagefold[ed25519]'"
            raise invalid([Place("/signing", "extra_missing", message)]) from None
        return PublishedKey("", seed, self._clock.now())

    @staticmethod
    def _added(made: PublishedKey, now: int, until: int | None) -> Script[PublishedKey]:
        """Write *made* down; those before end at *until*, or where it is None, keep it out."""
        known = yield from entries(PUBLISHED_KEYS)
        live = sorted((one for one in known if _is_live(one, now)), key=lambda one: -one.created_at)
        if live and until is None:
            return live[0]
        new = replace(made, id=str(1 + max((int(one.id) for one in known), default=0)))
        ends = (until if nth < LIVE_MAX - 1 else now for nth in range(len(live)))
        ending = [
            replace(one, until=end if one.until is None else min(one.until, end or now))
            for one, end in zip(live, ends, strict=True)
        ]
        yield from put(PUBLISHED_KEYS, new, *ending)
        return new


def _is_live(one: PublishedKey, now: int) -> bool:
    return one.until is None or one.until > now
