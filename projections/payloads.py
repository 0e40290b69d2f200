"""Properties inside a stored item, decoded only when a model reads them.

Items are kept as they were sent, so where the properties are depends on the format they came in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, TypeAlias

import msgspec

if TYPE_CHECKING:
    from projections.log import ApiFormat

Decode: TypeAlias = Callable[[str | bytes], Mapping[str, object]]


class _Item(msgspec.Struct, gc=False):
    properties: object = None
    traits: object = None


class _CloudEvent(msgspec.Struct, gc=False):
    data: object = None
    traits: object = None


_item = msgspec.json.Decoder(_Item).decode
_cloud_event = msgspec.json.Decoder(_CloudEvent).decode


def _properties(text: str | bytes) -> Mapping[str, object]:
    item = _item(text)
    return _merged(item.properties, item.traits)


def _data(text: str | bytes) -> Mapping[str, object]:
    item = _cloud_event(text)
    return _merged(item.data, item.traits)


def _merged(properties: object, traits: object) -> Mapping[str, object]:
    """Return the properties; traits that stood beside them are one of them."""
    found: Mapping[str, object] = properties if isinstance(properties, dict) else {}
    return {**found, "traits": traits} if isinstance(traits, dict) else found


def decoder(api_format: ApiFormat | str) -> Decode:
    """Return what finds the properties in an item of that format."""
    return _data if api_format == "cloudevents" else _properties


def traits_in(properties: Mapping[str, object]) -> Mapping[str, object]:
    """Return the traits that an `$identify` event sets: `traits`, or else all its properties."""
    nested = properties.get("traits")
    return nested if isinstance(nested, dict) else properties


def same_content(one: str, other: str) -> bool:
    """Tell whether two items say the same: spaces, escapes and the order of keys do not count."""
    return one == other or _canonical(one) == _canonical(other)


def _canonical(text: str) -> str:
    return json.dumps(json.loads(text), sort_keys=True)


def content_number(payload: str) -> int:
    """Return eight bytes of a hash of *payload*, as the number that a column can hold."""
    return int.from_bytes(sha256(payload.encode()).digest()[:8], signed=True)
