"""CloudEvents 1.0 over HTTP: three ways to write one event, told in our words.

Structured and batched events are JSON and are kept as sent. A binary one is a body with its
attributes in header fields; it is kept as the JSON that says the same.
Spec: CloudEvents 1.0.2, core, JSON format and HTTP protocol binding.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from domain.events import IDENTIFY
from projections.events.foreign import of_cloud_event
from projections.events.log import ApiFormat
from service.door.bounds import Bounds
from service.door.faults import Fault, shown, step
from service.door.readings import first, mapping_of, renamed
from service.door.strict import read
from service.errors import Place, Problem

HEADER_PREFIX = "ce-"
VERSION = "1.0"
REQUIRED = ("specversion", "id", "source", "type")

_POINTERS = (
    ("/customer_id", "/subject"),
    ("/anonymous_id", "/anonymousid"),
    ("/account_id", "/accountid"),
    ("/occurred_at", "/time"),
    ("/properties", "/data"),
)
_NEEDS = "subject (or partitionkey), or the extension anonymousid"
_is_attribute = re.compile(r"[a-z0-9]+").fullmatch
_is_json = re.compile(r"(?:[^/]+/)?(?:[^/+]+\+)?json").fullmatch
_percent = re.compile(rb"%([0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class CloudEventReading:
    """Reads structured events.

    Attributes:
        customer_pointer: Where in the data the customer stands, if no attribute names one.
    """

    customer_pointer: str = ""
    api_format: ClassVar[ApiFormat] = "cloudevents"

    def canonical(self, item: Mapping[str, object], received_at: int) -> Mapping[str, object]:
        """Return what *item* says, by the names of our own fields."""
        del received_at
        found = of_cloud_event(item)
        visitor = item.get("anonymousid")
        return {
            "id": item.get("id"),
            "source": item.get("source"),
            "type": item.get("type"),
            "customer_id": self._customer_of(item, visitor, found),
            "anonymous_id": visitor,
            "account_id": item.get("accountid"),
            "occurred_at": item.get("time"),
            "properties": found,
            "traits": found.get("traits") if item.get("type") == IDENTIFY else None,
        }

    def _customer_of(
        self, item: Mapping[str, object], visitor: object, data: Mapping[str, object]
    ) -> object:
        """Return who is meant; a partition key that repeats the visitor is nobody else."""
        key = item.get("partitionkey")
        return first(
            item.get("subject"),
            None if key == visitor else key,
            _at(data, self.customer_pointer) if self.customer_pointer else None,
        )

    def stored(self, text: str, item: Mapping[str, object]) -> str:
        """Return *text*; nothing is inherited."""
        del item
        return text

    def faults(self, item: Mapping[str, object]) -> list[Fault]:
        """Return what the specification forbids in *item*."""
        found = [
            Fault(f"/{name}", "missing_attribute", f"a CloudEvent needs the attribute {name}")
            for name in REQUIRED
            if first(item.get(name)) is None
        ]
        version = item.get("specversion")
        if first(version) is not None and version != VERSION:
            message = f"specversion: expected {VERSION!r}, found {shown(version)}"
            found.append(Fault("/specversion", "wrong_specversion", message))
        found += [_bad_name(name) for name in item if not _is_attribute(name) and name != _PACKED]
        if item.get("data") is not None and item.get(_PACKED) is not None:
            message = "data and data_base64 exclude each other"
            found.append(Fault(f"/{_PACKED}", "wrong_type", message))
        return found

    def told(self, fault: Fault) -> Fault:
        """Return *fault* by the names of the attributes."""
        return renamed(fault, _POINTERS, _NEEDS)


_PACKED = "data_base64"


def _bad_name(name: str) -> Fault:
    message = f"attribute {shown(name)}: names are lower-case letters and digits"
    return Fault(step(name), "bad_attribute", message)


def _at(value: object, pointer: str) -> object:
    """Return what stands at the RFC 6901 *pointer* in *value*, if it may be an id."""
    for token in pointer.split("/")[1:]:
        value = mapping_of(value).get(token.replace("~1", "/").replace("~0", "~"))
    is_id = isinstance(value, str | int) and not isinstance(value, bool)
    return value if is_id else None


# ---------------------------------------------------------------- binary mode


def is_json(media_type: str) -> bool:
    """Whether data of *media_type* is JSON; RFC 6839 names the suffix."""
    return _is_json(media_type.partition(";")[0].strip().lower()) is not None


def composed(headers: Iterable[tuple[bytes, bytes]], body: bytes, bounds: Bounds) -> str:
    """Return the structured event that *headers* and *body* of a binary one say.

    Raises:
        Problem: `validation_failed` for a header field that does not decode, or is given twice;
            `malformed_json` for a body that is not what its type says.
    """
    attributes: dict[str, str] = {}
    content_type = ""
    for raw_name, raw in headers:
        name = raw_name.decode("latin-1").lower()
        if name == "content-type":
            content_type = raw.decode("latin-1")
        elif name.startswith(HEADER_PREFIX):
            attribute = name.removeprefix(HEADER_PREFIX)
            if attribute in attributes:
                raise _bad_header(name, "it is given more than once")
            attributes[attribute] = decoded_header(name, raw)
    return event_of(attributes, content_type, body, bounds)


def event_of(attributes: dict[str, str], content_type: str, body: bytes, bounds: Bounds) -> str:
    """Return the structured event of *attributes* and a *body* of that type, empty for unknown.

    Raises:
        Problem: `malformed_json` for a body that is not what its type says.
    """
    attributes.pop("datacontenttype", None)  # Content-Type says it; some libraries send both
    if content_type:
        attributes["datacontenttype"] = content_type
    members = [f"{json.dumps(name)}:{json.dumps(value)}" for name, value in attributes.items()]
    if body:
        members.append(_data(content_type, body, bounds))
    return "{" + ",".join(members) + "}"


def _data(content_type: str, body: bytes, bounds: Bounds) -> str:
    """Return the member that holds *body*; without a type it is JSON if it reads as such."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return _packed(body)
    if content_type and not is_json(content_type):
        return f'"data":{json.dumps(text)}' if content_type.startswith("text/") else _packed(body)
    _, faults = read(text, bounds)
    broken = next((fault.message for fault in faults if fault.code == "malformed_json"), None)
    if broken is None:  # one value and no more, so it cannot bring attributes of its own
        return f'"data":{text}'
    if content_type:
        raise Problem("malformed_json", broken)
    return f'"data":{json.dumps(text)}'


def _packed(body: bytes) -> str:
    return f'"{_PACKED}":"{base64.b64encode(body).decode()}"'


def decoded_header(name: str, raw: bytes) -> str:
    """Return the value of an attribute: unquoted, and percent-decoded once.

    HTTP protocol binding 1.0.2, §3.1.3.2.

    Raises:
        Problem: `validation_failed`; what comes out is not UTF-8.
    """
    value = raw.strip(b" \t")
    if len(value) > 1 and value[:1] == value[-1:] == b'"':
        value = re.sub(rb"\\(.)", rb"\1", value[1:-1])
    octets = _percent.sub(lambda found: bytes([int(found[1], 16)]), value)
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise _bad_header(name, f"it is not UTF-8 when percent-decoded: {value[:60]!a}") from None


def _bad_header(name: str, why: str) -> Problem:
    place = Place(f"/{name}", "bad_header", f"header {name}: {why}")
    return Problem("validation_failed", place.message, errors=[place])
