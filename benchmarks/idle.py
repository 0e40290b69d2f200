"""The ceiling of a route: our own server and application, and a route that only answers.

    python -m benchmarks.idle PORT BYTES     serve answers of so many bytes at /idle

Every layer that a request of ours passes is there (bounds, ids, headers, counters, log line); what
the route itself does is not: no key, no door, no store. It goes the short way, as do the routes
whose ceiling it is.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile

import uvloop
from starlette.requests import Request
from starlette.responses import Response

from benchmarks.serving import PATH_OF_IDLE, settings_of
from service import logs
from service.bootstrap import build, close
from service.server import server_of
from service.settings import Settings


async def serve(settings: Settings, size: int) -> None:
    """Serve until stopped."""
    answer = b'{"a":"' + b"x" * max(size - 8, 0) + b'"}'

    async def idle(request: Request) -> Response:
        await request.body()
        return Response(answer, media_type="application/json")

    services = await build(settings)
    try:
        server = server_of(services, lambda _: None)
        ways = server.config.app.state.short_ways  # type: ignore[union-attr] # it is a FastAPI
        ways["GET", PATH_OF_IDLE] = ways["POST", PATH_OF_IDLE] = idle
        await server.serve()
    finally:
        await close(services)


def main() -> None:
    """Serve until stopped."""
    port, size = int(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.from_environment(settings_of(folder, port))
        logs.configure(settings)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings, size))


if __name__ == "__main__":
    main()
