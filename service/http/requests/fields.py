"""Header fields of a request, looked up as often as need be for the price of one look at all."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import Scope


def fields_of(scope: Scope) -> Mapping[bytes, bytes]:
    """Return the header fields by name in lower case; of those given twice the first."""
    state = scope["state"]
    known: dict[bytes, bytes] | None = state.get("fields")
    if known is None:
        known = state["fields"] = dict(reversed(scope["headers"]))
    return known


def header_in(scope: Scope, name: bytes) -> str | None:
    """Return the first header field of that *name*, which is in lower case; None without one."""
    found = fields_of(scope).get(name)
    return None if found is None else str(found, "latin-1")


def media_type_of(scope: Scope) -> str:
    """Return what the request says that its body is, without parameters; empty if it does not."""
    return (header_in(scope, b"content-type") or "").partition(";")[0].strip().lower()
