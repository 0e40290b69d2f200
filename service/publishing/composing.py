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
from service.publishing.refusals import Refusals
from service.publishing.source import Source
from service.publishing.topic import Topic
from service.publishing.transitions import Transitions
from service.settings import Settings, SettingsError


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
    """Return what writes *store* to the topics that the settings name.

    Raises:
        SettingsError: A topic is named for two things.
    """
    _check(settings)

    def publisher(what: Publication, source: Source) -> Publisher:
        topic = open_topic(what.topic)
        return Publisher(what, source, topic, store, clock, leases=leases, progress=progress)

    form = cast("RecordFormat", settings.kafka_transitions_format)  # checked where it is read
    at_end = settings.kafka_transitions_start == "latest"
    publishers = tuple(
        publisher(
            Publication(topic, tenant or DEFAULT_TENANT, at_end=at_end),
            Transitions(store, clock, tenant or DEFAULT_TENANT, form),
        )
        for topic, tenant in settings.kafka_transitions_topics
    ) + tuple(
        publisher(
            Publication(topic, tenant or DEFAULT_TENANT, name="kafka-rejected"),
            Refusals(store, tenant or DEFAULT_TENANT),
        )
        for topic, tenant in settings.kafka_rejected_topics
    )
    metrics.tell_of(AllPublished([each.figures for each in publishers]))
    return publishers


def _check(settings: Settings) -> None:
    """Raise an error where refusals would be read again, or mixed with something else."""
    rejected = {topic for topic, _ in settings.kafka_rejected_topics}
    others = {
        "STAGEFOLD_KAFKA_TOPICS": settings.kafka_topics,
        "STAGEFOLD_KAFKA_TRANSITIONS_TOPICS": settings.kafka_transitions_topics,
    }
    problems = [
        f"STAGEFOLD_KAFKA_REJECTED_TOPICS: expected other topics than {variable}, found {topic}"
        for variable, topics in others.items()
        for topic, _ in topics
        if topic in rejected
    ]
    if problems:
        raise SettingsError(tuple(problems))
