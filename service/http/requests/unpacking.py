"""Compressed streams, unpacked in pieces within bounds: gzip, deflate and, if installed, zstd.

zstd comes with Python 3.14, and as the extra `zstd` before.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any, Protocol

from service.errors import Problem

PIECE_BYTES = 256 << 10

_RATIO_FREE_BYTES = 256 << 10
"""Below this a body may be as repetitive as it likes."""
_GZIP_HEADER = 16
_ZSTD_MODULES = ("compression.zstd", "backports.zstd")
_ZSTD_WINDOW_LOG_MAX = 23
"""8 MiB, which every decoder must support and none need exceed: RFC 9659 §3."""


class _Broken(Exception):  # noqa: N818 -- it is the stream that is broken, not we
    """The stream is not what it says."""


class Stream(Protocol):
    """A stream being unpacked."""

    def feed(self, packed: bytes) -> bytes:
        """Return at most `PIECE_BYTES` more of what it holds, after *packed* has come."""
        ...

    @property
    def is_waiting(self) -> bool:
        """Whether it can give nothing more before more comes."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether it has come to its end."""
        ...

    @property
    def surplus(self) -> bytes:
        """What came behind its end."""
        ...


class _Zlib:
    """gzip, or deflate with its zlib header."""

    def __init__(self, window: int) -> None:
        self._stream = zlib.decompressobj(window)
        self.is_waiting = True

    def feed(self, packed: bytes) -> bytes:
        stream = self._stream
        try:
            piece = stream.decompress(stream.unconsumed_tail + packed, PIECE_BYTES)
        except zlib.error as error:
            raise _Broken(str(error)) from None
        self.is_waiting = not stream.unconsumed_tail and len(piece) < PIECE_BYTES
        return piece

    @property
    def is_over(self) -> bool:
        return self._stream.eof

    @property
    def surplus(self) -> bytes:
        return self._stream.unused_data


class _Zstd:
    """One frame of zstd."""

    def __init__(self, module: Any) -> None:  # noqa: ANN401 -- one of two modules
        window = module.DecompressionParameter.window_log_max
        self._stream = module.ZstdDecompressor(options={window: _ZSTD_WINDOW_LOG_MAX})
        self._error: type[Exception] = module.ZstdError

    def feed(self, packed: bytes) -> bytes:
        try:
            return bytes(self._stream.decompress(packed, PIECE_BYTES))
        except self._error as error:
            raise _Broken(str(error)) from None

    @property
    def is_waiting(self) -> bool:
        return bool(self._stream.needs_input)

    @property
    def is_over(self) -> bool:
        return bool(self._stream.eof)

    @property
    def surplus(self) -> bytes:
        return bytes(self._stream.unused_data) if self._stream.eof else b""


def _streams() -> Mapping[str, Callable[[], Stream]]:
    streams: dict[str, Callable[[], Stream]] = {
        "gzip": partial(_Zlib, zlib.MAX_WBITS | _GZIP_HEADER),
        "deflate": partial(_Zlib, zlib.MAX_WBITS),
    }
    for name in _ZSTD_MODULES:
        try:
            module = import_module(name)
        except ImportError:
            continue
        streams["zstd"] = partial(_Zstd, module)
        break
    return streams


ENCODINGS = _streams()
"""What can be unpacked here."""


class Unpacker:
    """Unpacks one stream within bounds."""

    def __init__(self, encoding: str, limit: int, ratio: int) -> None:
        """Give at most *limit* bytes, and *ratio* times as many as are taken."""
        self._stream = ENCODINGS[encoding]()
        self._limit = limit
        self._ratio = ratio
        self._taken = 0
        self._given = 0

    def take(self, packed: bytes) -> list[bytes]:
        """Return what *packed* unpacks to, in pieces.

        Raises:
            Problem: `malformed_encoding`, or `body_too_large`.
        """
        self._taken += len(packed)
        pieces: list[bytes] = []
        while packed or not self._stream.is_over:
            if self._stream.is_over:
                raise Problem("malformed_encoding", "the body goes on after its compressed stream")
            try:
                piece = self._stream.feed(packed)
            except _Broken as error:
                raise Problem("malformed_encoding", f"the body does not unpack: {error}") from None
            pieces.append(piece)
            self._given += len(piece)
            self._check()
            packed = self._stream.surplus
            if self._stream.is_waiting and not self._stream.is_over:
                break
        return pieces

    def _check(self) -> None:
        if self._given > self._limit:
            message = f"expected at most {self._limit} bytes unpacked; send it in parts"
            raise Problem("body_too_large", message)
        if self._given > max(_RATIO_FREE_BYTES, self._ratio * self._taken):
            message = f"the body unpacks to more than {self._ratio} times its size"
            raise Problem("body_too_large", message)

    def finish(self) -> None:
        """Make sure that the stream has come to its end.

        Raises:
            Problem: `malformed_encoding`.
        """
        if not self._stream.is_over:
            raise Problem("malformed_encoding", "the compressed body ends too early")
