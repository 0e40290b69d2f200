"""The event catalogue: what the properties of an event type look like, per schema version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from projections.asking import Script
from projections.registers.register import Register, entries, entry, put, remove

Mode = Literal["strict", "warn", "off"]


@dataclass(frozen=True, slots=True)
class EventSchema:
    """A JSON Schema that the properties of events of one type and version are held to.

    Attributes:
        version: What events say in `schema_version`.
        mode: `strict` refuses what does not fit, `warn` stores it and tells, `off` does not look.
        schema: JSON text.
        created_by: Id of the API key.
    """

    tenant: str
    type: str
    version: int
    mode: Mode
    schema: str
    created_at: int
    created_by: str


EVENT_SCHEMAS = Register("event_schemas", EventSchema, key=3)


def put_schema(schema: EventSchema) -> Script[bool]:
    """Write *schema* in place of the one of that version; return whether there was none."""
    known = yield from entry(EVENT_SCHEMAS, schema.tenant, schema.type, schema.version)
    yield from put(EVENT_SCHEMAS, schema)
    return known is None


def remove_schemas(tenant: str, event_type: str, version: int | None) -> Script[list[EventSchema]]:
    """Remove that version, or all of the type; return what was removed."""
    key = (tenant, event_type) if version is None else (tenant, event_type, version)
    found = yield from entries(EVENT_SCHEMAS, *key)
    yield from remove(EVENT_SCHEMAS, *found)
    return found
