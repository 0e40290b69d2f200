"""The clock and the chance of the machine we run on."""

from __future__ import annotations

import secrets
import threading
import time

_BLOCK_OCTETS = 4_096


class SystemClock:
    """The wall clock, in whole microseconds."""

    def now(self) -> int:
        return time.time_ns() // 1_000


class SystemRandomness:
    """Bytes that nobody can foresee, taken from the system in blocks.

    To ask the system is to let another thread run, which may keep a request waiting for 5 ms.
    """

    def __init__(self) -> None:
        """Take nothing yet."""
        self._lock = threading.Lock()
        self._block = b""
        self._taken = 0

    def token(self, octets: int) -> bytes:
        with self._lock:
            if self._taken + octets > len(self._block):
                self._block = secrets.token_bytes(max(_BLOCK_OCTETS, octets))
                self._taken = 0
            self._taken += octets
            return self._block[self._taken - octets : self._taken]
