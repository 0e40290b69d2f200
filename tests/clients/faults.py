"""A server before ours that lets clients down at first: 429, then 503 after the work was done."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FORWARD_SECONDS_MAX = 60
SPOILED = 2


class Faulty(ThreadingHTTPServer):
    """Counts requests; the first two go wrong."""

    daemon_threads = True

    def __init__(self, behind: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = behind
        self.seen = 0
        self._lock = threading.Lock()

    def count(self) -> int:
        """Return the number of this request, from 1."""
        with self._lock:
            self.seen += 1
            return self.seen


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    server: Faulty
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer a request, by ours or wrongly."""
        body, number = self._body(), self.server.count()
        if number == 1:
            self._answer(429, b"{}", [("Retry-After", "1")])
            return
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.server.behind, timeout=FORWARD_SECONDS_MAX
        )
        hop = {"host", "connection", "transfer-encoding", "content-length"}
        headers = {k: v for k, v in self.headers.items() if k.lower() not in hop}
        connection.request("POST", self.path, body, headers)
        found = connection.getresponse()
        answer = found.read()
        connection.close()
        if number == SPOILED:
            self._answer(503, b"{}", [("Retry-After", "1")])
            return
        self._answer(found.status, answer, [("Content-Type", "application/json")])

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _answer(self, status: int, body: bytes, headers: list[tuple[str, str]]) -> None:
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- of the library
        """Say nothing."""


@contextmanager
def faulty(behind: int) -> Iterator[Faulty]:
    """Lend a server that passes to the port *behind* what it does not spoil."""
    server = Faulty(behind)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
