"""What the consumer tells of itself: to Prometheus, and to whoever asks whether all is well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service.consuming.records import Place
from service.intake.ingest import Outcome


class ConsumerFigures(Collector):
    """Counts records by what became of them.

    Attributes:
        held: How many partitions are this member's.
        lag: Records behind the end of each, as far as is known.
        lost: Records that were gone before they were taken in.
        fenced: Batches that another member had taken in already.
        trouble: Why nothing comes in now; None where something may.
    """

    def __init__(self) -> None:
        """Count from zero."""
        self._outcomes: Counter[str] = Counter()
        self.held = self.lost = self.fenced = 0
        self.lag: Mapping[Place, int] = {}
        self.trouble: str | None = "not connected yet"

    def count(self, outcomes: Iterable[Outcome], tombstones: int) -> None:
        """Add the records of a batch."""
        self._outcomes.update(outcome.status for outcome in outcomes)
        if tombstones:
            self._outcomes["tombstone"] += tombstones

    def taken(self, outcome: str) -> int:
        """Return how many records became that."""
        return self._outcomes[outcome]

    def told(self) -> str:
        """Return in one line how it stands."""
        if self.trouble is not None:
            return f"waiting: {self.trouble}"
        behind = sum(self.lag.values())
        return f"{self.held} partitions, {behind} records behind"

    def collect(self) -> Iterable[Metric]:
        """Return the metrics as they stand."""
        records = CounterMetricFamily(
            "stagefold_kafka_records", "Records taken in.", labels=("outcome",)
        )
        for outcome, count in self._outcomes.items():
            records.add_metric((outcome,), count)
        lag = GaugeMetricFamily(
            "stagefold_kafka_lag_records",
            "Records behind the end of a partition.",
            labels=("topic", "partition"),
        )
        for place, behind in self.lag.items():
            lag.add_metric((place.topic, str(place.partition)), behind)
        return [
            records,
            lag,
            GaugeMetricFamily("stagefold_kafka_partitions", "Partitions held.", self.held),
            CounterMetricFamily("stagefold_kafka_records_lost", "Records gone unread.", self.lost),
            CounterMetricFamily("stagefold_kafka_fenced", "Batches taken by another.", self.fenced),
        ]
