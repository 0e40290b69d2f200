"""Publishers put together as the settings say."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from service.access.keys import DEFAULT_TENANT
from service.leases import Leases
from service.metrics import Metrics
from service.ports import Clock, Store
from service.progress import Progress
from service.publishing.figures import AllPublished
from service.publishing.octets import RecordFormat
from service.publishing.publisher import Publication, Publisher
from service.publishing.topic import Topic
from service.settings import Settings


def publishers_of(
    settings: Settings,
    open_topic: Callable[[str], Topic],
    *,
    store: Store,
    clock: Clock,
    leases: Leases,
    progress: Progress,
    metrics: Metrics,
) -> tuple[Publisher, ...]:
    """Return what writes the feeds of *store* to the topics that the settings name."""
    form = cast("RecordFormat", settings.kafka_transitions_format)  # checked where it is read
    at_end = settings.kafka_transitions_start == "latest"
    publishers = tuple(
        Publisher(
            Publication(topic, tenant or DEFAULT_TENANT, form, at_end=at_end),
            open_topic(topic),
            store,
            clock,
            leases=leases,
            progress=progress,
        )
        for topic, tenant in settings.kafka_transitions_topics
    )
    metrics.tell_of(AllPublished([each.figures for each in publishers]))
    return publishers
