"""An answer that does not end: server-sent events, written as fast as they are read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

MEDIA_TYPE = "text/event-stream"
_HEADERS = (
    (b"content-type", MEDIA_TYPE.encode()),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would gather what is to come at once
)


class EventStream(Response):
    """Writes parts until they end or nobody listens any more."""

    media_type = MEDIA_TYPE

    def __init__(self, parts: AsyncGenerator[bytes, None], headers: Mapping[str, str]) -> None:
        """Write *parts*; whatever the first of them refuses is refused before the answer begins."""
        self.status_code = 200
        self.background = None
        self._parts = parts
        own = ((name.lower().encode(), value.encode("latin-1")) for name, value in headers.items())
        self.raw_headers = [*_HEADERS, *own]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        first = await anext(self._parts)
        scope["state"]["is_endless"] = True
        writing = asyncio.ensure_future(self._write(first, send))
        listening = asyncio.ensure_future(_hung_up(receive))
        try:
            await asyncio.wait((writing, listening), return_when=asyncio.FIRST_COMPLETED)
            if writing.done():
                writing.result()
        finally:
            for task in (writing, listening):
                task.cancel()
            await asyncio.gather(writing, listening, return_exceptions=True)

    async def _write(self, part: bytes | None, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        try:
            while part is not None:
                await send({"type": "http.response.body", "body": part, "more_body": True})
                part = await anext(self._parts, None)
        finally:
            await self._parts.aclose()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _hung_up(receive: Receive) -> None:
    """Return once nobody is there any more."""
    while (await receive())["type"] != "http.disconnect":
        pass
