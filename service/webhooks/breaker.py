"""The breaker of an endpoint: after failures in a row it is left alone, and then asked once.

closed      deliveries go out
open        none goes out until `until`; waiting costs no delivery an attempt
half open   `until` has passed: one delivery goes out as a probe; its outcome closes or reopens it

Only an endpoint that fails at whatever it is sent trips the breaker: any success closes it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from domain.instants import DAY, MINUTE, SECOND

FAILURES_MAX = 10
FIRST_REST = 30 * SECOND
LONGEST_REST = 30 * MINUTE
DISABLED_AFTER = 5 * DAY
DISABLED_FAILURES_MIN = 20
DISABLED_SPAN_MIN = DAY

Condition = Literal["closed", "open", "half_open"]


@dataclass(frozen=True, slots=True)
class Breaker:
    """How an endpoint has fared of late.

    Attributes:
        failures: Failed attempts since the last success.
        failing_since: First of them; None for none.
        rests: How often it has been opened since the last success.
        until: No delivery goes out before this instant; None while it is closed.
    """

    failures: int = 0
    failing_since: int | None = None
    rests: int = 0
    until: int | None = None

    def condition(self, now: int) -> Condition:
        """Return whether deliveries go out, one goes out as a probe, or none does."""
        if self.until is None:
            return "closed"
        return "open" if now < self.until else "half_open"

    def succeeded(self) -> Breaker:
        """Return the breaker after a delivery was taken."""
        return Breaker()

    def failed(self, now: int, *, rest: int | None = None, begun: int | None = None) -> Breaker:
        """Return the breaker after an attempt failed.

        Args:
            now: When it failed.
            begun: When it began; one from before the rest only counts, it was no probe.
            rest: How long the receiver asked to be left alone as a whole (429, 503), microseconds.
        """
        failures, since = self.failures + 1, self.failing_since
        counted = replace(self, failures=failures, failing_since=now if since is None else since)
        if self.until is not None and begun is not None and begun < self.until:
            return counted
        if self.until is not None or failures >= FAILURES_MAX:
            pause = max(min(FIRST_REST << min(self.rests, 16), LONGEST_REST), rest or 0)
            return replace(counted, rests=self.rests + 1, until=now + pause)
        if rest:
            return replace(counted, until=now + rest)
        return counted

    def is_hopeless(self, now: int) -> bool:
        """Return whether the endpoint is to be disabled: days of failures and no success."""
        since = self.failing_since
        return (
            since is not None
            and now - since >= max(DISABLED_AFTER, DISABLED_SPAN_MIN)
            and self.failures >= DISABLED_FAILURES_MIN
        )
