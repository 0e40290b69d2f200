"""Live streams: what many of them cost one process, and how soon they are told.

    python -m benchmarks.streams [--streams 1000]

One process on SQLite and so many readers in another. Memory of a stream; processor while nothing
happens; how long it takes from sending an event until a reader has what follows from it, the median
and the 99th percentile over all readers, beside the same with a single one; and how many messages
reach readers a second when many customers are seen at once.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path

import httpx

from benchmarks.figures import Figure, say
from benchmarks.serving import KEY, stagefold
from benchmarks.workload import HEADERS, publish_model

ROUNDS = 30
IDLE_SECONDS = 10.0
CUSTOMERS = 200
PATIENCE_SECONDS = 300.0
_MARK = b"event: customer."


class Readers:
    """All readers of a run, and what they have heard together."""

    def __init__(self) -> None:
        self.heard = 0
        self.at: list[float] = []
        self._news = asyncio.Event()

    def hear(self, count: int) -> None:
        """Note messages that arrived now."""
        self.heard += count
        self.at += [time.perf_counter()] * count
        self._news.set()

    async def until(self, count: int) -> None:
        """Return when so many messages were heard."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.heard < count:
                self._news.clear()
                await self._news.wait()


class Reader(asyncio.Protocol):
    """One reader: he counts the messages that he hears."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._rest = b""
        self.is_open = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        """Count; a mark may lie across two parts."""
        text = self._rest + data
        count = text.count(_MARK)
        _, _, behind = text.rpartition(_MARK)
        self._rest = behind[-len(_MARK) + 1 :]
        if b"event: checkpoint" in data and not self.is_open.done():
            self.is_open.set_result(None)
        if count:
            self._readers.hear(count)


async def opened(port: int, readers: Readers, count: int) -> list[asyncio.Transport]:
    """Return the connections of so many readers, each told where he stands."""
    loop = asyncio.get_running_loop()
    found = []
    head = f"GET /v1/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode()
    for _ in range(count):
        transport, reader = await loop.create_connection(lambda: Reader(readers), "127.0.0.1", port)
        transport.write(head)
        await reader.is_open
        found.append(transport)
    return found


async def latencies(client: httpx.AsyncClient, readers: Readers, count: int) -> list[float]:
    """Return how long each reader waited in each round, in milliseconds."""
    found: list[float] = []
    for number in range(ROUNDS):
        customer = f"late-{count}-{number}"
        readers.at.clear()
        before, sent_at = readers.heard, time.perf_counter()
        await post(client, [customer])
        await readers.until(before + 2 * count)  # created, and in the first stage
        found += [(at - sent_at) * 1_000 for at in readers.at]
        await asyncio.sleep(0.05)
    return found


async def post(client: httpx.AsyncClient, customers: list[str]) -> None:
    """Let customers be seen."""
    events = [{"type": "page_viewed", "customer_id": each} for each in customers]
    answer = await client.post("/v1/events", json=events)
    answer.raise_for_status()


def child() -> int:
    """Return the process id of the server, our only child."""
    own = os.getpid()
    text = Path(f"/proc/{own}/task/{own}/children").read_text(encoding="ascii")
    return int(text.split()[-1])


def memory(pid: int) -> float:
    """Return the KiB that a process holds."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return float(next(line for line in lines if line.startswith("VmRSS")).split()[1])


def processor(pid: int) -> float:
    """Return the seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(port: int, count: int) -> None:
    """Tell every figure."""
    pid, readers = child(), Readers()
    base = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=base, headers=HEADERS, timeout=300) as client:
        alone_reader = await opened(port, readers, 1)
        alone = await latencies(client, readers, 1)
        held = memory(pid)
        others = await opened(port, readers, count - 1)
        each = (memory(pid) - held) / (count - 1)
        say(Figure("live", f"memory of a stream, {count:,} open", each, unit="KiB"))
        used = processor(pid)
        await asyncio.sleep(IDLE_SECONDS)
        share = (processor(pid) - used) / IDLE_SECONDS * 100
        say(Figure("live", f"{count:,} streams, nothing happens: of a core", share, unit="%"))
        crowd = await latencies(client, readers, count)
        say(_latency(f"{count:,} streams, event to reader, 99th percentile", crowd, alone))
        before, begun = readers.heard, time.perf_counter()
        wanted = count * 2 * CUSTOMERS
        await post(client, [f"many-{number}" for number in range(CUSTOMERS)])
        await readers.until(before + wanted)
        speed = wanted / (time.perf_counter() - begun)
        say(Figure("live", f"messages a second to {count:,} streams", speed, unit="/s"))
        for transport in (*alone_reader, *others):
            transport.abort()


def _latency(what: str, crowd: list[float], alone: list[float]) -> Figure:
    own, single = _middle_and_end(crowd), _middle_and_end(alone)
    detail = f"median {own[0]:.1f} ms; one stream: median {single[0]:.1f}, 99th {single[1]:.1f} ms"
    return Figure("live", what, own[1], detail=detail, unit="ms")


def _middle_and_end(found: list[float]) -> tuple[float, float]:
    ordered = sorted(found)
    return statistics.median(ordered), ordered[int(len(ordered) * 0.99)]


def main() -> None:
    """Serve, listen and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=1_000)
    count = parser.parse_args().streams
    os.environ |= {
        "STAGEFOLD_STREAMS_PER_KEY_MAX": str(count + 10),
        "STAGEFOLD_CONNECTIONS_MAX": str(count + 100),
    }
    with tempfile.TemporaryDirectory() as folder, stagefold(Path(folder)) as port:
        publish_model(port)
        asyncio.run(measure(port, count))


if __name__ == "__main__":
    main()
