"""The way out: posts over connections to checked addresses and to nothing else.

For each connection the name is looked up, refused if any address behind it is refused, and the
connection goes to the address itself. Host header and TLS name stay those of the URL. Proxies of
the environment are not used and redirects are not followed. Connections are kept for a while, those
of each origin by themselves, and none for so long that a name which has moved is not noticed.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import Self, TypeAlias

import httpx

from service.webhooks.targets import Guard, Resolve, TargetError, port_of, resolve
from service.webhooks.wire import Answer, Wire, WireError

CONNECT_SECONDS = 5.0
_KEPT_MAX = 200
_KEPT_SECONDS = 30.0
_AGED_SECONDS = 300.0

Connect: TypeAlias = Callable[[str, int, ssl.SSLContext | None, str], Awaitable[Wire]]
"""Opens a connection to an address and port, under TLS as that name where there is a context."""


async def connect(address: str, port: int, tls: ssl.SSLContext | None, name: str) -> Wire:
    """Return a connection to *address*."""
    loop = asyncio.get_running_loop()
    _, wire = await loop.create_connection(
        Wire, address, port, ssl=tls, server_hostname=name if tls else None
    )
    return wire


@dataclass(frozen=True, slots=True)
class Origin:
    """Whom a connection is to: requests for another one never go over it."""

    scheme: str
    host: str
    port: int


@dataclass(slots=True)
class Kept:
    """A connection that waits for its next request, until its time is over."""

    wire: Wire
    opened_at: float
    over: asyncio.TimerHandle | None = field(default=None)


class GuardedClient:
    """Posts to receivers that *guard* lets through.

    Certificates are loaded, which takes some 40 ms, when the first connection under TLS is opened.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        look_up: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
        connect: Connect = connect,
    ) -> None:
        """Open nothing yet."""
        self._guard = guard
        self._look_up = look_up
        self._given_tls = tls
        self._connect = connect
        self._kept: dict[Origin, list[Kept]] = {}
        self._count = 0

    async def __aenter__(self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close what is kept."""
        del kind, error, trace
        await self.close()

    async def post(self, url: httpx.URL, headers: Mapping[str, str], body: bytes) -> Answer:
        """Return the answer to a POST; see `send`."""
        return await self.send("POST", url, headers, body)

    async def send(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], body: bytes = b""
    ) -> Answer:
        """Return the answer to a request; how long that may take is the caller's affair.

        A receiver may have ended a kept connection when the request goes out. What came to no
        answer at all over such a one is sent again over a new one.

        Raises:
            TargetError: The receiver is refused.
            OSError: Its name cannot be looked up.
            WireError: There was no connection, or no answer.
        """
        request = _request(method, url, headers, body)
        origin = Origin(url.scheme, url.raw_host.decode("ascii"), port_of(url))
        kept = self._taken(origin)
        if kept is not None:
            try:
                return await self._exchanged(origin, kept, request)
            except WireError as error:
                if error.trouble != "unanswered":
                    raise
        wire = await self._connected(origin)
        opened = Kept(wire, asyncio.get_running_loop().time())
        return await self._exchanged(origin, opened, request)

    async def close(self) -> None:
        """Close every connection that is kept."""
        for line in list(self._kept.values()):
            for kept in line:
                if kept.over is not None:
                    kept.over.cancel()
                kept.wire.close()
        self._kept.clear()
        self._count = 0
        await asyncio.sleep(0)  # the loop closes what was aborted at its next turn

    # ------------------------------------------------------------ connections

    async def _exchanged(self, origin: Origin, kept: Kept, request: bytes) -> Answer:
        answer = await kept.wire.exchange(request)
        if kept.wire.is_reusable:
            self._keep(origin, kept)
        return answer

    def _keep(self, origin: Origin, kept: Kept) -> None:
        loop = asyncio.get_running_loop()
        if self._count >= _KEPT_MAX or loop.time() - kept.opened_at > _AGED_SECONDS:
            kept.wire.close()
            return
        self._count += 1
        self._kept.setdefault(origin, []).append(kept)
        kept.over = loop.call_later(_KEPT_SECONDS, self._drop, origin, kept)

    def _drop(self, origin: Origin, kept: Kept) -> None:
        line = self._kept[origin]
        line.remove(kept)
        if not line:
            del self._kept[origin]
        self._count -= 1
        kept.wire.close()

    def _taken(self, origin: Origin) -> Kept | None:
        """Return the connection that was used last, if one is open."""
        while line := self._kept.get(origin):
            kept = line.pop()
            if not line:
                del self._kept[origin]
            self._count -= 1
            if kept.over is not None:
                kept.over.cancel()
            if kept.wire.is_open:
                return kept
        return None

    async def _connected(self, origin: Origin) -> Wire:
        """Return a connection to the first address of the host that answers."""
        addresses = await self._look_up(origin.host, origin.port)
        self._guard.check(origin.host, addresses)
        tls = self._tls if origin.scheme == "https" else None
        failure = WireError("connect_error", f"{origin.host} has no address")
        for address in addresses:
            try:
                return await self._opened(str(address), origin, tls)
            except WireError as error:
                failure = error
        raise failure

    async def _opened(self, address: str, origin: Origin, tls: ssl.SSLContext | None) -> Wire:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await self._connect(address, origin.port, tls, origin.host)
        except TimeoutError:
            message = f"no connection within {CONNECT_SECONDS:g} s"
            raise WireError("connect_timeout", message) from None
        except ssl.SSLError as error:
            raise WireError("tls_error", str(error)) from None
        except OSError as error:
            raise WireError("connect_error", str(error)) from None

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._given_tls or ssl.create_default_context()


def _request(method: str, url: httpx.URL, headers: Mapping[str, str], body: bytes) -> bytes:
    """Return the octets of a request.

    Raises:
        TargetError: `bad_url`: a header field holds the end of a line.
    """
    fields = {
        "host": url.netloc.decode("ascii"),
        "accept": "*/*",
        "accept-encoding": "identity",
        **headers,
        "content-length": str(len(body)),
    }
    lines = [f"{name}: {value}" for name, value in fields.items()]
    head = f"{method} {url.raw_path.decode('ascii')} HTTP/1.1\r\n" + "\r\n".join(lines)
    if not set(head).isdisjoint("\0") or head.count("\r") + head.count("\n") != 2 * len(lines):
        raise TargetError("bad_url", "expected header fields of one line each")
    return head.encode("latin-1") + b"\r\n\r\n" + body
