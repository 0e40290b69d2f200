"""A request body cut into the texts of its events, each exactly as it was sent.

A body is one object, an array, `{"events": […]}` or lines (NDJSON). The plain parser cuts what it
can read; a body that it refuses (half a surrogate pair in one event) is cut by a lenient reader,
so that one bad event does not take the others with it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from service.door.bounds import Bounds
from service.door.strict import BLANKS, elements, members, read
from service.errors import Problem

Shape = Literal["object", "array", "envelope", "lines"]

_BOM = b"\xef\xbb\xbf"
_EVENTS = "events"
_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@dataclass(frozen=True, slots=True)
class Items:
    """The events of a body.

    Attributes:
        shape: How they came, which decides how they are answered.
        texts: One JSON text each.
        prefix: What stands before an event's index in a pointer into the body.
    """

    shape: Shape
    texts: Sequence[str]
    prefix: str = ""

    def pointer(self, index: int) -> str:
        """Return the pointer to event *index* of the body."""
        return "" if self.shape == "object" else f"{self.prefix}/{index}"


def cut(body: bytes, bounds: Bounds) -> Items:
    """Return the events of a JSON *body*.

    Raises:
        Problem: `malformed_utf8` or `malformed_json`; no event can be told from the others.
    """
    text = decoded(body).strip(BLANKS)
    if text[:1] == "[":
        return Items("array", elements_of(text))
    if text[:1] == "{":
        return _cut_object(text, bounds)
    if not text:
        raise Problem("malformed_json", "the body is empty; send an event, or an array of events")
    raise Problem("malformed_json", f"expected an object or an array, found {text[:20]!a}")


def decoded(body: bytes) -> str:
    """Return *body* as text.

    Raises:
        Problem: `malformed_utf8`, or `malformed_json` for a byte order mark.
    """
    if body.startswith(_BOM):
        raise Problem("malformed_json", "the body begins with a byte order mark; leave it out")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        message = f"the body is not UTF-8: byte {error.start} is {body[error.start]:#04x}"
        raise Problem("malformed_utf8", message) from None


def _cut_object(text: str, bounds: Bounds) -> Items:
    """Return the events of an object: itself, unless it is an envelope around an array."""
    try:
        found = _object(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _cut_object_leniently(text)
    inner = found.get(_EVENTS)
    if inner is None or "type" in found:
        return Items("object", (text,))
    array = bytes(inner).decode()
    if array[:1] != "[":
        raise Problem("malformed_json", "events: expected an array")
    rest = text.replace(array, "[]", 1)
    _, faults = read(rest, bounds)
    if faults:
        raise Problem("malformed_json", f"{faults[0].pointer}: {faults[0].message}")
    return Items("envelope", elements_of(array), f"/{_EVENTS}")


def _cut_object_leniently(text: str) -> Items:
    try:
        found = list(members(text))
    except json.JSONDecodeError as error:
        raise malformed(error) from None
    except RecursionError:
        return Items("object", (text,))
    arrays = [value for key, value in found if key == _EVENTS]
    if not arrays or any(key == "type" for key, _ in found):
        return Items("object", (text,))
    if len(arrays) > 1 or arrays[0][:1] != "[":
        raise Problem("malformed_json", "events: expected one array")
    return Items("envelope", elements_of(arrays[0]), f"/{_EVENTS}")


def elements_of(text: str) -> list[str]:
    """Return the text of each element of the array that *text* is.

    Raises:
        Problem: `malformed_json`.
    """
    try:
        return [bytes(raw).decode() for raw in _array(text)]
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        pass
    try:
        return list(elements(text))
    except json.JSONDecodeError as error:
        raise malformed(error) from None
    except RecursionError:
        raise Problem("malformed_json", "values are nested too deeply to be read") from None


def malformed(error: json.JSONDecodeError) -> Problem:
    """Return the problem of a body in which a reader has lost its way."""
    message = f"{error.msg}: line {error.lineno}, column {error.colno}"
    return Problem("malformed_json", message)
