"""Figures of webhooks for Prometheus: what was attempted here, and how things stand for all.

Attempts are counted by the process that makes them. What waits is asked of the database when
somebody asks for figures, so every process tells the same, and no more of it than a bound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from domain.instants import SECOND
from projections.asking import EVERYBODY, Script
from projections.registers.register import entries, firsts
from projections.webhooks.rows import CONDITIONS, DUE, ENDPOINTS, WAITING, Condition, Endpoint
from service.ports import Clock, Store
from service.webhooks.breaker import Breaker

COUNTED_MAX = 10_000
STATES = ("enabled", "left_alone", "paused", "disabled")
WAITING_STATES = ("pending", "held")


@dataclass(frozen=True, slots=True)
class Backlog:
    """How things stand.

    Attributes:
        endpoints: How many there are, by state; `left_alone` by a breaker, though enabled.
        waiting: Deliveries that wait, by state, each up to `COUNTED_MAX`.
        due_since: Since when the delivery is due that has been for longest, at endpoints that are
            enabled and not left alone; None for none.
    """

    endpoints: Counter[str] = field(default_factory=Counter)
    waiting: Counter[str] = field(default_factory=Counter)
    due_since: int | None = None


class HookFigures(Collector):
    """What is told of webhooks."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Count from zero; *store* is asked when figures are wanted."""
        self._store = store
        self._clock = clock
        self._attempts: Counter[str] = Counter({"delivered": 0})
        self._openings = 0
        self._backlog, self._now = Backlog(), 0

    def attempted(self, failure: str | None) -> None:
        """Count an attempt, delivered where there is no *failure*."""
        self._attempts[failure or "delivered"] += 1

    def opened(self) -> None:
        """Count that a breaker began to leave an endpoint alone."""
        self._openings += 1

    async def observe(self) -> None:
        """Look how things stand.

        Raises:
            StoreUnavailable: Nobody can tell now.
        """
        now = self._clock.now()
        self._backlog, self._now = await self._store.look(_backlog(now), of=EVERYBODY), now

    def collect(self) -> Iterable[Metric]:
        """Return the metrics as they stand."""
        attempts = CounterMetricFamily(
            "stagefold_webhook_attempts", "Attempts made here, by outcome.", labels=("outcome",)
        )
        for outcome, count in self._attempts.items():
            attempts.add_metric((outcome,), count)
        openings = CounterMetricFamily(
            "stagefold_webhook_breaker_openings",
            "How often an endpoint began to be left alone after failures, here.",
            value=self._openings,
        )
        since = self._backlog.due_since
        lag = GaugeMetricFamily(
            "stagefold_webhook_lag_seconds",
            "For how long the delivery has been due that has been for longest.",
            value=0 if since is None else max(0, self._now - since) / SECOND,
        )
        return [attempts, openings, *self._by_state(), lag]

    def _by_state(self) -> Iterable[Metric]:
        backlog = self._backlog
        for name, about, states, counts in (
            ("endpoints", "Endpoints, by state.", STATES, backlog.endpoints),
            (
                "waiting_deliveries",
                f"Deliveries that wait, up to {COUNTED_MAX:,} of each state.",
                WAITING_STATES,
                backlog.waiting,
            ),
        ):
            family = GaugeMetricFamily(f"stagefold_webhook_{name}", about, labels=("state",))
            for state in states:
                family.add_metric((state,), counts[state])
            yield family


def _backlog(now: int) -> Script[Backlog]:
    endpoints = yield from entries(ENDPOINTS)
    fares = {one.endpoint: one for one in (yield from entries(CONDITIONS))}
    states = {one.id: _state(one, fares.get(one.id), now) for one in endpoints}
    waiting: Counter[str] = Counter()
    for endpoint, state in states.items():
        name = "pending" if state in {"enabled", "left_alone"} else "held"
        left = COUNTED_MAX - waiting[name]
        if left > 0:
            waiting[name] += len((yield from entries(WAITING, endpoint, limit=left)))
    going = [endpoint for endpoint, state in states.items() if state == "enabled"]
    return Backlog(Counter(states.values()), waiting, (yield from _due_since(going, now)))


def _state(endpoint: Endpoint, fares: Condition | None, now: int) -> str:
    if endpoint.state != "enabled" or fares is None:
        return endpoint.state
    breaker = Breaker(fares.failures, fares.failing_since, fares.rests, fares.until)
    return "left_alone" if breaker.condition(now) == "open" else "enabled"


def _due_since(endpoints: Sequence[str], now: int) -> Script[int | None]:
    due = yield from firsts(DUE, [(endpoint,) for endpoint in endpoints])
    return min((one.next_at for one in due if one.next_at <= now), default=None)
