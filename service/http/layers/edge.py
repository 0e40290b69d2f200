"""The outermost layer: each request gets an id, a bound on its body, headers, a log line, a count.

Plain ASGI, because a layer that every request passes must cost nothing worth measuring.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import structlog
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import Problem
from service.http.problems import response
from service.http.requests.fields import header_in, media_type_of
from service.intake.rejections import IMPORTS_ROUTE
from service.services import Services
from service.settings import Settings

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Frame-Options": "DENY",
}
LINES_TYPES = frozenset({"application/x-ndjson", "application/jsonl"})

_DRESS = [
    *((name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()),
    (b"cache-control", b"no-store"),
]
"""What an answer gets unless it says otherwise, as the server writes it."""

_DRESS_NAMES = frozenset(name for name, _ in _DRESS)

_is_request_id = re.compile(r"[A-Za-z0-9_.-]{8,64}").fullmatch
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_QUIET = frozenset({"/livez", "/readyz", "/startupz", "/metrics"})
_TELLING = frozenset({"debug", "info"})
"""Levels at which requests are told; at others not even the logger is asked, which takes 5 µs."""

_log = structlog.get_logger("stagefold.http")


class Edge:
    """Wraps the application; see the module."""

    def __init__(self, app: ASGIApp, *, services: Callable[[], Services]) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        services = self._services()
        began = time.perf_counter()
        state = scope.setdefault("state", {})
        state["services"] = services
        request_id = state["request_id"] = _request_id(scope, services)
        status, answered = 500, None

        async def send_dressed(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status = message["status"]
                if state.get("is_endless"):  # how long somebody listens is no slowness
                    answered = time.perf_counter()
                headers = message["headers"]
                said = {name for name, _ in headers}
                dress = _DRESS
                if not said.isdisjoint(_DRESS_NAMES):
                    dress = [pair for pair in _DRESS if pair[0] not in said]
                own = (b"x-request-id", request_id.encode())
                rate = state.get("rate")
                limits = () if rate is None else rate.fields()
                message["headers"] = [*headers, own, *limits, *dress]
            await send(message)

        try:
            await self._app(scope, receive, send_dressed)
        finally:
            _note(services, scope, status, (answered or time.perf_counter()) - began)


def _request_id(scope: Scope, services: Services) -> str:
    sent = header_in(scope, b"x-request-id")
    if sent and _is_request_id(sent):
        return sent
    return f"req_{services.randomness.token(10).hex()}"


def _note(services: Services, scope: Scope, status: int, seconds: float) -> None:
    state = scope["state"]
    route = state.get("route", "(none)")
    method = scope["method"] if scope["method"] in _METHODS else "(other)"
    services.metrics.requests.count(method, route, status, seconds)
    if services.settings.log_level in _TELLING and scope["path"] not in _QUIET:
        _log.info(
            "request",
            method=method,
            route=route,
            status=status,
            milliseconds=round(seconds * 1_000, 1),
            request_id=state["request_id"],
            key_id=state.get("key_id"),
        )


class Gate:
    """Answers what needs no application: a body too large, U+0000, and writes while we leave.

    A body is refused as soon as it is known to be too large: by its header, or when it is.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on while its body keeps within bounds."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope)
        refusal = _refusal(scope, limit) or self._farewell(scope)
        if refusal is not None:
            answer = response(refusal, scope["state"]["request_id"], {"Connection": "close"})
            await answer(scope, receive, send)
            return
        taken = 0

        async def count() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise HTTPException(413, _too_large(limit), {"Connection": "close"})
            return message

        await self._app(scope, count, send)

    def _farewell(self, scope: Scope) -> Problem | None:
        """Return the refusal of a new write while we leave; what is under way comes to its end."""
        services: Services = scope["state"]["services"]
        if scope["method"] in _SAFE_METHODS or not services.lifecycle.draining:
            return None
        message = "this process is shutting down and takes nothing new; nothing of this was stored"
        return Problem("draining", message, retry_after_seconds=1)

    def _limit(self, scope: Scope) -> int:
        settings: Settings = scope["state"]["services"].settings
        if scope["path"].startswith(IMPORTS_ROUTE):
            return settings.import_bytes_max
        if scope["path"] != "/v1/events":
            return settings.body_bytes_max
        is_stream = media_type_of(scope) in LINES_TYPES
        return settings.stream_bytes_max if is_stream else settings.body_bytes_max


def _refusal(scope: Scope, limit: int) -> Problem | None:
    announced = header_in(scope, b"content-length") or ""
    if announced.isascii() and announced.isdigit() and int(announced) > limit:
        return Problem("body_too_large", _too_large(limit))
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        return Problem("bad_parameter", "no name holds U+0000; leave the character out")
    return None


def _too_large(limit: int) -> str:
    return f"expected a body of at most {limit} bytes; send it in parts, see /v1/limits"
