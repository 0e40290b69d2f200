"""Properties inside a stored item, decoded only when a model reads them.

Items are kept as they were sent, so where the properties are depends on the format they came in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from domain.events import ACCOUNT_TRAITS
from projections.events.foreign import FOREIGN, PASSING

if TYPE_CHECKING:
    from projections.events.log import ApiFormat

Decode: TypeAlias = Callable[[str | bytes], Mapping[str, object]]


class _Item(msgspec.Struct, gc=False):
    properties: object = None
    traits: object = None
    account_traits: object = None


_item = msgspec.json.Decoder(_Item).decode
_members = msgspec.json.Decoder(dict[str, object]).decode


def _properties(text: str | bytes) -> Mapping[str, object]:
    item = _item(text)
    found = _merged(item.properties, item.traits)
    account = item.account_traits
    return {**found, ACCOUNT_TRAITS: account} if isinstance(account, dict) else found


def _merged(properties: object, traits: object) -> Mapping[str, object]:
    """Return the properties; traits that stood beside them are one of them."""
    found: Mapping[str, object] = properties if isinstance(properties, dict) else {}
    return {**found, "traits": traits} if isinstance(traits, dict) else found


def _reader(find: Callable[[Mapping[str, object]], Mapping[str, object]]) -> Decode:
    def properties(text: str | bytes) -> Mapping[str, object]:
        return find(_members(text))

    return properties


_FOREIGN = {api_format: _reader(find) for api_format, find in FOREIGN.items()}


def decoder(api_format: ApiFormat | str) -> Decode:
    """Return what finds the properties in an item of that format."""
    return _FOREIGN.get(api_format, _properties)


def same_content(one: str, other: str, api_format: ApiFormat | str = "native") -> bool:
    """Tell whether two items say the same: spaces, escapes and the order of keys do not count.

    Nor does when an item was sent, which some clients write into it at each attempt.
    """
    passing = PASSING.get(api_format, frozenset())
    return one == other or _canonical(one, passing) == _canonical(other, passing)


def _canonical(text: str, passing: frozenset[str]) -> str:
    members = json.loads(text)
    if passing and isinstance(members, dict):
        members = {key: value for key, value in members.items() if key not in passing}
    return json.dumps(members, sort_keys=True)


def content_number(payload: str) -> int:
    """Return eight bytes of a hash of *payload*, as the number that a column can hold."""
    return int.from_bytes(sha256(payload.encode()).digest()[:8], signed=True)
