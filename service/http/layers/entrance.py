"""What answers before there is anything to answer with: a start that waits for its database.

The process listens at once, so that a prober sees it live and is told what it waits for, instead of
a connection refused. As soon as the application is there, every request goes to it.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import Problem
from service.http.layers.edge import SECURITY_HEADERS
from service.http.layers.health import Check, told
from service.http.problems import response

STARTING = "the service is starting"


class Entrance:
    """Stands where the application will be.

    Attributes:
        waits_for: Why the start is not over yet.
    """

    def __init__(self) -> None:
        """Let nobody through yet."""
        self.waits_for = STARTING
        self._app: ASGIApp | None = None

    def open(self, app: ASGIApp) -> None:
        """Let every request through to *app* from now on."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or let it through."""
        if self._app is not None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            answer = self._answer(Request(scope))
            answer.headers.update(SECURITY_HEADERS | {"Cache-Control": "no-store"})
            await answer(scope, receive, send)

    def _answer(self, request: Request) -> Response:
        match request.url.path:
            case "/livez":
                return PlainTextResponse("ok\n")
            case "/startupz":
                return PlainTextResponse("starting\n", 503)
            case "/readyz":
                return told(request, [Check("started", ok=False, found=self.waits_for)])
        problem = Problem("store_unavailable", self.waits_for, retry_after_seconds=1)
        return response(problem, "req_none")
