"""The installed server as a child process on a free port, over an empty store in memory."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ADMIN_KEY = "a-bootstrap-key-for-tests-that-opens-nothing-else"
START_SECONDS_MAX = 180
ANSWER_SECONDS_MAX = 120
"""How long tests wait at most: many times what it takes, also where much else is going on."""

PATIENT = {"HEADER_SECONDS": "120", "IDLE_SECONDS": "120", "REQUEST_SECONDS": "120"}
"""Settings of a server that is not asked how impatient it is: its clients may be kept waiting."""

_address = re.compile(r"http://127\.0\.0\.1:(\d+)")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it listens, and its process."""

    port: int
    process: subprocess.Popen[str]

    @property
    def url(self) -> str:
        """The base of its addresses."""
        return f"http://127.0.0.1:{self.port}"

    def memory_bytes(self) -> int:
        """Return the memory that the process holds, as Linux tells it."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return int(found[1]) * 1_024 if found else 0


@contextlib.contextmanager
def serving(**variables: str) -> Iterator[Server]:
    """Serve until the end of the block; *variables* are settings without their prefix."""
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("STAGEFOLD_")},
        "STAGEFOLD_DATABASE_URL": "memory://",
        "STAGEFOLD_API_KEY": ADMIN_KEY,
        "STAGEFOLD_MODELS": "four-stage",
        "STAGEFOLD_PORT": "0",
        "STAGEFOLD_LOG_LEVEL": "error",
        **{f"STAGEFOLD_{name}": value for name, value in variables.items()},
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "stagefold", "serve"],
        cwd=ROOT,
        env=environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Server(_port_of(process), process)
    finally:
        process.terminate()
        process.wait(timeout=START_SECONDS_MAX)


def _port_of(process: subprocess.Popen[str]) -> int:
    """Return the port that the server tells; the rest of what it says is read and dropped."""
    found: queue.Queue[int] = queue.Queue()

    def listen() -> None:
        assert process.stderr is not None
        with process.stderr as lines:
            for line in lines:
                if (match := _address.search(line)) is not None:
                    found.put(int(match[1]))
        found.put(0)

    threading.Thread(target=listen, daemon=True).start()
    port = found.get(timeout=START_SECONDS_MAX)
    assert port, "the server ended before it told its address"
    return port
