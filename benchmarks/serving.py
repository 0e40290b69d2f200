"""Servers for benchmarks: ours and idle ones, in processes of their own, on free ports."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent
KEY = "benchmark-key-benchmark-key-benchmark"
PATH_OF_IDLE = "/idle"
START_SECONDS_MAX = 30


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def settings_of(folder: Path | str, port: int, database_url: str = "") -> dict[str, str]:
    """Return the environment of a server in *folder*: no model, no log line but of errors."""
    return {
        "STAGEFOLD_DATA_DIR": str(folder),
        "STAGEFOLD_DATABASE_URL": database_url,
        "STAGEFOLD_API_KEY": KEY,
        "STAGEFOLD_MODELS": "none",
        "STAGEFOLD_PORT": str(port),
        "STAGEFOLD_LOG_LEVEL": "error",
        "STAGEFOLD_KEY_EVENTS_PER_SECOND": "0",
        "STAGEFOLD_KEY_REQUESTS_PER_SECOND": "0",
    }


@contextlib.contextmanager
def stagefold(folder: Path, database_url: str = "") -> Iterator[int]:
    """Serve from *folder* with no model active and yield the port."""
    port = free_port()
    environment = {**os.environ, **settings_of(folder, port, database_url)}
    with _process([sys.executable, "-m", "stagefold", "serve"], environment, port):
        _await_ready(port)
        yield port


@contextlib.contextmanager
def idle(answer_bytes: int) -> Iterator[int]:
    """Serve answers of so many bytes and do nothing else; yield the port."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.idle", str(port), str(answer_bytes)]
    with _process(command, dict(os.environ), port):
        yield port


@contextlib.contextmanager
def taking() -> Iterator[int]:
    """Take webhooks and do nothing with them; yield the port."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.taking", str(port)]
    with _process(command, dict(os.environ), port):
        yield port


@contextlib.contextmanager
def _process(command: list[str], environment: dict[str, str], port: int) -> Iterator[None]:
    process = subprocess.Popen(  # noqa: S603 - our own command
        command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL
    )
    try:
        _await_port(process, port)
        yield
    finally:
        process.terminate()
        process.wait(timeout=START_SECONDS_MAX)


def _await_ready(port: int) -> None:
    end = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < end:
        with contextlib.suppress(OSError), urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
            return
        time.sleep(0.05)
    message = f"no server ready on port {port} within {START_SECONDS_MAX} s"
    raise SystemExit(message)


def _await_port(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < end:
        if process.poll() is not None:
            message = f"the server ended with code {process.returncode}"
            raise SystemExit(message)
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    message = f"no server on port {port} within {START_SECONDS_MAX} s"
    raise SystemExit(message)
