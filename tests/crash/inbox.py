"""Receivers that misbehave: some messages are refused, some never answered, some octet by octet.

What a message meets follows from its id: of a hundred messages ten are refused at the first
attempt, one of these once more, one is left without an answer, and one is answered so slowly that
nobody waits for the end. Whatever is tried again is taken.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from standardwebhooks import Webhook

DRIP_SECONDS = 1.0
_REFUSED, _REFUSED_TWICE, _HANGS, _DRIPS = range(10), range(1), range(10, 11), range(11, 12)


@dataclass(slots=True)
class Inbox:
    """What came for each endpoint.

    Attributes:
        secrets: By the path of an endpoint.
        came: By path and customer: sequence and id of every message, in the order of coming.
        forged: Messages whose signature does not fit.
        is_stubborn: Whether some are refused twice; their third attempt comes after a minute.
        taken: How many were answered with 200.
        misbehaved: How often a message was refused, not answered or dripped at.
    """

    port: int = 0
    is_stubborn: bool = False
    secrets: dict[str, str] = field(default_factory=dict)
    came: dict[str, dict[str, list[tuple[int, str]]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    forged: list[str] = field(default_factory=list)
    taken: int = 0
    misbehaved: int = 0
    _seen: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))

    def url(self, path: str) -> str:
        """Return the address of an endpoint."""
        return f"http://127.0.0.1:{self.port}{path}"

    def ids(self, path: str) -> set[str]:
        """Return every id that came there."""
        return {each for line in self.came[path].values() for _, each in line}

    def repeats(self) -> int:
        """Return how many messages came more than once."""
        return sum(count > 1 for count in self._seen.values())

    def out_of_order(self) -> list[Sequence[tuple[int, str]]]:
        """Return the lines of customers in which a message came after a later one."""
        lines = (line for customers in self.came.values() for line in customers.values())
        return [line for line in lines if line != sorted(line, key=lambda one: one[0])]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection, each as its message is to be."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await self._answer(reader, writer):
                pass
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Read and answer one request; tell whether the connection goes on."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = (line.partition(":") for line in head[1:] if line)
        headers = {name.lower(): value.strip() for name, _, value in fields}
        body = await reader.readexactly(int(headers["content-length"]))
        lot, times = self._note(head[0].split()[1], headers, body)
        is_first = times == 1
        if (is_first and lot in _REFUSED) or (
            times == 2 and lot in _REFUSED_TWICE and self.is_stubborn
        ):
            writer.write(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n")
        elif is_first and lot in _HANGS:
            await reader.read()
            return False
        elif is_first and lot in _DRIPS:
            await _drip(reader, writer)
            return False
        else:
            self.taken += 1
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            return True
        self.misbehaved += 1
        return True

    def _note(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, int]:
        """Write down what came; return what becomes of it and how often it has come."""
        try:
            Webhook(self.secrets[path]).verify(body, headers)
        except Exception as error:  # noqa: BLE001 -- whatever the library says, it is told
            self.forged.append(f"{headers}: {error}")
        data, message_id = json.loads(body)["data"], headers["webhook-id"]
        self.came[path][data["customer_id"]].append((data["sequence"], message_id))
        self._seen[path, message_id] += 1
        digest = hashlib.sha256(f"{path} {message_id}".encode()).digest()
        lot = int.from_bytes(digest[:4], "big") % 100
        self.misbehaved += self._seen[path, message_id] == 1 and lot in (*_HANGS, *_DRIPS)
        return lot, self._seen[path, message_id]


async def _drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send an answer octet by octet until the client has gone."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    left = asyncio.ensure_future(reader.read())
    while not left.done():
        writer.write(b".")
        await asyncio.wait([left], timeout=DRIP_SECONDS)
    await left


@asynccontextmanager
async def receiving_badly(*, is_stubborn: bool) -> AsyncIterator[Inbox]:
    """Lend receivers on a free port."""
    inbox = Inbox(is_stubborn=is_stubborn)
    visits: set[asyncio.Task[None]] = set()

    def visited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = asyncio.get_running_loop().create_task(inbox.serve(reader, writer))
        visits.add(visit)
        visit.add_done_callback(visits.discard)

    server = await asyncio.start_server(visited, "127.0.0.1", 0)
    inbox.port = server.sockets[0].getsockname()[1]
    try:
        yield inbox
    finally:
        server.close()
        await asyncio.gather(*visits)
