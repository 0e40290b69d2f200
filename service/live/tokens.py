"""Stream tokens: what a web page opens a stream with, which cannot send a header with its key.

A token holds one filter and the id of the key that asked for it, ends after a minute, and is signed
with a secret that all processes derive from the same key; so nothing is stored. It opens a stream
and does not limit it: how long that lasts, the key decides.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

import msgspec

from domain.instants import SECOND
from service.errors import Problem
from service.live.wishes import Wish
from service.ports import Clock

LASTS = 60 * SECOND
PREFIX = "sft_"
LENGTH_MAX = 4_096

_PURPOSE = b"stagefold stream tokens v1"
_SIGNATURE_BYTES = 32


class Grant(msgspec.Struct, frozen=True, array_like=True):
    """What a token opens.

    Attributes:
        until: When it ends.
    """

    key_id: str
    until: int
    wish: Wish


class StreamTokens:
    """Makes tokens and reads them."""

    def __init__(self, secret: bytes, clock: Clock) -> None:
        """Sign with what *secret* gives for this purpose."""
        self._secret = hmac.new(secret, _PURPOSE, hashlib.sha256).digest()
        self._clock = clock

    def write(self, key_id: str, wish: Wish) -> tuple[str, int]:
        """Return a token and when it ends."""
        until = self._clock.now() + LASTS
        body = msgspec.json.encode(Grant(key_id, until, wish))
        packed = base64.urlsafe_b64encode(self._sign(body) + body).decode().rstrip("=")
        return f"{PREFIX}{packed}", until

    def read(self, token: str) -> Grant:
        """Return what *token* opens.

        Raises:
            Problem: `stream_token_invalid`; it is none of ours, or has ended.
        """
        packed = _unpacked(token)
        signature, body = packed[:_SIGNATURE_BYTES], packed[_SIGNATURE_BYTES:]
        if not body or not hmac.compare_digest(signature, self._sign(body)):
            raise _invalid("token: it is none of ours; ask POST /v1/stream-tokens for one")
        grant = msgspec.json.decode(body, type=Grant)
        if self._clock.now() >= grant.until:
            raise _invalid("token: it opens streams for 60 s; ask POST /v1/stream-tokens anew")
        return grant

    def _sign(self, body: bytes) -> bytes:
        return hmac.new(self._secret, body, hashlib.sha256).digest()


def _unpacked(token: str) -> bytes:
    text = token.removeprefix(PREFIX)
    if text == token or len(token) > LENGTH_MAX:
        return b""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""


def _invalid(message: str) -> Problem:
    return Problem("stream_token_invalid", message)
