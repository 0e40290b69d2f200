"""The way out: an HTTP transport that connects to checked addresses and to nothing else.

`httpcore` asks its network backend for each connection; ours looks the name up, refuses it if any
address behind it is refused, and connects to the address itself. Host header and TLS name stay
those of the URL. Proxies of the environment are not used and redirects are not followed.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterable
from functools import cached_property

import httpcore
import httpx

from service.webhooks.targets import Guard, Resolve, resolve

_KEPT_MAX = 100
_KEPT_SECONDS = 30.0


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects to addresses that *guard* lets through."""

    def __init__(
        self, guard: Guard, look_up: Resolve, inner: httpcore.AsyncNetworkBackend | None = None
    ) -> None:
        self._guard = guard
        self._look_up = look_up
        self._inner = inner or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 -- the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Return a connection to the first address of *host* that answers.

        Raises:
            TargetError: An address of the host is refused.
            OSError: The name cannot be looked up.
            httpcore.ConnectError: None of its addresses answers.
        """
        addresses = await self._look_up(host, port)
        self._guard.check(host, addresses)
        failure = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return await self._inner.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except httpcore.ConnectError as error:
                failure = error
        raise failure

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109, ARG002 -- the signature is httpcore's
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002 -- as above
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: a webhook goes over the network."""
        raise httpcore.ConnectError(f"webhooks do not reach sockets of this machine: {path}")

    async def sleep(self, seconds: float) -> None:
        """Wait *seconds*, as the pool asks between tries."""
        await self._inner.sleep(seconds)


class GuardedTransport(httpx.AsyncBaseTransport):
    """Sends the requests of an `httpx.AsyncClient` over guarded connections.

    Errors are those of `httpcore` and `service.webhooks.targets`. Certificates are loaded, which
    takes some 40 ms, when the first request is sent.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        look_up: Resolve = resolve,
        connections_max: int = 100,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._backend = GuardedBackend(guard, look_up)
        self._connections_max = connections_max
        self._tls = tls

    @cached_property
    def _pool(self) -> httpcore.AsyncConnectionPool:
        return httpcore.AsyncConnectionPool(
            ssl_context=self._tls or ssl.create_default_context(),
            max_connections=self._connections_max,
            max_keepalive_connections=min(self._connections_max, _KEPT_MAX),
            keepalive_expiry=_KEPT_SECONDS,
            network_backend=self._backend,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer to *request*; its body is read by whoever asked."""
        if not isinstance(request.stream, httpx.AsyncByteStream):
            raise TypeError("expected a body that can be sent from an event loop")
        answer = await self._pool.handle_async_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer),
            extensions=answer.extensions,
        )

    async def aclose(self) -> None:
        """Close every connection, if there was any."""
        if "_pool" in self.__dict__:
            await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    """The body of an answer, as it arrives."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._answer.aiter_stream():
            yield part

    async def aclose(self) -> None:
        await self._answer.aclose()
