"""States as msgpack: written in a quarter of the time of JSON, and little more than half as long.

Two kinds are JSON all the same: those an earlier release has written, and those that hold what
msgpack has no form for, a whole number beyond 64 bits or half of a surrogate pair. The first octet
tells: that of an array of a state is never the one of a bracket.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from domain.machine import JSON, Form

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode
_BRACKET = b"["


def pack(row: Sequence[object]) -> bytes:
    """Return the bytes of *row*."""
    try:
        return _encode(row)
    except (OverflowError, UnicodeEncodeError):
        return JSON.pack(row)


def unpack(data: bytes | str) -> object:
    """Return the row that *data* holds.

    Raises:
        ValueError: None that we have written.
    """
    if isinstance(data, str) or data[:1] == _BRACKET:
        return JSON.unpack(data)
    try:
        return _decode(data)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error


PACKED = Form(pack, unpack)
