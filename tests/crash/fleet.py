"""Several servers on one database, started by the real command, killed, and started again.

A fleet looks after its processes as a supervisor does: whichever has ended is started anew. It
notes how long it took from a kill, or from the return of the database, until a process was ready.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import anyio
import httpx

from tests.http.serving import PATIENT
from tests.servers.ports import free_port

ROOT = Path(__file__).parents[2]
KEY = "a-bootstrap-key-for-tests-that-opens-nothing-else"
READY_SECONDS_MAX = 300
LOOK_SECONDS = 0.01


class Process:
    """One server on a port of its own; another process takes its place after its end."""

    def __init__(self, settings: Mapping[str, str], complaints: Path) -> None:
        self.port = free_port()
        self._complaints = complaints
        self._environ = {
            **{key: text for key, text in os.environ.items() if not key.startswith("STAGEFOLD_")},
            "PYTHONPATH": str(ROOT),
            "STAGEFOLD_API_KEY": KEY,
            "STAGEFOLD_MODELS": "none",
            "STAGEFOLD_PORT": str(self.port),
            "STAGEFOLD_LOG_LEVEL": "error",
            **{f"STAGEFOLD_{name}": text for name, text in PATIENT.items()},
            **settings,
        }
        self._child = self._started()

    @property
    def url(self) -> str:
        """The base of its addresses."""
        return f"http://127.0.0.1:{self.port}"

    def _started(self) -> subprocess.Popen[bytes]:
        with self._complaints.open("ab") as complaints:
            return subprocess.Popen(
                [sys.executable, "-m", "stagefold", "serve"],
                cwd=ROOT,
                env=self._environ,
                stdout=complaints,
                stderr=complaints,
            )

    def is_alive(self) -> bool:
        """Tell whether it runs, ready or not."""
        return self._child.poll() is None

    def lasts(self, seconds: float) -> bool:
        """Return whether it runs *seconds* from now; sooner where it ends."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(seconds)
        return self.is_alive()

    def kill(self) -> None:
        """End it where it stands."""
        self._child.kill()
        self._child.wait()

    def start(self) -> None:
        """Start another one in its place, unless it runs."""
        if not self.is_alive():
            self._child = self._started()

    def stop(self) -> int:
        """Tell it to end in order and return its exit code."""
        self._child.terminate()
        return self._child.wait(READY_SECONDS_MAX)


class Fleet:
    """Processes over one database, and how long they were away.

    Attributes:
        after_kills: Seconds from each kill until that process was ready again.
        after_returns: Seconds from each return of the database until all were ready again.
    """

    def __init__(self, count: int, settings: Mapping[str, str], folder: Path) -> None:
        self.complaints = folder / "complaints"
        self.processes = [Process(settings, self.complaints) for _ in range(count)]
        self.after_kills: list[float] = []
        self.after_returns: list[float] = []
        self.client = httpx.AsyncClient(timeout=60, headers={"Authorization": f"Bearer {KEY}"})

    async def is_ready(self, process: Process) -> bool:
        """Tell whether requests are welcome there."""
        try:
            return (await self.client.get(f"{process.url}/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    async def until_ready(self, process: Process) -> None:
        """Look after *process* until it is ready."""
        with anyio.fail_after(READY_SECONDS_MAX):
            while not await self.is_ready(process):
                process.start()
                await anyio.sleep(LOOK_SECONDS)

    async def until_all_ready(self) -> None:
        """Look after all of them until they are."""
        for process in self.processes:
            await self.until_ready(process)

    async def replace(self, process: Process) -> None:
        """Kill *process*, start another one in its place and wait until that is ready."""
        process.kill()
        began = time.monotonic()
        await self.until_ready(process)
        self.after_kills.append(time.monotonic() - began)

    async def come_back(self) -> None:
        """Wait until all are ready after the database has returned."""
        began = time.monotonic()
        await self.until_all_ready()
        self.after_returns.append(time.monotonic() - began)

    async def close(self) -> None:
        """Stop all in order."""
        for process in self.processes:
            if process.is_alive():
                process.stop()
        await self.client.aclose()

    def figures(self) -> str:
        """Return how long it took, for a person to read."""
        kills, returns = _told(self.after_kills), _told(self.after_returns)
        return f"ready after a kill: {kills}; after the database's return: {returns}"


def _told(seconds: list[float]) -> str:
    if not seconds:
        return "never"
    middle, most = statistics.median(seconds), max(seconds)
    return f"{len(seconds)} times, median {middle:.2f} s, longest {most:.2f} s"
