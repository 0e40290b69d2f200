"""How clients of other products show their API key, and which answers a browser may read.

Order: Basic with the key as user name, Bearer, X-Write-Key, and last the body. Jitsu puts a masked
key into the body beside the real one in the header, so the body is only asked when no header has
one.
"""

from __future__ import annotations

import base64
import binascii
import re

from starlette.requests import Request
from starlette.responses import Response

from service.access.keys import OWN_PREFIX, Principal
from service.errors import Problem
from service.http.requests.calls import principal_of
from service.http.schemas.compat import BEACON_AT

SCOPE = "events:write"
MISSING = "this needs a write key: Basic (as user name), Bearer, X-Write-Key, or in the body"

_ALLOWED_HEADERS = (
    "Authorization, Content-Encoding, Content-Type, X-Write-Key, X-Retry-Count,"
    " PostHog-Attempt, PostHog-Request-Id, PostHog-Request-Timestamp, PostHog-Sdk-Info"
)
_EXPOSED_HEADERS = "Retry-After, Stagefold-Position, X-Request-Id"
_PREFLIGHT_SECONDS = "86400"
_is_list = re.compile(r"[A-Za-z0-9_-]+(?: ?, ?[A-Za-z0-9_-]+){0,49}").fullmatch


def key_in_headers(request: Request) -> str | None:
    """Return the key that a header field shows; None where none does.

    Raises:
        Problem: `key_invalid`; an Authorization field that is neither Basic nor Bearer.
    """
    scheme, _, said = request.headers.get("authorization", "").strip().partition(" ")
    match scheme.lower():
        case "basic":
            return _user_name(said.strip())
        case "bearer":
            return said.strip()
        case "":
            return _part_of(request.headers.get("x-write-key", "")) or None
    raise Problem("key_invalid", "expected Authorization: Basic or Bearer, and one API key")


def key_in_query(request: Request) -> str | None:
    """Return the key in the address, where a beacon has it: a browser sends that without fields."""
    return request.query_params.get("writeKey") if request.url.path == BEACON_AT else None


def _part_of(shown: str) -> str:
    """Return *shown*, or the one of its two parts that is a key of ours.

    Jitsu wants keys of the form name:secret, and masks the second part where it repeats the key.
    """
    parts = shown.split(":")
    return next((part for part in parts if part.startswith(OWN_PREFIX)), shown)


def _user_name(packed: str) -> str:
    try:
        user, _, _ = base64.b64decode(packed, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise Problem("key_invalid", "Authorization: Basic, then base64 of the key and :") from None
    return user


async def writer_of(request: Request, key: str | None) -> Principal:
    """Return who sends events with *key*.

    Raises:
        Problem: `key_missing`, `key_invalid` or `scope_missing`.
    """
    if key is None:
        raise Problem("key_missing", MISSING)
    return await principal_of(request, key, SCOPE)


def open_to_browsers(answer: Response, request: Request, principal: Principal) -> Response:
    """Return *answer*; a page may read it if its key only sends events and is meant for it."""
    origin = request.headers.get("origin")
    if origin is None or not principal.only_writes:
        return answer
    if principal.origins and origin not in principal.origins:
        return answer
    answer.headers["Access-Control-Allow-Origin"] = origin if principal.origins else "*"
    answer.headers["Access-Control-Expose-Headers"] = _EXPOSED_HEADERS
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    answer.headers["Vary"] = "Origin"
    return answer


def preflight(request: Request) -> Response:
    """Return the answer to a browser that asks before it sends.

    It knows no key yet, so it is the same for all; whether the page may read what is answered to
    its events depends on the key that it then shows. No cookie counts here, so any header field may
    come along: RudderStack's library adds some with each release.
    """
    wanted = request.headers.get("access-control-request-headers", "")
    return Response(
        status_code=204,
        headers={
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": wanted if _is_list(wanted) else _ALLOWED_HEADERS,
            "Access-Control-Max-Age": _PREFLIGHT_SECONDS,
            "Vary": "Access-Control-Request-Headers",
        },
    )
