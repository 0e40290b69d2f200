"""A load of HTTP requests over kept connections, as cheap as plain asyncio makes it.

Runs in a process of its own beside the server: `python -m benchmarks.load` reads a plan as JSON
from standard input and prints what it measured as JSON. A plan names host, port, clients, requests
(bytes, base64), and for a paced load the rate per second.
"""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass


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


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes
) -> bool:
    writer.write(data)
    head = await reader.readuntil(b"\r\n\r\n")
    lowered = head.lower()
    place = lowered.find(b"content-length:")
    length = int(lowered[place + 15 : lowered.index(b"\r\n", place)]) if place >= 0 else 0
    if length:
        await reader.readexactly(length)
    return head.startswith(b"HTTP/1.1 2")


async def _load(plan: Plan) -> Measured:
    waiting = [base64.b64decode(one) for one in reversed(plan.requests)]
    taken: list[float] = []
    failures = 0
    start = time.perf_counter()

    async def client() -> None:
        nonlocal failures
        reader, writer = await asyncio.open_connection("127.0.0.1", plan.port, limit=1 << 24)
        while waiting:
            if plan.rate:
                due = start + (len(plan.requests) - len(waiting)) / plan.rate
                data = waiting.pop()
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
            else:
                data = waiting.pop()
            before = time.perf_counter()
            ok = await _exchange(reader, writer, data)
            taken.append(time.perf_counter() - before)
            failures += not ok
        writer.close()

    await asyncio.gather(*(client() for _ in range(plan.clients)))
    seconds = time.perf_counter() - start
    taken.sort()
    at = [taken[min(len(taken) - 1, int(len(taken) * share))] * 1000 for share in (0.5, 0.99)]
    return Measured(seconds, at[0], at[1], failures)


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
