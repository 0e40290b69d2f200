"""Where other people's formats keep properties and traits: one function a format, over its members.

Both sides use it: the door, to judge what comes in, and the fold, to read what was stored.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping

from domain.events import ACCOUNT_TRAITS

Members = Mapping[str, object]

_NAMED_CALLS = ("page", "screen")
_IDENTIFYING = ("$identify", "$set")
_ALIASING = ("$create_alias", "$merge_dangerously")


def of_cloud_event(item: Members) -> Members:
    """Return the data of a CloudEvent, and traits that stand beside it."""
    found = item.get("data")
    if found is None and isinstance(packed := item.get("data_base64"), str):
        found = _unpacked(packed)
    return _with_traits(found if isinstance(found, dict) else {}, item.get("traits"))


def _unpacked(packed: str) -> object:
    try:
        return json.loads(base64.b64decode(packed))
    except (binascii.Error, ValueError, RecursionError):
        return None


def of_segment(item: Members) -> Members:
    """Return the properties of a call of the Segment family.

    An `identify` has traits, some libraries send them in `context`; a `group` has those of the
    account, and so they are told; a `page` or `screen` may have its name beside its properties.
    """
    properties = _object(item.get("properties"))
    call = item.get("type")
    if call == "identify":
        context = _object(_object(item.get("context")).get("traits"))
        traits = {**context, **_object(item.get("traits"))}
        return _of_person(_with_traits(properties, traits))
    if call == "group":
        account = _object(item.get("traits")) or properties
        return {**account, ACCOUNT_TRAITS: account}
    if call == "alias":
        return {"previous_id": as_name(item.get("previousId"))}
    if call in _NAMED_CALLS:
        named = {key: item[key] for key in ("name", "category") if item.get(key) is not None}
        return {**named, **properties}
    return properties


def of_posthog(item: Members) -> Members:
    """Return the properties of a PostHog event; `$set` are the traits of whoever it names."""
    properties = _object(item.get("properties"))
    event = item.get("event")
    if event in _IDENTIFYING:
        traits = {**_object(item.get("$set")), **_object(properties.get("$set"))}
        return _of_person(_with_traits(properties, traits))
    if event in _ALIASING:
        return {"alias": as_name(properties.get("alias"))}
    return properties


def as_name(value: object) -> object:
    """Return *value* as the door takes an id: a number becomes its text, blanks are cut off."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    return value.strip() if isinstance(value, str) else value


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _of_person(properties: Members) -> Members:
    """Return *properties* that say nothing of an account: these formats say that apart."""
    return {**properties, ACCOUNT_TRAITS: {}}


def _with_traits(properties: dict[str, object], traits: object) -> Members:
    return {**properties, "traits": traits} if isinstance(traits, dict) else properties


FOREIGN: Mapping[str, Callable[[Members], Members]] = {
    "cloudevents": of_cloud_event,
    "posthog": of_posthog,
    "segment": of_segment,
}

PASSING: Mapping[str, frozenset[str]] = {
    "posthog": frozenset({"sent_at", "offset"}),
    "segment": frozenset({"sentAt", "receivedAt", "_metadata"}),
}
"""Members that another attempt to send the same event may change."""
