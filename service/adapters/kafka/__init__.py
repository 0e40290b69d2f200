"""Kafka, by aiokafka: a member of a group that reads, and a producer that writes."""

from __future__ import annotations

from service.adapters.kafka.records import KafkaRecords
from service.adapters.kafka.topic import KafkaTopic

__all__ = ["KafkaRecords", "KafkaTopic"]
