"""Who may look: an API key is exchanged once for a signed cookie that names it and ends.

The cookie holds no secret: key id, end, and an HMAC over both with a key of its own. Each look asks
whether the key still stands, so revoking it ends its sessions. In the demo, and only there, pages
are open to this machine; the Host must be this machine's too, so that no foreign page that
resolves its own name to us gets an answer.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from domain.instants import HOUR, SECOND
from service.access.keys import DEFAULT_TENANT, Principal
from service.errors import Problem
from service.http.requests.addresses import address_of
from service.services import Services

SCOPE = "customers:read"
COOKIE = "stagefold_session"
LASTS = 12 * HOUR

_PURPOSE = b"stagefold pages session v1"
_COOKIE_LENGTH_MAX = 200
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
GUEST = Principal("demo", DEFAULT_TENANT, frozenset({SCOPE}), None)


async def visitor(request: Request) -> Principal | None:
    """Return who looks at the pages; None for somebody who has to sign in."""
    services: Services = request.app.state.services
    if getattr(request.app.state, "pages_open", False) and is_local(request):
        return GUEST
    key_id = _key_of(request.cookies.get(COOKIE, ""), services)
    if key_id is None:
        return None
    principal = await services.keys.principal(key_id, address=_address(request, services))
    return principal if principal is not None and principal.may(SCOPE) else None


def _address(request: Request, services: Services) -> str:
    return address_of(request.scope, services.settings.trusted_proxies)


async def sign_in(request: Request, token: str) -> str | None:
    """Return the cookie value for the API key *token*; None if it may not read customers."""
    services: Services = request.app.state.services
    try:
        principal = await services.keys.identify(token.strip(), address=_address(request, services))
    except Problem:
        return None
    if not principal.may(SCOPE):
        return None
    ends = services.clock.now() + LASTS
    return _signed(f"{principal.key_id}.{ends}", services)


def set_cookie(response: Response, value: str, *, secure: bool) -> None:
    """Give the session to the browser: out of reach of scripts and of other sites."""
    response.set_cookie(
        COOKIE,
        value,
        max_age=LASTS // SECOND,
        path="/",
        secure=secure,
        httponly=True,
        samesite="strict",
    )


def is_own_form(request: Request) -> bool:
    """Whether a POST was sent by a form of ours, by the Origin that the browser names."""
    origin = request.headers.get("origin")
    host = request.headers.get("host")
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    return origin is not None and bool(host) and urlsplit(origin).netloc == host


def is_local(request: Request) -> bool:
    """Whether the request came from this machine, and asks for it by name."""
    if request.client is None or not _is_loopback(request.client.host):
        return False
    try:
        name = urlsplit(f"//{request.headers.get('host', '')}").hostname
    except ValueError:
        return False
    return name in _LOCAL_NAMES


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _key_of(cookie: str, services: Services) -> str | None:
    """Return the key id of an intact cookie that has not ended."""
    head, _, _ = cookie.rpartition(".")
    key_id, _, ends = head.rpartition(".")
    if len(cookie) > _COOKIE_LENGTH_MAX or not (ends.isascii() and ends.isdigit()):
        return None
    if not hmac.compare_digest(cookie.encode(), _signed(head, services).encode()):
        return None
    return key_id if services.clock.now() < int(ends) else None


def _signed(head: str, services: Services) -> str:
    own = hmac.new(services.cursor_secret, _PURPOSE, hashlib.sha256).digest()
    return f"{head}.{hmac.new(own, head.encode(), hashlib.sha256).hexdigest()}"
