"""The event catalogue: schemas kept, compiled, and asked about every event that has one.

A schema comes from outside, so it is bounded before it is compiled: its size, no reference out of
it, none that leads round in circles, and not too much of it once all are followed. Patterns are
matched in linear time. So judging an event takes a bounded time whatever the schema says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import jsonschema_rs

from domain.instants import SECOND
from projections.registers.event_schemas import (
    EVENT_SCHEMAS,
    EventSchema,
    put_schema,
    remove_schemas,
)
from projections.registers.register import entries
from service import notes
from service.door.screen import SchemaOf
from service.errors import Place, Problem
from service.ports import Clock, Store

SCHEMA_BYTES_MAX = 64 << 10
EXPANDED_MAX = 10_000
"""Most schemas there are once every reference is followed."""

VERSION_MAX = 32_767
FAULTS_TOLD_MAX = 10

_REMEMBERED = 30 * SECOND
_TENANTS_MAX = 1_000
_REFERENCE = "$ref"
_ELSEWHERE = ("$dynamicRef", "$recursiveRef", "$id", "$anchor", "$dynamicAnchor")
_OWN = "#/$defs/"
_MESSAGE_MAX = 300
_PATTERN_BYTES_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class _Known:
    until: int
    rules: Mapping[str, SchemaOf]


class EventSchemas:
    """The catalogue of every tenant."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, _Known] = {}

    async def rules(self, tenant: str) -> Mapping[str, SchemaOf]:
        """Return what events are held to, by type; at most 30 s old where another process wrote."""
        known = self._known.get(tenant)
        if known is None or known.until <= self._clock.now():
            known = await self._read(tenant)
        return known.rules

    async def _read(self, tenant: str) -> _Known:
        by_type: dict[str, dict[int, EventSchema]] = {}
        for each in await self._store.look(entries(EVENT_SCHEMAS, tenant), of=tenant):
            by_type.setdefault(each.type, {})[each.version] = each
        rules = {name: _Rule(versions) for name, versions in by_type.items()}
        if len(self._known) >= _TENANTS_MAX:
            del self._known[next(iter(self._known))]
        known = self._known[tenant] = _Known(self._clock.now() + _REMEMBERED, rules)
        return known

    async def put(self, schema: EventSchema) -> bool:
        """Keep *schema* in place of the one of that version; return whether there was none.

        Raises:
            Problem: `validation_failed`: it is no JSON Schema, or not one that may be kept.
        """
        if schema.type.startswith("$"):
            message = "types that begin with $ are ours; the door knows them"
            raise Problem("validation_failed", message)
        check_schema(schema.schema)
        notes.tell(before=await self.find(schema.tenant, schema.type, schema.version))
        notes.tell(after=schema)
        is_new = await self._store.keep(put_schema(schema))
        self._known.pop(schema.tenant, None)
        return is_new

    async def find(self, tenant: str, event_type: str, version: int) -> EventSchema | None:
        """Return the schema of that version, if there is one."""
        found = await self._store.look(
            entries(EVENT_SCHEMAS, tenant, event_type, version), of=tenant
        )
        return found[0] if found else None

    async def all(self, tenant: str, event_type: str | None = None) -> list[EventSchema]:
        """Return the schemas by type and version, or those of one type."""
        key = (tenant,) if event_type is None else (tenant, event_type)
        return await self._store.look(entries(EVENT_SCHEMAS, *key), of=tenant)

    async def remove(
        self, tenant: str, event_type: str, version: int | None = None
    ) -> list[EventSchema]:
        """Return what was removed: that version, or all of the type.

        Raises:
            Problem: `event_schema_not_found`.
        """
        known = await self.all(tenant, event_type)
        if not [each for each in known if version in (None, each.version)]:
            raise not_found(event_type, version)
        notes.tell(before=known)
        removed = await self._store.keep(remove_schemas(tenant, event_type, version))
        self._known.pop(tenant, None)
        return removed


