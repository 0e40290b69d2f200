"""Answers kept for repeats: a request with an `Idempotency-Key` is carried out once.

By draft-ietf-httpapi-idempotency-key-header-07. The claim is a row, so it holds for all processes
on one database. An answer may hold a secret, such as a new API key; it is kept sealed by the API
key that asked for it, which we do not know, so whoever reads the database reads nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from domain.instants import DAY, MINUTE
from projections.registers.access import KEPT_ANSWERS, KeptAnswer, claim, forget_answers, release
from projections.registers.register import put
from service.access.keys import Principal
from service.errors import Problem
from service.ports import Clock, Randomness, Store

KEPT_FOR = DAY
RUNNING_FOR = 5 * MINUTE
"""A claim of a process that died is in nobody's way after that."""

KEY_LENGTH_MAX = 255
FORGOTTEN_AT_ONCE = 1_000

_NONCE_LENGTH = 16
_MARK_LENGTH = 32
_TRY_AGAIN = 429
_FAILED = 500
_is_quoted = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"').fullmatch
_is_bare = re.compile(r"[!#-~]+").fullmatch


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer as it was sent: status, the header fields that belong to it, and the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_final(self) -> bool:
        """Whether asking again would give nothing better."""
        return self.status != _TRY_AGAIN and self.status < _FAILED


def key_in(field: str) -> str:
    """Return the key that an `Idempotency-Key` field holds: a string of RFC 8941, or a bare word.

    Raises:
        Problem: `idempotency_key_invalid`.
    """
    text = field.strip()
    quoted = _is_quoted(text)
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else text
    if not 0 < len(key) <= KEY_LENGTH_MAX or not (quoted or _is_bare(text)):
        message = (
            f'Idempotency-Key: expected "1 to {KEY_LENGTH_MAX} characters", a UUID for example'
        )
        raise Problem("idempotency_key_invalid", message)
    return key


class KeptAnswers:
    """Claims requests and keeps what they were answered."""

    def __init__(self, store: Store, clock: Clock, randomness: Randomness) -> None:
        self._store = store
        self._clock = clock
        self._randomness = randomness

    async def begin(
        self, principal: Principal, token: str, wanted: tuple[str, str, str]
    ) -> KeptAnswer | Answered:
        """Return the claim to run a request, or what it was answered before.

        Args:
            principal: Who asks.
            token: The API key that it asks with.
            wanted: Operation, idempotency key, and fingerprint of the request.

        Raises:
            Problem: `idempotency_running` while it runs; `idempotency_mismatch` where another
                request has the key.
        """
        now = self._clock.now()
        asked = KeptAnswer(principal.tenant, principal.key_id, *wanted, begun_at=now)
        verdict, known = await self._store.keep(
            claim(asked, running_since=now - RUNNING_FOR, kept_since=now - KEPT_FOR)
        )
        match verdict:
            case "fresh":
                return known
            case "running":
                message = "the same request is being carried out; ask again for its answer"
                raise Problem("idempotency_running", message, retry_after_seconds=1)
            case "kept":
                body = _opened(known.body or b"", token)
                if body is not None:
                    return Answered(known.status or 0, json.loads(known.headers or "{}"), body)
        message = f"another request was sent with the Idempotency-Key {asked.idempotency_key!a}"
        raise Problem("idempotency_mismatch", message)

    async def end(self, claimed: KeptAnswer, answered: Answered | None, token: str) -> None:
        """Keep what was answered; where asking again may help, forget that it was asked."""
        if answered is None or not answered.is_final:
            await self._store.keep(release(claimed))
            return
        body = _sealed(answered.body, token, self._randomness.token(_NONCE_LENGTH))
        headers = json.dumps(dict(answered.headers))
        kept = replace(claimed, status=answered.status, headers=headers, body=body)
        await self._store.keep(put(KEPT_ANSWERS, kept))

    async def forget(self) -> bool:
        """Remove answers that are over; return whether there are more."""
        until = self._clock.now() - KEPT_FOR
        return await self._store.keep(forget_answers(until, FORGOTTEN_AT_ONCE)) > 0


def _sealed(body: bytes, token: str, nonce: bytes) -> bytes:
    """Return *body* unreadable to whoever has no *token*: a key stream, and a mark over it all."""
    lock, mark = _keys(token, nonce)
    hidden = _mixed(body, lock)
    return nonce + hmac.digest(mark, nonce + hidden, "sha256") + hidden


def _opened(kept: bytes, token: str) -> bytes | None:
    """Return what was sealed by *token*; None for what was sealed by another."""
    nonce, said = kept[:_NONCE_LENGTH], kept[_NONCE_LENGTH : _NONCE_LENGTH + _MARK_LENGTH]
    hidden = kept[_NONCE_LENGTH + _MARK_LENGTH :]
    lock, mark = _keys(token, nonce)
    if not hmac.compare_digest(said, hmac.digest(mark, nonce + hidden, "sha256")):
        return None
    return _mixed(hidden, lock)


def _keys(token: str, nonce: bytes) -> tuple[bytes, bytes]:
    found = hmac.digest(token.encode(), b"stagefold kept answers v1" + nonce, "sha512")
    return found[:32], found[32:]


def _mixed(octets: bytes, lock: bytes) -> bytes:
    stream = hashlib.shake_256(lock).digest(len(octets))
    return bytes(one ^ other for one, other in zip(octets, stream, strict=True))
