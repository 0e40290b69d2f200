"""A consumer put together as the settings say."""

from __future__ import annotations

from projections.registers.erasure import ErasureMode
from service.access.keys import DEFAULT_TENANT
from service.consuming.consumer import Beginning, Consumer
from service.consuming.judging import Judge
from service.consuming.records import RecordLog
from service.consuming.tombstones import Erases, Tombstones
from service.intake.ingest import DEFAULT_SOURCE
from service.intake.rejections import Rejections
from service.metrics import Metrics
from service.ports import Clock, Store
from service.settings import Settings

_MODES: dict[str, ErasureMode | None] = {"ignore": None, "erase": "anonymise", "purge": "purge"}


def consumer_of(
    settings: Settings,
    records: RecordLog,
    *,
    store: Store,
    clock: Clock,
    rejections: Rejections,
    erasing: Erases,
    metrics: Metrics,
) -> Consumer:
    """Return what takes *records* into *store*, through the door that *rejections* knows."""
    judge = Judge(
        rejections,
        clock,
        tenants={topic: tenant or DEFAULT_TENANT for topic, tenant in settings.kafka_topics},
        source=DEFAULT_SOURCE,
        customer_pointer=settings.cloudevents_customer_pointer,
    )
    mode = _MODES[settings.kafka_tombstones]
    consumer = Consumer(
        records,
        store,
        clock,
        judge,
        count=metrics.count_outcomes,
        beginning=Beginning(at_end=settings.kafka_start == "latest"),
        tombstones=None if mode is None else Tombstones(erasing, judge, mode),
        records_max=settings.kafka_batch_records,
    )
    metrics.tell_of(consumer.figures)
    return consumer
