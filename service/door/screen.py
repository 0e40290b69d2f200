"""The screen behind the door: what is asked of an event beside being well formed.

Every way in passes it, whatever format an event came in: may this key send this type, and do the
properties fit the schema that the event catalogue has for it?
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from domain.machine.upcasting import schema_version
from projections.events.payloads import decoder
from service.door.events import Origin, Refused
from service.door.faults import Fault, shown
from service.ports import NewEvent


class SchemaOf(Protocol):
    """What the catalogue says of an event type."""

    def mode(self, version: int) -> str:
        """Return `strict`, `warn` or `off`."""
        ...

    def violations(
        self, version: int, properties: Mapping[str, object]
    ) -> Iterable[tuple[str, str]]:
        """Yield pointer, from the properties on, and message of what does not fit."""
        ...


@dataclass(frozen=True, slots=True)
class Screened:
    """What became of an event at the screen.

    Attributes:
        refused: Why it does not enter; None where it does.
        warning: What does not fit a schema that only warns.
    """

    refused: Refused | None = None
    warning: str | None = None


UNFIT = "does not fit its schema"
_FINE = Screened()


def screen(event: NewEvent, origin: Origin, catalogue: Mapping[str, SchemaOf]) -> Screened:
    """Return what becomes of *event*, which is well formed."""
    if origin.event_types and not _matching(origin.event_types)(event.type):
        allowed = ", ".join(origin.event_types)[:200]
        message = f"type {shown(event.type)}: this API key may send {allowed}"
        fault = Fault("/type", "type_not_allowed", message)
        return Screened(Refused(event.event_id, (fault,)))
    schema = catalogue.get(event.type)
    return _FINE if schema is None else _by_schema(event, schema)


def _by_schema(event: NewEvent, schema: SchemaOf) -> Screened:
    version = schema_version(event.payload)
    mode = schema.mode(version)
    if mode == "off":
        return _FINE
    properties = decoder(event.api_format)(event.payload)
    found = list(schema.violations(version, properties))
    if not found:
        return _FINE
    if mode == "warn":
        pointer, message = found[0]
        return Screened(warning=f"{UNFIT}: /properties{pointer}: {message}")
    faults = [
        Fault(f"/properties{pointer}", "schema_violation", message) for pointer, message in found
    ]
    return Screened(Refused(event.event_id, tuple(faults)))


@lru_cache(maxsize=1_024)
def _matching(patterns: tuple[str, ...]) -> Callable[[str], re.Match[str] | None]:
    """Return what tells whether a type is one of *patterns*, in which `*` is any text."""
    parts = (".*".join(map(re.escape, pattern.split("*"))) for pattern in patterns)
    return re.compile("|".join(parts), re.DOTALL).fullmatch
