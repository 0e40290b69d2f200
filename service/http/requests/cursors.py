"""Cursors: where the next part of a list begins, signed, and bound to the list it came from."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

import msgspec

from service.errors import Problem

_VERSION = 1
_SIGNATURE_BYTES = 10
_FILTER_BYTES = 6
_LENGTH_MAX = 4_096

After = tuple[int | str, ...]


class Cursors:
    """Makes and reads the cursors of one list: its path and filters are part of each cursor."""

    def __init__(self, secret: bytes, path: str, filters: Mapping[str, object]) -> None:
        self._secret = secret
        described = msgspec.json.encode([path, sorted((k, str(v)) for k, v in filters.items())])
        self._filters = hashlib.sha256(described).digest()[:_FILTER_BYTES]

    def write(self, after: After | None) -> str | None:
        """Return the cursor of what follows *after*; None at the end of the list."""
        if after is None:
            return None
        body = msgspec.json.encode([_VERSION, self._filters.hex(), *after])
        return base64.urlsafe_b64encode(body + self._sign(body)).decode().rstrip("=")

    def read(self, cursor: str | None) -> After | None:
        """Return what *cursor* stands for; None for the beginning.

        Raises:
            Problem: `cursor_invalid`, or `cursor_mismatch` for one of another list.
        """
        if cursor is None:
            return None
        version, filters, *after = self._open(cursor)
        if version != _VERSION or filters != self._filters.hex():
            message = "cursor: it belongs to a list with other filters; begin without it"
            raise Problem("cursor_mismatch", message)
        return tuple(after)

    def _open(self, cursor: str) -> list[int | str]:
        try:
            packed = base64.urlsafe_b64decode(cursor[:_LENGTH_MAX] + "=" * (-len(cursor) % 4))
        except (binascii.Error, ValueError):
            packed = b""
        body, signature = packed[:-_SIGNATURE_BYTES], packed[-_SIGNATURE_BYTES:]
        if not body or not hmac.compare_digest(signature, self._sign(body)):
            raise Problem(
                "cursor_invalid", "cursor: it is not one of ours; use next_cursor as given"
            )
        return msgspec.json.decode(body, type=list[int | str])

    def _sign(self, body: bytes) -> bytes:
        return hmac.new(self._secret, body, hashlib.sha256).digest()[:_SIGNATURE_BYTES]
