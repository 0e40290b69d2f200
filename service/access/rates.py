"""How much a key may ask for: a token bucket per key and policy, in whole numbers, by our clock.

A bucket holds what one second allows and fills as time passes. A request needs one token to enter.
Events are counted once the body is read, so a batch may leave the bucket in debt, which the next
request waits for: a batch larger than the quota still gets in, and the mean rate stays what it is.
Buckets live in one process; several processes allow as many times the quota.

Written here, in forty lines, because the libraries that do this read the system's clock themselves,
which neither a test nor a simulation can turn.
"""

from __future__ import annotations

from typing import Literal

from domain.instants import SECOND
from service.access.keys import Principal
from service.errors import Problem
from service.ports import Clock

Policy = Literal["write", "api"]
UNITS: dict[Policy, str] = {"write": "events", "api": "requests"}
RETRY_SECONDS_MAX = 300
"""Clients do not wait longer, whatever we say."""

BUCKETS_MAX = 10_000


class Bucket:
    """What is left of one key's quota, in millionths of a token."""

    __slots__ = ("at", "level", "policy", "quota")

    def __init__(self, policy: Policy, quota: int, now: int) -> None:
        """Begin full: *quota* tokens, and as many a second."""
        self.policy = policy
        self.quota = quota
        self.level = quota * SECOND
        self.at = now

    def fill(self, now: int) -> None:
        """Let time pass until *now*."""
        if now > self.at:
            self.level = min(self.quota * SECOND, self.level + (now - self.at) * self.quota)
        self.at = now

    def seconds_until(self, level: int) -> int:
        """Return in how many whole seconds the bucket holds *level*, at least 1."""
        return max(1, -((self.level - level) // (self.quota * SECOND)))

    def fields(self) -> list[tuple[bytes, bytes]]:
        """Return the header fields that tell the client, as draft-ietf-httpapi-ratelimit writes."""
        unit = "" if self.policy == "api" else f';qu="{UNITS[self.policy]}"'
        left = max(0, self.level // SECOND)
        until = self.seconds_until(self.quota * SECOND)
        return [
            (b"ratelimit-policy", f'"{self.policy}";q={self.quota};w=1{unit}'.encode()),
            (b"ratelimit", f'"{self.policy}";r={left};t={until}'.encode()),
        ]


class Rates:
    """The buckets of this process."""

    def __init__(self, clock: Clock, *, events_per_second: int, requests_per_second: int) -> None:
        self._clock = clock
        self._quotas: dict[Policy, int] = {"write": events_per_second, "api": requests_per_second}
        self._buckets: dict[tuple[str, Policy], Bucket] = {}

    def enter(self, principal: Principal, policy: Policy) -> Bucket | None:
        """Return the bucket of *principal*, from which its request has been taken; None for none.

        Raises:
            Problem: `rate_limited`; it says when to come back.
        """
        own = principal.events_per_second if policy == "write" else principal.requests_per_second
        quota = self._quotas[policy] if own is None else own
        if not quota:
            return None
        bucket = self._bucket(principal.key_id, policy, quota)
        if bucket.level < SECOND:
            raise self._refusal(bucket)
        if policy == "api":
            bucket.level -= SECOND
        return bucket

    def charge(self, key_id: str | None, events: int) -> None:
        """Take *events* from the quota of a key that has entered."""
        bucket = self._buckets.get((key_id or "", "write"))
        if bucket is not None:
            bucket.fill(self._clock.now())
            bucket.level -= events * SECOND

    def _bucket(self, key_id: str, policy: Policy, quota: int) -> Bucket:
        now = self._clock.now()
        bucket = self._buckets.get((key_id, policy))
        if bucket is None or bucket.quota != quota:
            if len(self._buckets) >= BUCKETS_MAX:
                self._make_room(now)
            bucket = self._buckets[key_id, policy] = Bucket(policy, quota, now)
        bucket.fill(now)
        return bucket

    def _make_room(self, now: int) -> None:
        """Forget full buckets, which say nothing; where none is full, the one made first."""
        for key, bucket in list(self._buckets.items()):
            bucket.fill(now)
            if bucket.level >= bucket.quota * SECOND:
                del self._buckets[key]
        if len(self._buckets) >= BUCKETS_MAX:
            del self._buckets[next(iter(self._buckets))]

    def _refusal(self, bucket: Bucket) -> Problem:
        seconds = min(RETRY_SECONDS_MAX, bucket.seconds_until(SECOND))
        unit = UNITS[bucket.policy]
        return Problem(
            "rate_limited",
            f"expected at most {bucket.quota} {unit} a second with this key; wait {seconds} s",
            retry_after_seconds=seconds,
            extensions={"violated-policies": [bucket.policy]},
        )
