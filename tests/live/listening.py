"""Readers of the live stream: in this process, without a socket, one part after the other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI

from tests.http.conftest import Api
from tests.http.serving import ADMIN_KEY, ANSWER_SECONDS_MAX

PARTS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Heard:
    """One event of a stream.

    Attributes:
        id: Its `id`; what a browser would come back with.
        data: Its data, decoded.
    """

    id: str
    type: str
    data: Any

    @property
    def to(self) -> str | None:
        """The stage that it tells, if it does."""
        found: str | None = self.data.get("data", {}).get("to")
        return found


def heard(text: str) -> Iterator[Heard]:
    """Yield the events of *text*; comments and `retry` are none."""
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if "data" in fields:
            yield Heard(fields.get("id", ""), fields["event"], json.loads(fields["data"]))


@dataclass(slots=True)
class Listener:
    """A reader whom the application writes to.

    Attributes:
        events: What he has heard so far.
        comments: The lines that are no events.
        is_reading: Unset, he takes nothing more.
    """

    app: FastAPI
    query: dict[str, str]
    headers: dict[str, str]
    events: list[Heard] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    status: int = 0
    answered: dict[str, str] = field(default_factory=dict)
    body: str = ""
    is_reading: asyncio.Event = field(default_factory=asyncio.Event)
    has_ended: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _hung_up: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Make the request, and read until it ends."""
        fields = [(name.lower().encode(), text.encode()) for name, text in self.headers.items()]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/v1/stream",
            "raw_path": b"/v1/stream",
            "query_string": urlencode(self.query).encode(),
            "root_path": "",
            "headers": fields,
            "client": ("127.0.0.1", 50_000),
            "server": ("test", 80),
            "state": {},
        }
        try:
            await self.app(scope, self._receive, self._send)
        finally:
            self.has_ended = True
            self._news.set()

    async def _receive(self) -> dict[str, object]:
        await self._hung_up.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:  # noqa: ANN401 -- of ASGI
        await self.is_reading.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            pairs = ((str(n, "latin-1"), str(t, "latin-1")) for n, t in message["headers"])
            self.answered = {name.lower(): text for name, text in pairs}
        else:
            text = message.get("body", b"").decode()
            self.body += text
            self.events += heard(text)
            self.comments += [line for line in text.split("\n") if line.startswith((":", "retry"))]
        self._news.set()

    def hang_up(self) -> None:
        """Be gone."""
        self._hung_up.set()

    @property
    def messages(self) -> list[Heard]:
        """What he heard but for checkpoints."""
        return [one for one in self.events if one.type != "checkpoint"]

    async def until(self, count: int) -> list[Heard]:
        """Return the messages once there are so many, or the stream has ended."""
        await self._wait(lambda: len(self.messages) >= count)
        return self.messages

    async def ended(self) -> None:
        """Return once the stream has ended."""
        await self._wait(lambda: False)

    async def opened(self) -> None:
        """Return once the answer has begun."""
        await self._wait(lambda: bool(self.status))

    async def _wait(self, is_so: Any) -> None:  # noqa: ANN401 -- a condition
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            while not is_so() and not self.has_ended:
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def listening(
    app: FastAPI, *, key: str | None = ADMIN_KEY, **options: str | None
) -> AsyncIterator[Listener]:
    """Lend a reader of the stream; he hangs up at the end. Headers go into `headers` by name."""
    query = {name: text for name, text in options.items() if text is not None}
    named = {"last_event_id": "Last-Event-ID", "origin": "Origin"}
    headers = {named[name]: query.pop(name) for name in named if name in query}
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    reader = Listener(app, query, headers)
    reader.is_reading.set()
    running = asyncio.create_task(reader.run())
    try:
        await reader.opened()
        yield reader
    finally:
        reader.hang_up()
        reader.is_reading.set()
        await running


@asynccontextmanager
async def hearing(api: Api, **options: str | None) -> AsyncIterator[Listener]:
    """Lend a reader of the stream of *api*."""
    app = api.client._transport.app  # type: ignore[attr-defined]  # noqa: SLF001 -- of ASGITransport
    async with listening(app, **options) as reader:
        yield reader
