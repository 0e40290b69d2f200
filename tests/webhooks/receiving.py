"""A receiver of webhooks: a real HTTP server in this process that answers as it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Received:
    """A request that came."""

    path: str
    headers: dict[str, str]
    body: bytes
    method: str = "POST"

    @property
    def id(self) -> str:
        """Return the id of the message."""
        return self.headers["webhook-id"]

    @property
    def data(self) -> dict[str, Any]:
        """Return what the message says."""
        found: dict[str, Any] = json.loads(self.body)["data"]
        return found

    @property
    def type(self) -> str:
        """Return its type."""
        return str(json.loads(self.body)["type"])


Answer = tuple[int, dict[str, str]]
OK: Answer = (200, {})


@dataclass(slots=True)
class Receiver:
    """What came, in order, and how the next is answered.

    Attributes:
        connections: How many were opened.
        hangs_up_next: Whether the next request is read and its connection ended without a word.
    """

    port: int = 0
    came: list[Received] = field(default_factory=list)
    answers: Callable[[Received], Answer] = lambda _: OK
    connections: int = 0
    hangs_up_next: bool = False
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Return where it listens."""
        return f"http://127.0.0.1:{self.port}/hooks"

    @property
    def types(self) -> list[str]:
        """Return the types of what came, in order."""
        return [one.type for one in self.came]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        self.writers.add(writer)
        self.connections += 1
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                received = await _read(reader)
                if self.hangs_up_next:
                    self.hangs_up_next = False
                    break
                self.came.append(received)
                status, headers = self.answers(received)
                lines = [f"HTTP/1.1 {status} Said", "content-length: 2"]
                lines += [f"{name}: {value}" for name, value in headers.items()]
                writer.write("\r\n".join([*lines, "", "ok"]).encode())
                await writer.drain()
        await self._end(writer)

    async def _end(self, writer: asyncio.StreamWriter) -> None:
        self.writers.discard(writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def close(self) -> None:
        """End every connection."""
        for writer in list(self.writers):
            await self._end(writer)


async def _read(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = (line.partition(":") for line in head[1:] if line)
    headers = {name.lower(): value.strip() for name, _, value in fields}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    method, path, _ = head[0].split()
    return Received(path, headers, body, method)


@asynccontextmanager
async def receiving(address: str = "127.0.0.1") -> AsyncIterator[Receiver]:
    """Lend a receiver on a free port."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, address, 0)
    receiver.port = server.sockets[0].getsockname()[1]
    async with server:
        yield receiver
        server.close()
        await receiver.close()
