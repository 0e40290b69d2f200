"""The clock and the chance of the machine we run on."""

from __future__ import annotations

import secrets
import time


class SystemClock:
    """The wall clock, in whole microseconds."""

    def now(self) -> int:
        return time.time_ns() // 1_000


class SystemRandomness:
    """Bytes that nobody can foresee."""

    def token(self, octets: int) -> bytes:
        return secrets.token_bytes(octets)
