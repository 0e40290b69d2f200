"""A message made ready for the road: formed, signed for this very attempt, addressed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

import msgspec

from domain.instants import SECOND
from projections.asking import EVERYBODY
from projections.registers.register import entries
from projections.webhooks.rows import PUBLISHED_KEYS, Endpoint, PublishedKey
from projections.webhooks.rows import Message as Stored
from service.ports import Clock, Store
from service.webhooks.bodies import formed
from service.webhooks.sending import Message
from service.webhooks.signing import SharedSecret, Signer, SigningKey, headers_of
from service.webhooks.terms import Terms

__all__ = ["Post", "Secret", "Signers", "secrets_of", "secrets_text"]

USER_AGENT = f"stagefold/{version('stagefold')}"


@dataclass(frozen=True, slots=True)
class Secret:
    """A shared secret and until when it signs; None for as long as it is the newest."""

    text: str
    until: int | None = None


def secrets_of(text: str) -> list[Secret]:
    """Return the secrets that an endpoint's row holds, the newest first."""
    return msgspec.json.decode(text, type=list[Secret])


def secrets_text(secrets: Sequence[Secret]) -> str:
    """Return *secrets* as an endpoint's row holds them."""
    return msgspec.json.encode(list(secrets)).decode()


class Signers:
    """Knows what signs for an endpoint: its live secrets, and our keys where it asks for them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Know no key of ours yet."""
        self._store = store
        self._clock = clock
        self._keys: list[PublishedKey] = []

    async def renew(self) -> None:
        """Learn which keys are published."""
        self._keys = await self._store.look(entries(PUBLISHED_KEYS), of=EVERYBODY)

    def of(self, endpoint: Endpoint, terms: Terms, now: int) -> list[Signer]:
        """Return what signs a message to *endpoint* at *now*."""
        found: list[Signer] = [
            SharedSecret.parse(each.text)
            for each in secrets_of(endpoint.secrets)
            if each.until is None or each.until > now
        ]
        if "v1a" in terms.signing:
            live = (one for one in self._keys if one.until is None or one.until > now)
            found += [SigningKey(one.seed) for one in live]
        return found


@dataclass(frozen=True, slots=True)
class Post:
    """A stored message on its way to an endpoint."""

    stored: Stored
    terms: Terms

    def message(self, signers: Sequence[Signer], attempt: int, now: int) -> Message:
        """Return what goes out at this attempt, the *attempt*-th from 1."""
        body, described = formed(self.stored, self.terms.format)
        signed = headers_of(signers, message_id=self.stored.id, timestamp=now // SECOND, body=body)
        own = {"user-agent": USER_AGENT, "stagefold-attempt": str(attempt)}
        return Message(self.terms.url, body, {**self.terms.headers, **described, **own, **signed})
