"""Figures for Prometheus, in a registry of our own, so that two engines in one process differ."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from domain.instants import SECOND
from service.intake.appender import Batch
from service.intake.ingest import Outcome
from service.ports import StoreHealth

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_EVENTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)

_GAUGES = {
    "log_position": "Position of the newest event.",
    "sealed_position": "Position up to which the log is sealed.",
    "feed_position": "Position of the newest record of the feed.",
    "projection_lag_events": "Events stored but not folded yet.",
    "projection_lag_seconds": "Age of the oldest event that is not folded yet.",
    "parked_subjects": "Subjects that are not being folded.",
    "deadlines_due": "Deadlines that fell due and are not swept yet, up to 10,000.",
    "sweeper_lag_seconds": "Age of the oldest such deadline.",
    "store_bytes": "Size of the database on disk.",
    "queued_events": "Events that wait for their transaction.",
}


class RequestFigures(Collector):
    """Counts of requests answered and of the time they took, made into metrics when asked for.

    Every request is counted, so that must cost next to nothing: the library's own counters, with a
    lock for each and labels to look up, cost more than the routing.
    """

    def __init__(self) -> None:
        """Count from zero."""
        self._counts: dict[tuple[str, str, int], int] = {}
        self._buckets: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Add one answered request."""
        key = (method, route, status)
        self._counts[key] = self._counts.get(key, 0) + 1
        buckets = self._buckets.get(route)
        if buckets is None:
            buckets = self._buckets[route] = [0] * (len(_SECONDS) + 1)
            self._seconds[route] = 0.0
        buckets[bisect_left(_SECONDS, seconds)] += 1
        self._seconds[route] += seconds

    def collect(self) -> Iterable[CounterMetricFamily | HistogramMetricFamily]:
        """Return the metrics as they stand."""
        counts = CounterMetricFamily(
            "stagefold_http_requests", "Requests answered.", labels=("method", "route", "status")
        )
        for (method, route, status), count in self._counts.items():
            counts.add_metric((method, route, str(status)), count)
        seconds = HistogramMetricFamily(
            "stagefold_http_request_seconds",
            "Time from the first byte to the end of the answer, of streams to its beginning.",
            labels=("route",),
        )
        bounds = [*map(floatToGoString, _SECONDS), "+Inf"]
        for route, buckets in self._buckets.items():
            sums = zip(bounds, map(float, accumulate(buckets)), strict=True)
            seconds.add_metric((route,), buckets=list(sums), sum_value=self._seconds[route])
        return [counts, seconds]


class Metrics:
    """Counts what the process does."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self.requests = RequestFigures()
        registry.register(self.requests)
        self.tell_of = registry.register
        """Adds figures that another part of the process keeps."""
        self.events = Counter(
            "stagefold_events_total",
            "Events offered, by what became of them.",
            ("status",),
            registry=registry,
        )
        self.rejected = Counter(
            "stagefold_rejected_events_total",
            "Events refused, by the first reason.",
            ("code",),
            registry=registry,
        )
        self.violations = Counter(
            "stagefold_schema_violations_total",
            "Events that did not fit the schema of their type, refused (strict) or stored (warn).",
            ("mode",),
            registry=registry,
        )
        self.late = Counter(
            "stagefold_late_events_total",
            "Events that sorted before one already folded.",
            registry=registry,
        )
        self.append_events = Histogram(
            "stagefold_append_batch_events",
            "Events written in one transaction.",
            buckets=_EVENTS,
            registry=registry,
        )
        self.append_seconds = Histogram(
            "stagefold_append_batch_seconds",
            "Time of one appending transaction.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._of_status: dict[str, Counter] = {}
        self._gauges = {
            name: Gauge(f"stagefold_{name}", about, registry=registry)
            for name, about in _GAUGES.items()
        }

    def count_outcomes(self, outcomes: Iterable[Outcome]) -> None:
        """Add what became of the events of one request."""
        tally: dict[str, int] = {}
        late = 0
        for each in outcomes:
            if each.is_usual:
                tally["accepted"] = tally.get("accepted", 0) + 1
                late += each.receipt is not None and each.receipt.late
                continue
            conflict = each.receipt is not None and each.receipt.status == "conflict"
            status = "conflict" if conflict else each.status
            tally[status] = tally.get(status, 0) + 1
            late += each.receipt is not None and each.receipt.late
            if each.violates is not None:
                self.violations.labels(each.violates).inc()
            if each.status == "rejected":
                self.rejected.labels(each.faults[0].code).inc()
        for status, count in tally.items():
            counter = self._of_status.get(status)
            if counter is None:
                counter = self._of_status[status] = self.events.labels(status)
            counter.inc(count)
        if late:
            self.late.inc(late)

    def count_batches(self, batches: Iterable[Batch]) -> None:
        """Add appending transactions."""
        for batch in batches:
            self.append_events.observe(batch.events)
            self.append_seconds.observe(batch.seconds)

    def text(self, health: StoreHealth, *, now: int, queued: int, sealed: int) -> bytes:
        """Return all figures in the text format of Prometheus."""
        positions = health.positions
        oldest, since = health.oldest_due_at, health.waiting_since
        for name, value in (
            ("log_position", positions.head),
            ("sealed_position", sealed),
            ("feed_position", positions.feed),
            ("projection_lag_events", positions.head - positions.applied),
            ("projection_lag_seconds", max(0, now - since) / SECOND if since is not None else 0),
            ("parked_subjects", health.parked),
            ("deadlines_due", health.due),
            ("sweeper_lag_seconds", max(0, now - oldest) / SECOND if oldest is not None else 0),
            ("store_bytes", health.size_bytes),
            ("queued_events", queued),
        ):
            self._gauges[name].set(value)
        return generate_latest(self._registry)
