"""One attempt: a signed message goes out, and what came back is put into words and figures.

The answer is read as it arrives, undecoded and at most 16 KiB of it, against one deadline for the
whole attempt; a receiver that drips or never ends costs its own attempt and nobody else's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from service.webhooks.schedule import retry_after_of
from service.webhooks.targets import TargetError, parse_target
from service.webhooks.transport import GuardedClient
from service.webhooks.wire import WireError

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

_SLOW: frozenset[Failure] = frozenset({"timeout", "connect_timeout"})
"""An endpoint that is so slow is left alone for a while."""

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
    client: GuardedClient, message: Message, *, timeout_seconds: float, now: int
) -> Outcome:
    """Return what became of sending *message* once. It never raises for what a receiver does.

    Args:
        client: The way out.
        message: What goes out.
        timeout_seconds: For everything from looking up the name to the end of the answer.
        now: The present instant, for dates in the answer.
    """
    loop = asyncio.get_running_loop()
    begun = loop.time()
    try:
        async with asyncio.timeout(timeout_seconds):
            return await _exchange(client, message, begun=begun, now=now)
    except (TargetError, WireError, OSError) as error:
        failure = _failure_of(error)
        return Outcome(
            "retry",
            failure,
            (str(error) or "no whole answer in time")[:_REASON_LENGTH_MAX],
            None,
            loop.time() - begun,
            slows=failure in _SLOW,
        )


def _failure_of(error: BaseException) -> Failure:
    """Return the word for *error*."""
    match error:
        case TargetError(code="blocked_address"):
            return "blocked_address"
        case TargetError():
            return "bad_url"
        case WireError(trouble=trouble):
            return "protocol_error" if trouble == "unanswered" else trouble
        case TimeoutError():
            return "timeout"
        case _:
            return "dns_error"


async def _exchange(client: GuardedClient, message: Message, *, begun: float, now: int) -> Outcome:
    answer = await client.post(parse_target(message.url), message.headers, message.body)
    headers, status = answer.headers, answer.status
    verdict = _verdict(status, headers)
    return Outcome(
        verdict,
        None if verdict == "delivered" else "http_status",
        f"the receiver answered {status}",
        status,
        asyncio.get_running_loop().time() - begun,
        answer=answer.body,
        headers={
            name: headers[name][:_HEADER_LENGTH_MAX] for name in _SHOWN_HEADERS if name in headers
        },
        retry_after=retry_after_of(headers, now=now),
        slows=status in _LEAVE_ALONE,
        address=answer.address,
    )


def _verdict(status: int, headers: Mapping[str, str]) -> Verdict:
    """Return what an answer means. A redirect is a failure: its target was not checked."""
    wish = headers.get(_CONTROL_HEADER, "").lower()
    if status == _GONE or wish == "disable":
        return "disable"
    if _OK_FROM <= status < _OK_TO:
        return "delivered"
    return "abort" if wish == "abort-message" else "retry"
