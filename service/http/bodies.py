"""Request bodies, unpacked as they arrive and never larger than allowed.

A small body can unpack to a huge one, so unpacking is done in pieces and stops at the bound.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Mapping
from typing import ClassVar

from starlette.requests import Request

from service.errors import Problem
from service.settings import Settings

ACCEPT_ENCODING = "gzip, deflate, identity"

_PIECE_BYTES = 256 << 10
_RATIO_FREE_BYTES = 256 << 10
"""Below this a body may be as repetitive as it likes."""
_WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


class UnsupportedEncoding(Problem):
    """A Content-Encoding that we do not unpack; the answer says which we do."""

    headers: ClassVar[Mapping[str, str]] = {"Accept-Encoding": ACCEPT_ENCODING}

    def __init__(self, found: str) -> None:
        message = f"Content-Encoding: expected one of {ACCEPT_ENCODING}, found {found[:60]!a}"
        super().__init__("unsupported_encoding", message)


async def read_body(request: Request, settings: Settings) -> bytes:
    """Return the whole body, unpacked.

    Raises:
        Problem: It is too large, or not packed as it says.
    """
    if "content-encoding" not in request.headers:
        return await request.body()
    pieces = [piece async for piece in read_pieces(request, settings, settings.inflated_bytes_max)]
    return b"".join(pieces)


async def read_pieces(request: Request, settings: Settings, limit: int) -> AsyncIterator[bytes]:
    """Yield the body in pieces, unpacked, at most *limit* bytes in all.

    Raises:
        Problem: As `read_body`.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding == "identity":
        async for piece in request.stream():
            yield piece
        return
    if encoding not in _WINDOWS:
        raise UnsupportedEncoding(encoding)
    unpacker = _Unpacker(_WINDOWS[encoding], limit, settings.inflate_ratio_max)
    async for packed in request.stream():
        for piece in unpacker.take(packed):
            yield piece
    unpacker.finish()


class _Unpacker:
    """Unpacks one zlib or gzip stream within bounds."""

    def __init__(self, window: int, limit: int, ratio: int) -> None:
        self._stream = zlib.decompressobj(window)
        self._limit = limit
        self._ratio = ratio
        self._taken = 0
        self._given = 0

    def take(self, packed: bytes) -> list[bytes]:
        """Return what *packed* unpacks to, in pieces."""
        self._taken += len(packed)
        pieces = []
        while packed:
            if self._stream.eof:
                raise Problem("malformed_encoding", "the body goes on after its compressed stream")
            try:
                piece = self._stream.decompress(packed, _PIECE_BYTES)
            except zlib.error as error:
                raise Problem("malformed_encoding", f"the body does not unpack: {error}") from None
            self._given += len(piece)
            self._check()
            pieces.append(piece)
            packed = self._stream.unconsumed_tail or self._stream.unused_data
        return pieces

    def _check(self) -> None:
        if self._given > self._limit:
            message = f"expected at most {self._limit} bytes unpacked; send it in parts"
            raise Problem("body_too_large", message)
        if self._given > max(_RATIO_FREE_BYTES, self._ratio * self._taken):
            message = f"the body unpacks to more than {self._ratio} times its size"
            raise Problem("body_too_large", message)

    def finish(self) -> None:
        """Make sure that the stream has come to its end."""
        if not self._stream.eof:
            raise Problem("malformed_encoding", "the compressed body ends too early")
