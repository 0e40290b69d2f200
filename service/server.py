"""The server: uvicorn with bounds on what a client may make us wait for and hold.

uvicorn alone waits for ever for a request that never ends and keeps headers of any size. Here one
look over all connections, twice a second, closes those whose time is up; a request in the making
has three clocks (its headers, its silences, the whole of it), an answer that nobody reads has one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import ClassVar, Literal

import structlog
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service import logs
from service.app import create_app
from service.bootstrap import build, close
from service.errors import Problem
from service.http.layers.edge import LINES_TYPES
from service.http.layers.entrance import Entrance
from service.http.problems import KINDS, MEDIA_TYPE, document
from service.intake.rejections import IMPORTS_ROUTE
from service.loops import start_loops
from service.ports import StoreUnavailable
from service.running import loop_factory, settle_garbage
from service.services import Services
from service.settings import Settings

_TICKS_BETWEEN_LOOKS = 5
"""uvicorn ticks ten times a second."""

_STALL_SECONDS = 1.0
"""Two looks lie closer together, unless the loop stood still."""

_PAUSE_SECONDS = 0.25
_PAUSE_SECONDS_MAX = 2.0
"""Between two looks for a database that is away at the start."""

_log = structlog.get_logger("stagefold.server")

Phase = Literal["between", "headers", "body", "complete"]


class _HeadersTooLargeError(Exception):
    """Raised inside the parser, to stop it."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection, held to the settings."""

    settings: ClassVar[Settings] = Settings()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """Greet a connection, or turn it away when there are too many."""
        super().connection_made(transport)
        self.phase: Phase = "between"
        self.began_at = self.heard_at = self.loop.time()
        self.unread_since: float | None = None
        self.header_bytes = self.answers = 0
        self.seconds_max = self.settings.request_seconds
        if len(self.connections) > self.settings.connections_max:
            self.refuse(Problem("overloaded", "too many connections", retry_after_seconds=1))

    def data_received(self, data: bytes) -> None:
        """Take bytes in."""
        if self.transport.is_closing():
            return
        self.heard_at = self.loop.time()
        super().data_received(data)
        if self.phase == "headers" and not self.transport.is_closing():
            self.header_bytes += len(data)
            if self.header_bytes > 2 * self.settings.header_bytes_max:
                self.refuse(_headers_too_large(self.settings))

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.phase = "headers"
        self.began_at = self.loop.time()
        self.header_bytes = 0
        self.seconds_max = self.settings.request_seconds

    def on_url(self, url: bytes) -> None:
        """Take a piece of the request line in."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header in; lines of events have more time to arrive."""
        self._count(len(name) + len(value))
        if name.lower() == b"content-type":
            media_type = value.partition(b";")[0].strip().lower().decode("latin-1")
            if media_type in LINES_TYPES:
                self.seconds_max = self.settings.stream_seconds
        super().on_header(name, value)

    def _count(self, octets: int) -> None:
        self.header_bytes += octets
        if self.header_bytes > self.settings.header_bytes_max:
            raise _HeadersTooLargeError

    def on_headers_complete(self) -> None:
        """Start the answer."""
        self.phase = "body"
        self.answers += 1
        if self.url.startswith(IMPORTS_ROUTE.encode()):
            self.seconds_max = self.settings.import_seconds
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that the request is whole."""
        self.phase = "complete"
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        if self.phase == "complete":
            self.phase = "between"
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        if self.header_bytes > self.settings.header_bytes_max:
            self.refuse(_headers_too_large(self.settings))
        else:
            self.refuse(Problem("malformed_request", msg))

    def look(self, now: float) -> None:
        """Close the connection if its time is up."""
        if self.transport.is_closing():
            return
        if self.flow.write_paused:
            self.unread_since = self.unread_since or now
            if now - self.unread_since > self.settings.request_seconds:
                self.transport.abort()
            return
        self.unread_since = None
        if self.flow.read_paused:
            self.heard_at = now  # We are the slow ones.
        if self._is_overdue(now):
            self.refuse(Problem("request_timeout", "the request did not arrive in time"))

    def _is_overdue(self, now: float) -> bool:
        settings = self.settings
        since, silent = now - self.began_at, now - self.heard_at
        match self.phase:
            case "between":
                return self.answers == 0 and since > settings.header_seconds
            case "headers":
                return since > settings.header_seconds or silent > settings.idle_seconds
            case "body":
                return since > self.seconds_max or silent > settings.idle_seconds
        return False

    def refuse(self, problem: Problem) -> None:
        """Answer with *problem*, if the answer has not begun, and close."""
        if self.answers == 0 or not self.cycle.response_started or self.cycle.response_complete:
            self.transport.write(_written(problem))
        self.transport.close()


def _headers_too_large(settings: Settings) -> Problem:
    message = f"expected at most {settings.header_bytes_max} bytes of headers"
    return Problem("headers_too_large", message)


def _written(problem: Problem) -> bytes:
    """Return *problem* as a whole answer, for where no application is asked."""
    status = HTTPStatus(KINDS[problem.code].status)
    body = json.dumps(document(problem, "req_none")).encode()
    wait = problem.retry_after_seconds
    retry = f"retry-after: {wait}\r\n" if wait is not None else ""
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
        f"content-length: {len(body)}\r\n{retry}connection: close\r\n\r\n"
    )
    return head.encode() + body


class Server(uvicorn.Server):
    """uvicorn's server that looks after its connections and tells the probes when it leaves."""

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[str], None]) -> None:
        """Serve by *config*; *on_listening* is told the address."""
        super().__init__(config)
        self.services: Services | None = None
        self._on_listening = on_listening
        self._looked_at = 0.0

    def open(self, app: ASGIApp, services: Services) -> None:
        """Let *app* answer over *services* from now on."""
        self.services = services
        self.config.loaded_app = app  # of every connection made from now on

    async def on_tick(self, counter: int) -> bool:
        """Do what is done ten times a second."""
        if counter % _TICKS_BETWEEN_LOOKS == 0:
            self._look(asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    def _look(self, now: float) -> None:
        """Look at every connection; not after a stall, when what they sent may be unread yet."""
        has_stalled = now - self._looked_at > _STALL_SECONDS
        self._looked_at = now
        if has_stalled:
            return
        for connection in tuple(self.server_state.connections):
            if isinstance(connection, BoundedProtocol):
                connection.look(now)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave in order at SIGTERM and SIGINT, at once at the second SIGINT.

        At SIGTERM those who send us requests are given notice: for some time we still listen and
        read, are not ready and refuse to write. A second signal shortens that.

        uvicorn's own raises the signal again at the end, which would kill us before the store is
        closed.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._leave, number)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def _leave(self, number: int) -> None:
        services = self.services
        if services is None:  # still starting: nobody has begun anything
            self._close_door()
            return
        is_first, services.lifecycle.draining = not services.lifecycle.draining, True
        services.progress.note()  # so that nobody is kept waiting for news
        services.live.tail.leave()
        if is_first and number == signal.SIGTERM:
            notice = services.settings.notice_seconds
            asyncio.get_running_loop().call_later(notice, self._close_door)
            return
        self.force_exit = self.should_exit and number == signal.SIGINT
        self._close_door()

    def _close_door(self) -> None:
        self.should_exit = True

    def _log_started_message(self, listeners: object) -> None:
        del listeners
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        self._on_listening(f"http://{shown}:{port}")


