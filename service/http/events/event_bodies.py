"""What the body of `POST /v1/events` is, told by its header fields, and its events.

Order by the CloudEvents HTTP binding, §3: a batch, a structured event, a binary one; then ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from starlette.requests import Request

from service.door.bodies import Items, cut
from service.door.bounds import Bounds
from service.door.cloudevents import composed
from service.errors import Problem
from service.http.layers.edge import LINES_TYPES
from service.http.requests.fields import fields_of, media_type_of

ACCEPT_POST = (
    "application/json, application/x-ndjson, application/jsonl,"
    " application/cloudevents+json, application/cloudevents-batch+json"
)
JSON = "application/json"

Kind = Literal["json", "lines", "structured", "batch", "binary"]

_BATCH, _STRUCTURED = "application/cloudevents-batch", "application/cloudevents"
_VERSION_HEADER = "ce-specversion"
_VERSION_FIELD = _VERSION_HEADER.encode()


class UnsupportedMediaType(Problem):
    """A Content-Type that we do not read; the answer says which we do."""

    headers: ClassVar[Mapping[str, str]] = {"Accept-Post": ACCEPT_POST}

    def __init__(self, found: str) -> None:
        message = (
            f"Content-Type: expected one of {ACCEPT_POST}, or any with {_VERSION_HEADER},"
            f" found {found[:60]!a}"
        )
        super().__init__("unsupported_media_type", message)


def kind_of(request: Request) -> Kind:
    """Return what kind of body *request* says that it has.

    Raises:
        UnsupportedMediaType: None that we read.
    """
    said = media_type_of(request.scope)
    if said == JSON and _VERSION_FIELD not in fields_of(request.scope):
        return "json"
    for prefix, kind in ((_BATCH, "batch"), (_STRUCTURED, "structured")):
        if said.startswith(prefix):
            if said.removeprefix(prefix) in {"", "+json"}:
                return "batch" if kind == "batch" else "structured"
            raise UnsupportedMediaType(said)
    if _VERSION_FIELD in fields_of(request.scope):
        return "binary"
    if said in LINES_TYPES:
        return "lines"
    if said not in {"", JSON}:
        raise UnsupportedMediaType(said)
    return "json"


def items_of(kind: Kind, request: Request, body: bytes, bounds: Bounds) -> Items:
    """Return the events of *body*, which is of *kind*.

    Raises:
        Problem: No event can be told from the others.
    """
    if kind == "binary":
        return Items("object", (composed(request.headers.raw, body, bounds),))
    items = cut(body, bounds)
    if kind == "structured" and items.shape != "object":
        message = f"expected one event, an object; for an array send {_BATCH}+json"
        raise Problem("malformed_json", message)
    if kind == "batch" and items.shape != "array":
        raise Problem("malformed_json", "expected a batch, an array of events")
    return items
