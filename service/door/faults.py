"""What is wrong with an event: where, which rule, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

FAULTS = {
    "array_too_long": "an array has more elements than an event may carry",
    "bad_attribute": "a CloudEvents attribute has a name that none may have",
    "bad_header": "a header of a record does not decode, or is given twice",
    "bad_id": "an id, a type or a source is not 1 to 200 characters without control characters",
    "bad_instant": "a time is not RFC 3339 text with an offset",
    "customer_missing": "an event needs customer_id or anonymous_id",
    "duplicate_key": "an object names one key twice, so readers would disagree",
    "event_id_conflict": "an event of this id is in the log with other content",
    "event_too_large": "the event is longer than one event may be",
    "future_time": "occurred_at is more than an hour ahead of our clock",
    "lone_surrogate": "a string holds half of a surrogate pair, which UTF-8 cannot write",
    "malformed_json": "the text is not JSON",
    "malformed_utf8": "the bytes of a record are not UTF-8",
    "missing_attribute": "a CloudEvent lacks an attribute that every one needs",
    "missing_property": "an event of a type that begins with $ lacks what it acts on",
    "nul_character": "a string holds U+0000, which databases cannot keep",
    "not_an_object": "a JSON object was expected",
    "number_not_finite": "a number is NaN, infinite, or too large for a double",
    "number_too_long": "an integer has more digits than an event may carry",
    "reserved_field": "a field of this name is added by the engine itself",
    "schema_violation": "the properties do not fit the schema of the event's type and version",
    "source_not_allowed": "the API key speaks for another source",
    "string_too_long": "a string or key is longer than an event may carry",
    "too_deep": "values are nested deeper than an event may be",
    "too_many_keys": "an object has more keys than an event may carry",
    "type_missing": "an event needs a type",
    "unknown_call": "a call is none of track, identify, page, screen, group, alias",
    "type_not_allowed": "the API key may not send events of this type",
    "unknown_control_type": "types that begin with $ are ours, and this one does not exist",
    "unknown_model": "no such model is active",
    "unknown_stage": "the model has no such stage",
    "unsupported_format": "a record is written in a format that is not read here",
    "wrong_specversion": "a CloudEvent of another version of the specification than 1.0",
    "wrong_type": "a field holds another kind of value than it should",
}
"""Every code that an event can be refused with, and what it says in general."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an event.

    Attributes:
        pointer: RFC 6901 pointer into the event; empty for the event as a whole.
        code: One of `FAULTS`.
        message: What was expected and what was found.
    """

    pointer: str
    code: str
    message: str


def step(token: str | int) -> str:
    """Return the piece that *token* adds to a pointer, escaped by RFC 6901 §3."""
    return f"/{token}".replace("~", "~0").replace("/", "~1").replace("~1", "/", 1)


def shown(value: object) -> str:
    """Return *value* as a message shows it: short, and harmless in a log."""
    text = repr(value)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"


_SHOWN_MAX = 60
