"""Where a webhook goes: its address checked as text, then every address behind the name.

The text is read by the client's own parser, once; two parsers that disagree about a backslash or
an `@` are how a checked URL becomes another one. Names are looked up when a connection is made and
the connection goes to the address that was checked, so a name that changes its mind in between
(DNS rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import httpx

from service.webhooks.addresses import Address, Network, Refusal, address_of, refusal_of

URL_LENGTH_MAX = 2_000
_PORTS_LOW = (80, 443)
_PORTS_FREE_FROM = 1_024
_PORT_MAX = 65_535
_DEFAULT_PORTS = {"http": 80, "https": 443}

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[Address]]]
"""Looks up a name for a port; raises OSError where there is none."""


class TargetError(ValueError):
    """A URL that no webhook is sent to.

    Attributes:
        code: `bad_url`, or `blocked_address`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Guard:
    """Lets connections through to public addresses and to *allowed* networks only."""

    allowed: Sequence[Network] = ()

    def check(self, host: str, addresses: Sequence[Address]) -> None:
        """Refuse *host* if any of its *addresses* must not be reached.

        One good address among bad ones is not enough: which of them is taken is chance.

        Raises:
            TargetError: `blocked_address`, naming the range and the setting.
        """
        for address in addresses:
            refusal = refusal_of(address, self.allowed)
            if refusal is not None:
                raise TargetError("blocked_address", _blocked(host, refusal))


def _blocked(host: str, refusal: Refusal) -> str:
    return (
        f"{host}: {refusal}; webhooks go to public addresses only."
        " STAGEFOLD_WEBHOOK_ALLOW_CIDRS names networks that they may reach besides"
    )


@lru_cache(maxsize=1_024)
def parse_target(text: str) -> httpx.URL:
    """Return the URL that *text* writes, if a webhook may have such a one.

    Raises:
        TargetError: `bad_url`, saying what is wrong.
    """
    if len(text) > URL_LENGTH_MAX:
        raise TargetError("bad_url", f"expected at most {URL_LENGTH_MAX} characters")
    if not text.isprintable() or any(each in text for each in " \\"):
        raise TargetError("bad_url", "expected no blank, backslash or control character")
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as error:
        raise TargetError("bad_url", f"expected an absolute URL: {error}") from None
    _check_parts(url)
    return url


def _check_parts(url: httpx.URL) -> None:
    if url.scheme not in _DEFAULT_PORTS or not url.host:
        raise TargetError("bad_url", "expected http:// or https:// and a host")
    if url.userinfo:
        raise TargetError("bad_url", "expected no user or password; use `headers` for credentials")
    if url.fragment:
        raise TargetError("bad_url", "expected no fragment (#…): it is never sent")
    port = port_of(url)
    if port not in _PORTS_LOW and not _PORTS_FREE_FROM <= port <= _PORT_MAX:
        message = f"expected port 80, 443, or {_PORTS_FREE_FROM} to {_PORT_MAX}; found {port}"
        raise TargetError("bad_url", message)


def host_of(text: str) -> str:
    """Return the host of a URL; the whole text where it is none that may be sent to."""
    try:
        return parse_target(text).host
    except TargetError:
        return text


def port_of(url: httpx.URL) -> int:
    """Return the port that *url* connects to."""
    return url.port if url.port is not None else _DEFAULT_PORTS[url.scheme]


async def resolve(host: str, port: int) -> Sequence[Address]:
    """Return every address of *host*, in the order in which the system would try them.

    Other spellings of numbers (`0x7f.1`, `2130706433`, `127.1`) come back as what they mean.

    Raises:
        OSError: The name is unknown, or names cannot be looked up now.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(address_of(str(place[0])) for *_, place in found))


async def check_target(text: str, guard: Guard, look_up: Resolve = resolve) -> httpx.URL:
    """Return the URL that *text* writes, once its host has been looked up and let through.

    This is the check of a connection, made early, so that who enters a URL learns of it at once.

    Raises:
        TargetError: `bad_url` or `blocked_address`.
        OSError: The host cannot be looked up.
    """
    url = parse_target(text)
    guard.check(url.host, await look_up(url.host, port_of(url)))
    return url
