"""A receiver of webhooks that does nothing: it reads each request and answers 200.

python -m benchmarks.taking PORT
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
_LENGTH = b"content-length: "


class Taking(asyncio.Protocol):
    """One connection, over which whole requests come one after another."""

    def __init__(self) -> None:
        self._transport: asyncio.WriteTransport
        self._came = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer each request that is there as a whole."""
        self._came += data
        while (end := self._came.find(b"\r\n\r\n")) >= 0:
            head = self._came[:end].lower() + b"\r\n"
            at = head.find(_LENGTH)
            length = int(head[at + len(_LENGTH) : head.index(b"\r\n", at)]) if at >= 0 else 0
            if len(self._came) < end + 4 + length:
                return
            self._came = self._came[end + 4 + length :]
            self._transport.write(ANSWER)


async def serve(port: int) -> None:
    """Take until stopped."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Taking, "127.0.0.1", port, backlog=1_000)
    await server.serve_forever()


def main() -> None:
    """Take until stopped."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()
