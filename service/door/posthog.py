"""PostHog's events, told in our words.

Whoever an event names is a customer (`distinct_id`); only posthog-js says of somebody that his
name is no more than that of his device. Types that begin with `$` are PostHog's own: some set
traits or join names, as ours do; the others lose the `$`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from domain.events import ALIAS, IDENTIFY
from projections.events.foreign import of_posthog
from projections.events.log import ApiFormat
from service.door.faults import Fault
from service.door.readings import first, mapping_of, renamed
from service.door.segment import with_offset

GROUP = "$groupidentify"
_TYPES = {
    "$identify": IDENTIFY,
    "$set": IDENTIFY,
    "$create_alias": ALIAS,
    "$merge_dangerously": ALIAS,
}
_ACCOUNTS = ("company", "organization", "account")
"""Kinds of group that are accounts, before any other kind."""
_POINTERS = (
    ("/id", "/uuid"),
    ("/type", "/event"),
    ("/customer_id", "/distinct_id"),
    ("/anonymous_id", "/properties/$anon_distinct_id"),
    ("/account_id", "/properties/$groups"),
    ("/occurred_at", "/timestamp"),
)


@dataclass(frozen=True, slots=True)
class PosthogReading:
    """Reads events of either capture protocol."""

    api_format: ClassVar[ApiFormat] = "posthog"

    def canonical(self, item: Mapping[str, object], received_at: int) -> Mapping[str, object]:
        """Return what *item* says, by the names of our own fields."""
        del received_at
        properties = mapping_of(item.get("properties"))
        who = first(item.get("distinct_id"), properties.get("distinct_id"))
        is_device = who is not None and who == properties.get("$device_id")
        event = item.get("event")
        strange = item.get("properties") is not None and not isinstance(item["properties"], dict)
        found = of_posthog(item)
        return {
            "id": first(item.get("uuid"), properties.get("$insert_id")),
            "type": _type_of(event),
            "customer_id": None if is_device else who,
            "anonymous_id": who if is_device else properties.get("$anon_distinct_id"),
            "account_id": _account_of(properties),
            "occurred_at": with_offset(item.get("timestamp")),
            "properties": item["properties"] if strange else found,
            "traits": found.get("traits"),
        }

    def stored(self, text: str, item: Mapping[str, object]) -> str:
        """Return *text*; nothing is inherited."""
        del item
        return text

    def faults(self, item: Mapping[str, object]) -> list[Fault]:
        """Return why an event about a group alone has nobody to be stored for."""
        if item.get("event") != GROUP:
            return []
        message = "a group alone is nobody; send an event of a member with properties.$groups"
        return [Fault("/distinct_id", "customer_missing", message)]

    def told(self, fault: Fault) -> Fault:
        """Return *fault* by PostHog's names."""
        return renamed(fault, _POINTERS, "distinct_id")


def _type_of(event: object) -> object:
    if not isinstance(event, str):
        return event
    name = event.strip()
    return _TYPES.get(name) or name.lstrip("$")


def _account_of(properties: Mapping[str, object]) -> object:
    groups = mapping_of(properties.get("$groups"))
    return first(*(groups.get(kind) for kind in _ACCOUNTS), *groups.values())