class _Rule:
    """What events of one type are held to."""

    def __init__(self, versions: Mapping[int, EventSchema]) -> None:
        self._versions = versions

    def mode(self, version: int) -> str:
        """Return the mode of *version*; of one that is not in the catalogue that of the newest."""
        return self._versions.get(version, self._versions[max(self._versions)]).mode

    def violations(
        self, version: int, properties: Mapping[str, object]
    ) -> Iterator[tuple[str, str]]:
        """Yield pointer and message of what does not fit, the pointer from the properties on."""
        schema = self._versions.get(version)
        if schema is None:
            known = ", ".join(map(str, sorted(self._versions)))
            yield "", f"schema_version: expected one of the catalogue, {known}; found {version}"
            return
        errors = _compiled(schema.schema).iter_errors(dict(properties))
        for error, _ in zip(errors, range(FAULTS_TOLD_MAX), strict=False):
            pointer = "".join(f"/{_escaped(str(step))}" for step in error.instance_path)
            yield pointer, error.message[:_MESSAGE_MAX]


def _escaped(token: str) -> str:
    return token.replace("~", "~0").replace("/", "~1")


@lru_cache(maxsize=1_024)
def _compiled(text: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        json.loads(text),
        offline=True,
        validate_formats=True,
        pattern_options=jsonschema_rs.RegexOptions(
            size_limit=_PATTERN_BYTES_MAX, dfa_size_limit=_PATTERN_BYTES_MAX
        ),
    )


def check_schema(text: str) -> None:
    """Accept the JSON Schema *text*, or say why it may not be kept.

    Raises:
        Problem: `validation_failed`, with the places.
    """
    if len(text.encode()) > SCHEMA_BYTES_MAX:
        raise _unfit("", f"expected at most {SCHEMA_BYTES_MAX} bytes, found {len(text.encode())}")
    schema = json.loads(text)
    _Expansion(schema).count(schema, ())
    try:
        _compiled(text)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        message = str(getattr(error, "message", error))[:_MESSAGE_MAX]
        steps = getattr(error, "instance_path", ())
        raise _unfit("".join(f"/{step}" for step in steps), message) from None


class _Expansion:
    """Follows every reference of a schema, and counts."""

    def __init__(self, schema: object) -> None:
        found = schema.get("$defs", {}) if isinstance(schema, dict) else {}
        self._definitions = found if isinstance(found, dict) else {}
        self._total = 0

    def count(self, part: object, within: tuple[str, ...]) -> None:
        """Add *part* and what it refers to; *within* are the definitions it stands in."""
        self._total += 1
        if self._total > EXPANDED_MAX:
            message = f"expected at most {EXPANDED_MAX} parts once every $ref is followed"
            raise _unfit("", message)
        if isinstance(part, list):
            for each in part:
                self.count(each, within)
        elif isinstance(part, dict):
            self._count_members(part, within)

    def _count_members(self, part: Mapping[str, object], within: tuple[str, ...]) -> None:
        elsewhere = next((name for name in _ELSEWHERE if name in part), None)
        if elsewhere is not None:
            raise _unfit(f"/{elsewhere}", f"{elsewhere} is not taken; use $ref with {_OWN}…")
        for name, each in part.items():
            if name == _REFERENCE and isinstance(each, str):
                self._follow(each, within)
            elif name != "$defs":
                self.count(each, within)

    def _follow(self, reference: str, within: tuple[str, ...]) -> None:
        name = reference.removeprefix(_OWN)
        if name == reference or name not in self._definitions:
            message = f"$ref: expected {_OWN} and a name defined there, found {reference[:80]!a}"
            raise _unfit("/$ref", message)
        if name in within:
            raise _unfit("/$ref", f"$ref: {reference[:80]!a} leads back to itself")
        self.count(self._definitions[name], (*within, name))


def _unfit(pointer: str, message: str) -> Problem:
    place = Place(f"/schema{pointer}", "schema_unfit", message)
    return Problem("validation_failed", f"schema: {message}", errors=[place])


def not_found(event_type: str, version: int | None) -> Problem:
    """Return the problem of a schema that is not in the catalogue."""
    which = "" if version is None else f" version {version}"
    message = f"there is no schema of {event_type[:120]!a}{which}"
    return Problem("event_schema_not_found", message)
