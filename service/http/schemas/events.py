"""What `POST /v1/events` takes and answers, as models: for the documents, and for a test.

The route itself reads events by `service.door`, which is ten times as fast. `EventIn` says the
same in another way; `tests/http/test_door_laws.py` holds the two together.
"""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    model_validator,
)

from domain.instants import parse_instant
from service.door.control import ALIAS_FIELDS, CONTROL_TYPES
from service.door.events import RESERVED_FIELDS

_Schema = dict[str, Any]
_NAME_MAX = 200


def _as_name(value: object) -> object:
    """Return the text of an id; blank and null count as absent."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return (value.strip() or None) if isinstance(value, str) else value


def _without_controls(value: str | None) -> str | None:
    if value is not None and any(unicodedata.category(sign) == "Cc" for sign in value):
        raise ValueError("expected no control characters")
    return value


def _is_instant(value: str | None) -> str | None:
    if value:
        parse_instant(value)
    return value or None


def _name_schema(schema: _Schema) -> None:
    schema.pop("anyOf", None)
    schema |= {"type": ["string", "number", "null"], "maxLength": _NAME_MAX}


Name = Annotated[
    Annotated[str, Field(max_length=_NAME_MAX)] | None,
    BeforeValidator(_as_name),
    AfterValidator(_without_controls),
    Field(json_schema_extra=_name_schema),
]
Object = dict[str, JsonValue] | None


class EventIn(BaseModel):
    """One event. Further fields are kept as sent; those that the engine adds are refused."""

    model_config = ConfigDict(
        extra="allow",
        strict=True,
        title="Event",
        json_schema_extra={
            "required": ["type"],
            "anyOf": [{"required": ["customer_id"]}, {"required": ["anonymous_id"]}],
            "examples": [
                {
                    "id": "o-1",
                    "type": "order_completed",
                    "customer_id": "user-1",
                    "occurred_at": "2026-03-01T12:00:00Z",
                    "properties": {"amount": 39.95},
                }
            ],
        },
    )

    id: Name = Field(None, description="Yours, unique per source and customer; made if absent.")
    type: Name = Field(None, description="What happened, for example `order_completed`.")
    customer_id: Name = Field(None, description="Who did it; this or anonymous_id is needed.")
    anonymous_id: Name = Field(None, description="Somebody not yet known by name.")
    account_id: Name = Field(None, description="The company on whose behalf.")
    source: Name = Field(None, description="Who says so; the key's source, or `http`, if absent.")
    occurred_at: Annotated[str | None, AfterValidator(_is_instant)] = Field(
        None, description="RFC 3339 with offset; the instant of recording if absent."
    )
    properties: Object = Field(None, description="What models read.")
    traits: JsonValue = Field(None, description="Of `$identify`: what is known of the customer.")

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> EventIn:
        if self.type is None:
            raise ValueError("an event needs a type")
        if self.customer_id is None and self.anonymous_id is None:
            raise ValueError("an event needs customer_id or anonymous_id")
        if RESERVED_FIELDS & (self.model_extra or {}).keys():
            raise ValueError("a field is added by the engine")
        if self.type.startswith("$"):
            _check_control(self.type, self.properties, self.traits)
        return self


def _check_control(event_type: str, properties: Object, traits: JsonValue) -> None:
    named = {key for key, value in (properties or {}).items() if _is_name(value)}
    if event_type not in CONTROL_TYPES:
        raise ValueError("types that begin with $ are ours")
    if event_type == "$identify" and not isinstance(properties if traits is None else traits, dict):
        raise ValueError("$identify needs traits")
    if event_type == "$void" and "event_id" not in named:
        raise ValueError("$void needs properties.event_id")
    if event_type == "$stage.set" and not {"model", "stage"} <= named:
        raise ValueError("$stage.set needs properties.model and properties.stage")
    if event_type in {"$alias", "$unalias"}:
        unusable = [
            each
            for each in ALIAS_FIELDS
            if each not in named and (properties or {}).get(each) not in {None, ""}
        ]
        if unusable or len(named & set(ALIAS_FIELDS)) != 1:
            raise ValueError("an alias needs exactly one other name")


def _is_name(value: object) -> bool:
    text = _as_name(value)
    return isinstance(text, str) and len(text) <= _NAME_MAX and _without_controls(text) is not None
