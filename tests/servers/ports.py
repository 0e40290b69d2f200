"""Ports for servers of tests that have to be told one."""

from __future__ import annotations

import contextlib
import random
import socket

_PORTS = (10_240, 32_000)
"""Below those that Linux and macOS give to outgoing connections."""


def free_port() -> int:
    """Return a port that nobody listens on, and that no outgoing connection is given.

    A server that is ended finds it free when it comes back; one of the usual free ports may have
    become somebody's meanwhile.
    """
    for _ in range(1_000):
        port = random.SystemRandom().randrange(*_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError(f"no port is free from {_PORTS[0]} to {_PORTS[1]}")
