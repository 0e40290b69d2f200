"""Events of other products' formats, told by our names; what was sent stands in `original`."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from domain.events import ACCOUNT_TRAITS, IDENTIFY
from domain.instants import format_instant
from projections.events.foreign import as_name
from service.door.cloudevents import CloudEventReading
from service.door.posthog import PosthogReading
from service.door.readings import Reading, first
from service.door.segment import SegmentReading
from service.ports import StoredEvent

_READINGS: Mapping[str, Reading] = {
    "cloudevents": CloudEventReading(),
    "posthog": PosthogReading(),
    "segment": SegmentReading(),
}
_members = msgspec.json.Decoder(dict[str, object]).decode


def canonical_of(event: StoredEvent) -> dict[str, object]:
    """Return what *event* says, by our names."""
    said = _READINGS[event.api_format].canonical(_members(event.payload), event.recorded_at)
    subject, properties = event.subject, said["properties"]
    found: dict[str, object] = {"id": event.event_id, "source": event.source, "type": event.type}
    if subject.kind == "customer":
        found["customer_id"] = subject.id
    visitor = subject.id if subject.kind == "anonymous" else as_name(said.get("anonymous_id"))
    if first(visitor) is not None:
        found["anonymous_id"] = visitor
    if event.account_id is not None:
        found["account_id"] = event.account_id
    found["occurred_at"] = format_instant(event.occurred_at)
    if event.type == IDENTIFY and isinstance(traits := said.get("traits"), dict):
        found["traits"] = properties = traits
    elif isinstance(properties, dict) and ACCOUNT_TRAITS in properties:
        properties = dict(properties)
        found[ACCOUNT_TRAITS] = properties.pop(ACCOUNT_TRAITS)
    found["properties"] = properties
    found["original"] = msgspec.Raw(event.payload.encode())
    return found
