"""How many deliveries a second an endpoint is given: a bucket that fills as time passes."""

from __future__ import annotations

from domain.instants import SECOND


class Pace:
    """A bucket for one endpoint; it holds what a second gives, and at least one."""

    def __init__(self, now: int) -> None:
        """Begin full."""
        self._at = now
        self._tokens: float | None = None

    def room(self, per_second: int, now: int) -> int:
        """Return how many may go out now."""
        full = float(max(1, per_second))
        tokens = full if self._tokens is None else self._tokens
        gained = max(0, now - self._at) / SECOND * per_second
        self._tokens = min(full, tokens + gained)
        self._at = max(self._at, now)
        return int(self._tokens)

    def take(self) -> None:
        """Count one that goes out."""
        self._tokens = (self._tokens or 0.0) - 1.0
