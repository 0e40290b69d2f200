"""The Segment family's calls, told in our words: Segment, RudderStack and Jitsu send one format.

Spec: https://segment.com/docs/connections/spec/common/. A batch says some things once for all of
its items, and a path may say what call it is; an item inherits what it does not say itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import msgspec

from domain.events import ALIAS, IDENTIFY
from domain.instants import (
    FIRST_INSTANT,
    HOUR,
    LAST_INSTANT,
    SECOND,
    format_instant,
    parse_instant,
)
from projections.events.foreign import as_name, of_segment
from projections.events.log import ApiFormat
from service.door.faults import Fault, shown
from service.door.readings import first, mapping_of, renamed

CALLS = ("track", "identify", "page", "screen", "group", "alias")
INHERITED = ("context", "integrations", "sentAt", "timestamp")
"""What a batch may say for all of its items."""
SKEW_IGNORED = SECOND
"""A clock that is off by less may be right: requests take their time."""
SKEW_MAX = 24 * HOUR
"""A clock that is off by more is none; the request waited somewhere, and its times are right."""

_TYPES = {"identify": IDENTIFY, "alias": ALIAS}
_WRITTEN = ("context", "integrations")
_POINTERS = (
    ("/id", "/messageId"),
    ("/type", "/event"),
    ("/customer_id", "/userId"),
    ("/anonymous_id", "/anonymousId"),
    ("/account_id", "/groupId"),
    ("/occurred_at", "/timestamp"),
    ("/properties/previous_id", "/previousId"),
)
_NEEDS = "userId or anonymousId"
_is_without_offset = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?").fullmatch
_raw_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class SegmentReading:
    """Reads calls.

    Attributes:
        call: What an item is that does not say its call; the path says it then.
        inherited: What the batch says for all of its items.
    """

    call: str | None = None
    inherited: Mapping[str, object] = field(default_factory=dict)
    api_format: ClassVar[ApiFormat] = "segment"

    def canonical(self, item: Mapping[str, object], received_at: int) -> Mapping[str, object]:
        """Return what *item* says, by the names of our own fields."""
        whole = self._whole(item)
        call = whole.get("type")
        group = whole.get("groupId") if call == "group" else None
        visitor = whole.get("anonymousId")
        if call == "alias":  # whoever that is, unknown or known by name: both join the customer
            visitor = first(visitor, whole.get("previousId"))
        return {
            "id": whole.get("messageId"),
            "type": whole.get("event") if call == "track" else _type_of(call),
            "customer_id": whole.get("userId"),
            "anonymous_id": visitor,
            "account_id": first(group, mapping_of(whole.get("context")).get("groupId")),
            "occurred_at": _occurred_at(whole, received_at),
            **_said_of(whole),
        }

    def _whole(self, item: Mapping[str, object]) -> Mapping[str, object]:
        """Return *item* with what it inherits."""
        if not self.inherited and item.get("type") is not None:
            return item
        whole = {**self.inherited, **item}
        if self.inherited:
            if item.get("context") is not None:
                batch = mapping_of(self.inherited.get("context"))
                whole["context"] = {**batch, **mapping_of(item["context"])}
            if first(item.get("timestamp"), item.get("originalTimestamp")) is not None:
                whole["timestamp"] = item.get("timestamp")
        if whole.get("type") is None:
            whole["type"] = self.call
        return whole

    def stored(self, text: str, item: Mapping[str, object]) -> str:
        """Return *text*, with its call and what it inherits written in front of its own members."""
        added: dict[str, object] = {}
        if self.call is not None and item.get("type") is None:
            added["type"] = self.call
        for name in _WRITTEN:
            if name in self.inherited and item.get(name) != self.inherited[name]:
                added[name] = self._whole(item)[name]
        if not added:
            return text
        members = {**added, **{k: v for k, v in _raw_members(text).items() if k not in added}}
        return _encode(members).decode()

    def faults(self, item: Mapping[str, object]) -> list[Fault]:
        """Return what is wrong with the call itself."""
        call = first(item.get("type"), self.call)
        if call not in CALLS:
            message = f"type: expected one of {', '.join(CALLS)}, found {shown(call)}"
            return [Fault("/type", "unknown_call", message)]
        event = item.get("event")
        if call == "track" and isinstance(event, str) and event.strip().startswith("$"):
            message = f"event {shown(event)}: names that begin with $ are ours; leave the $ out"
            return [Fault("/event", "unknown_control_type", message)]
        if call == "alias" and first(as_name(item.get("previousId"))) is None:
            return [Fault("/previousId", "missing_property", "an alias needs previousId")]
        return []

    def told(self, fault: Fault) -> Fault:
        """Return *fault* by Segment's names."""
        return renamed(fault, _POINTERS, _NEEDS)


def _type_of(call: object) -> object:
    return _TYPES.get(call, call) if isinstance(call, str) else call


def _said_of(whole: Mapping[str, object]) -> Mapping[str, object]:
    """Return properties and traits; what is no object is passed on, for the door to refuse."""
    strange = {
        name: whole[name]
        for name in ("properties", "traits")
        if whole.get(name) is not None and not isinstance(whole[name], dict)
    }
    found = of_segment(whole)
    return {"properties": found, "traits": found.get("traits"), **strange}


def _occurred_at(whole: Mapping[str, object], received_at: int) -> object:
    """Return when it happened, corrected by how far the sender's clock is off.

    timestamp = receivedAt - (sentAt - originalTimestamp), as the spec of common fields has it.
    """
    said = with_offset(first(whole.get("timestamp"), whole.get("originalTimestamp")))
    sent = with_offset(whole.get("sentAt"))
    if not isinstance(said, str) or not isinstance(sent, str):
        return said
    try:
        skew = received_at - parse_instant(sent)
        if not SKEW_IGNORED < abs(skew) < SKEW_MAX:
            return said
        corrected = parse_instant(said) + skew
    except ValueError:
        return said
    return format_instant(corrected) if FIRST_INSTANT <= corrected <= LAST_INSTANT else said


def with_offset(value: object) -> object:
    """Return a time; one without an offset is in UTC, as the libraries of the family mean it."""
    if isinstance(value, str) and _is_without_offset(value.strip()):
        return f"{value.strip()}Z"
    return value