def run(settings: Settings, on_ready: Callable[[str], None] | None = None) -> None:
    """Serve until a signal comes; *on_ready* is told the address once requests are taken."""
    logs.configure(settings)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve(settings, on_ready or _log_ready))


def _log_ready(url: str) -> None:
    _log.info("listening", url=url)


async def serve(settings: Settings, on_ready: Callable[[str], None]) -> None:
    """Listen, build the services, serve, and close them when the last request is answered.

    While the database is away the start waits for it; probes are told.
    """
    if settings.unknown:
        _log.warning("unknown_settings", names=settings.unknown)
    entrance = Entrance()
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    server = Server(_config(settings, entrance), listening.set_result)

    async def start() -> None:
        services = await _built(settings, entrance)
        settle_garbage()
        app = create_app(services)
        server.open(app, services)
        entrance.open(app)
        start_loops(services)
        on_ready(await listening)

    def stop_unless_started(task: asyncio.Task[None]) -> None:
        server.should_exit |= task.cancelled() or task.exception() is not None

    starting = asyncio.create_task(start(), name="start")
    starting.add_done_callback(stop_unless_started)
    try:
        await server.serve()
    finally:
        starting.cancel()
        await asyncio.wait([starting])
        if server.services is not None:
            await close(server.services)
    if not starting.cancelled():
        starting.result()


async def _built(settings: Settings, entrance: Entrance) -> Services:
    """Return the services; as long as the database is away, try again."""
    pause = _PAUSE_SECONDS
    while True:
        try:
            return await build(settings)
        except StoreUnavailable as error:
            if not error.is_away:
                raise
            entrance.waits_for = str(error)
            _log.warning("start_waits", error=str(error))
        await asyncio.sleep(pause)
        pause = min(2 * pause, _PAUSE_SECONDS_MAX)


def server_of(services: Services, on_ready: Callable[[str], None]) -> Server:
    """Return a server over *services*, not yet listening."""
    app = create_app(services)
    server = Server(_config(services.settings, app), on_ready)
    server.services = services
    return server


def _config(settings: Settings, app: ASGIApp) -> uvicorn.Config:
    protocol = type("Protocol", (BoundedProtocol,), {"settings": settings})
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=max(1, round(settings.drain_seconds)),
    )
