"""Request bodies, unpacked as they arrive and never larger than allowed.

A small body can unpack to a huge one, so unpacking is done in pieces and stops at the bound.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import AsyncIterator, Mapping
from typing import ClassVar
from urllib.parse import unquote_to_bytes

from starlette.requests import ClientDisconnect, Request

from service.errors import Problem
from service.http.requests.fields import fields_of
from service.http.requests.unpacking import ENCODINGS, Unpacker
from service.settings import Settings

ACCEPT_ENCODING = ", ".join([*ENCODINGS, "identity"])

_GZIP_MAGIC = b"\x1f\x8b"
_FORM = b"data="


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


async def read_sent(request: Request, settings: Settings) -> bytes:
    """Return the same of a *request* that nobody else reads.

    Most bodies come as one message; what a request keeps for later readers costs 8 µs.

    Raises:
        Problem: As `read_body`.
    """
    if b"content-encoding" in fields_of(request.scope):
        return await read_body(request, settings)
    pieces: list[bytes] = []
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        piece: bytes = message.get("body", b"")
        if not message.get("more_body", False):
            return b"".join((*pieces, piece)) if pieces else piece
        pieces.append(piece)


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
    encoding = encoding.removeprefix("x-")
    if encoding not in ENCODINGS:
        raise UnsupportedEncoding(encoding)
    unpacker = Unpacker(encoding, limit, settings.inflate_ratio_max)
    async for packed in request.stream():
        for piece in unpacker.take(packed):
            yield piece
    unpacker.finish()


async def read_client_body(request: Request, settings: Settings) -> bytes:
    """Return the whole body as `read_body` does, also where only its first bytes say what it is.

    Browsers' libraries say in the query that a body is packed, or put it into a field of a form,
    so that their requests stay simple ones.

    Raises:
        Problem: As `read_body`.
    """
    body = await read_body(request, settings)
    if body.startswith(_GZIP_MAGIC):
        unpacker = Unpacker("gzip", settings.inflated_bytes_max, settings.inflate_ratio_max)
        body = b"".join(unpacker.take(body))
        unpacker.finish()
    return _field(body) if body.startswith(_FORM) else body


def _field(form: bytes) -> bytes:
    """Return the field `data` of a form: JSON, or base64 of it."""
    value = unquote_to_bytes(form.removeprefix(_FORM).partition(b"&")[0].replace(b"+", b" "))
    if value.lstrip()[:1] in {b"{", b"["}:
        return value
    try:
        return b64decode(value.replace(b" ", b"+"), validate=True)
    except NotBase64 as error:
        raise Problem(
            "malformed_encoding", f"data: expected JSON or base64 of it; {error}"
        ) from None
