"""What the writers of topics tell of themselves: to Prometheus, and to whoever asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class PublisherFigures:
    """Counts records written to one topic.

    Attributes:
        topic: Its name.
        lag: Records that are not there yet, at most; another tenant's may be among them. None in a
            process that does not write.
        fenced: Pages that another process had written already.
        trouble: Why nothing is written now; None where something may be.
    """

    def __init__(self, topic: str) -> None:
        """Count from zero."""
        self.topic = topic
        self.written: Counter[str] = Counter()
        self.lag: int | None = None
        self.fenced = 0
        self.trouble: str | None = None

    def told(self) -> str:
        """Return in one line how it stands."""
        if self.lag is None:
            return f"{self.topic}: another process writes"
        state = "writing" if self.trouble is None else f"waiting: {self.trouble}"
        return f"{self.topic}: {state}, {self.lag} records behind"


class AllPublished(Collector):
    """The figures of all topics as metrics with the topic as label."""

    def __init__(self, figures: Sequence[PublisherFigures]) -> None:
        """Tell of *figures*."""
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        """Return the metrics as they stand."""
        records = CounterMetricFamily(
            "stagefold_kafka_published_records", "Records written.", labels=("topic", "type")
        )
        fenced = CounterMetricFamily(
            "stagefold_kafka_published_fenced",
            "Pages written by another already.",
            labels=("topic",),
        )
        lag = GaugeMetricFamily(
            "stagefold_kafka_published_lag_records",
            "Records that are not in the topic yet.",
            labels=("topic",),
        )
        for one in self._figures:
            for message_type, count in one.written.items():
                records.add_metric((one.topic, message_type), count)
            fenced.add_metric((one.topic,), one.fenced)
            if one.lag is not None:
                lag.add_metric((one.topic,), one.lag)
        return [records, fenced, lag]
