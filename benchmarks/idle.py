"""The ceiling of a route: the same server and framework, a route that reads its body and answers.

python -m benchmarks.idle PORT BYTES     serve answers of so many bytes
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request


def main() -> None:
    """Serve until stopped."""
    port, size = int(sys.argv[1]), int(sys.argv[2])
    answer = b'{"a":"' + b"x" * max(size - 8, 0) + b'"}'
    app = FastAPI(openapi_url=None)

    async def idle(request: Request) -> Response:
        await request.body()
        return Response(answer, media_type="application/json")

    app.router.routes.append(Route("/{path:path}", idle, methods=["GET", "POST"]))
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="critical", access_log=False)


if __name__ == "__main__":
    main()
