"""A load of HTTP requests over kept connections, as cheap as plain asyncio makes it.

Runs in a process of its own beside the server: `python -m benchmarks.load` reads a plan as JSON
from standard input and prints what it measured as JSON. A plan names port, clients, requests
(bytes, base64), and for a paced load the rate per second. Of a paced request the time counts from
when it was due, so that a server which stands still is not forgiven what it kept from being sent.
"""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import cast


@dataclass(frozen=True, slots=True)
class Plan:
    """Requests to send in order, shared by *clients* connections; a *rate* of 0 is full speed."""

    port: int
    clients: int
    requests: tuple[str, ...]
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of it: seconds in all, the median and the 99th percentile in milliseconds."""

    seconds: float
    p50_ms: float
    p99_ms: float
    failures: int

    def rate(self, count: int) -> float:
        """Return how many of *count* were done per second."""
        return count / self.seconds


def request(
    method: str, path: str, key: str, body: bytes = b"", content_type: str = "application/json"
) -> bytes:
    """Return the bytes of one request on a kept connection."""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def run(port: int, clients: int, requests: Sequence[bytes], rate: float = 0.0) -> Measured:
    """Send *requests* from another process and return what it measured."""
    plan = Plan(port, clients, tuple(base64.b64encode(one).decode() for one in requests), rate)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=json.dumps(asdict(plan)),
        capture_output=True,
        text=True,
        check=True,
    )
    return Measured(**json.loads(done.stdout))


def loaded(port: int, clients: int, requests: Sequence[bytes]) -> float:
    """Return requests per second at full speed; none of them may fail."""
    measured = run(port, clients, requests)
    if measured.failures:
        message = f"{measured.failures} of {len(requests)} requests failed"
        raise SystemExit(message)
    return measured.rate(len(requests))


class _Work:
    """The requests that wait, and what became of those that were sent."""

    def __init__(self, plan: Plan) -> None:
        self.loop = asyncio.get_running_loop()
        self.rate = plan.rate
        self.waiting = deque(base64.b64decode(one) for one in plan.requests)
        self.total = self.left = len(plan.requests)
        self.taken: list[float] = []
        self.failures = 0
        self.done = asyncio.Event()
        self.start = 0.0

    def due(self) -> float:
        """Return when the next request is to be sent."""
        if not self.rate:
            return self.loop.time()
        return self.start + (self.total - len(self.waiting)) / self.rate

    def note(self, since: float, head: bytes) -> None:
        """Take an answer in."""
        self.taken.append(self.loop.time() - since)
        self.failures += not head.startswith(b"HTTP/1.1 2")
        self.left -= 1
        if not self.left:
            self.done.set()


class _Client(asyncio.Protocol):
    """One connection: sends a request, waits for its answer, sends the next."""

    def __init__(self, work: _Work) -> None:
        self._work = work
        self._came = b""
        self._since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def send_next(self) -> None:
        """Send the next request when it is due, if there is one."""
        work = self._work
        if not work.waiting:
            return
        self._since = due = work.due()
        data = work.waiting.popleft()
        if due > work.loop.time():
            work.loop.call_at(due, self._transport.write, data)
        else:
            self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        came = self._came = self._came + data if self._came else data
        end = came.find(b"\r\n\r\n")
        if end < 0:
            return
        head = came[:end].lower()
        if b"transfer-encoding: chunked" in head:
            is_whole = came.endswith(b"\r\n0\r\n\r\n")
        else:
            place = head.find(b"content-length:")
            length = int(head[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
            is_whole = len(came) >= end + 4 + length
        if not is_whole:
            return
        self._came = b""
        self._work.note(self._since, came)
        self.send_next()

    def connection_lost(self, _: Exception | None) -> None:
        if self._work.left:
            self._work.failures += self._work.left
            self._work.done.set()


async def _load(plan: Plan) -> Measured:
    work = _Work(plan)
    clients: list[_Client] = []
    for _ in range(plan.clients):
        _, client = await work.loop.create_connection(lambda: _Client(work), "127.0.0.1", plan.port)
        clients.append(client)
    work.start = work.loop.time()
    for client in clients:
        client.send_next()
    await work.done.wait()
    seconds = work.loop.time() - work.start
    taken = sorted(work.taken) or [0.0]
    at = [taken[min(len(taken) - 1, int(len(taken) * share))] * 1000 for share in (0.5, 0.99)]
    return Measured(seconds, at[0], at[1], work.failures)


def main() -> None:
    """Read a plan, send it, print what was measured."""
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        loop = None
    else:
        loop = uvloop.new_event_loop
    plan = Plan(**json.load(sys.stdin))
    with asyncio.Runner(loop_factory=loop) as runner:
        print(json.dumps(asdict(runner.run(_load(plan)))))


if __name__ == "__main__":
    main()
