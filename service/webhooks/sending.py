"""One attempt: a signed message goes out, and what came back is put into words and figures.

The answer is read as it arrives, undecoded and at most 16 KiB of it, against one deadline for the
whole attempt; a receiver that drips or never ends costs its own attempt and nobody else's.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import httpcore
import httpx

from service.webhooks.schedule import retry_after_of
from service.webhooks.targets import TargetError, parse_target

ANSWER_OCTETS_MAX = 16 << 10
CONNECT_SECONDS = 5.0
_SHOWN_HEADERS = ("content-type", "retry-after", "server", "webhook-delivery", "x-request-id")
_HEADER_LENGTH_MAX = 200
_REASON_LENGTH_MAX = 300

Failure = Literal[
    "bad_url",
    "blocked_address",
    "dns_error",
    "connect_timeout",
    "connect_error",
    "tls_error",
    "protocol_error",
    "timeout",
    "http_status",
]
Verdict = Literal["delivered", "retry", "abort", "disable"]

_NETWORK_ERRORS = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    OSError,
)
_REASONS: Mapping[Failure, str] = {
    "timeout": "no whole answer in time",
    "connect_timeout": f"no connection within {CONNECT_SECONDS:g} s",
}
"""Failures that bring no words of their own; an endpoint that is so slow is left alone a while."""

_OK_FROM, _OK_TO = 200, 300
_GONE = 410
_LEAVE_ALONE = frozenset({429, 502, 503, 504})
_CONTROL_HEADER = "webhook-delivery"


@dataclass(frozen=True, slots=True)
class Message:
    """What goes to a receiver, the same octets at every attempt."""

    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt.

    Attributes:
        verdict: `delivered`; `retry`: it failed and may succeed later; `abort`: the receiver wants
            no more of this message; `disable`: it wants no message at all.
        failure: Why it failed; None when it was delivered.
        reason: The same in words.
        status: HTTP status; None where no answer came.
        seconds: How long the attempt took.
        answer: First octets of the answer's body.
        headers: Some header fields of the answer.
        retry_after: How long to wait at least, by the receiver's word, in microseconds.
        slows: Whether the endpoint as a whole is to be left alone for a while.
        address: Where the connection went; None where there was none.
    """

    verdict: Verdict
    failure: Failure | None
    reason: str
    status: int | None
    seconds: float
    answer: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    retry_after: int | None = None
    slows: bool = False
    address: str | None = None


async def send(
    client: httpx.AsyncClient, message: Message, *, timeout_seconds: float, now: int
) -> Outcome:
    """Return what became of sending *message* once. It never raises for what a receiver does.

    Args:
        client: Over a `GuardedTransport`; it follows no redirects and reads no environment.
        message: What goes out.
        timeout_seconds: For everything from looking up the name to the end of the answer.
        now: The present instant, for dates in the answer.
    """
    loop = asyncio.get_running_loop()
    begun = loop.time()
    try:
        async with asyncio.timeout(timeout_seconds):
            return await _exchange(client, message, begun=begun, now=now)
    except (TargetError, httpcore.TimeoutException, *_NETWORK_ERRORS) as error:
        failure = _failure_of(error)
        return Outcome(
            "retry",
            failure,
            (str(error) or _REASONS.get(failure, type(error).__name__))[:_REASON_LENGTH_MAX],
            None,
            loop.time() - begun,
            slows=failure in _REASONS,
        )


def _failure_of(error: BaseException) -> Failure:
    """Return the word for *error*; the client calls a failed handshake a failed connection."""
    match error:
        case TargetError(code="blocked_address"):
            return "blocked_address"
        case TargetError():
            return "bad_url"
        case httpcore.ConnectTimeout():
            return "connect_timeout"
        case TimeoutError() | httpcore.TimeoutException():
            return "timeout"
        case httpcore.ConnectError():
            return "tls_error" if isinstance(error.__context__, ssl.SSLError) else "connect_error"
        case OSError():
            return "dns_error"
        case _:
            return "protocol_error"


async def _exchange(
    client: httpx.AsyncClient, message: Message, *, begun: float, now: int
) -> Outcome:
    request = client.build_request(
        "POST",
        parse_target(message.url),
        content=message.body,
        headers={**message.headers, "accept-encoding": "identity"},
        timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
    )
    response = await client.send(request, stream=True, follow_redirects=False)
    address = _peer(response)
    try:
        answer = await _head_of(response)
    finally:
        await response.aclose()
    seconds = asyncio.get_running_loop().time() - begun
    headers = {name: value.strip() for name, value in response.headers.items()}
    verdict = _verdict(response.status_code, headers)
    status = response.status_code
    return Outcome(
        verdict,
        None if verdict == "delivered" else "http_status",
        f"the receiver answered {status}",
        status,
        seconds,
        answer=answer,
        headers={
            name: headers[name][:_HEADER_LENGTH_MAX] for name in _SHOWN_HEADERS if name in headers
        },
        retry_after=retry_after_of(headers, now=now),
        slows=status in _LEAVE_ALONE,
        address=address,
    )


async def _head_of(response: httpx.Response) -> bytes:
    """Return the first octets of the body, as they came; the rest is not waited for."""
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_raw():
        parts.append(part[: ANSWER_OCTETS_MAX - size])
        size += len(part)
        if size >= ANSWER_OCTETS_MAX:
            break
    return b"".join(parts)


def _verdict(status: int, headers: Mapping[str, str]) -> Verdict:
    """Return what an answer means. A redirect is a failure: its target was not checked."""
    wish = headers.get(_CONTROL_HEADER, "").lower()
    if status == _GONE or wish == "disable":
        return "disable"
    if _OK_FROM <= status < _OK_TO:
        return "delivered"
    return "abort" if wish == "abort-message" else "retry"


def _peer(response: httpx.Response) -> str | None:
    stream = response.extensions.get("network_stream")
    found = None if stream is None else stream.get_extra_info("server_addr")
    return str(found[0]) if isinstance(found, tuple) else None


def new_client(transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
    """Return a client that follows no redirects, reads no environment and keeps no cookies."""
    return httpx.AsyncClient(
        transport=transport, follow_redirects=False, trust_env=False, headers={"accept": "*/*"}
    )
