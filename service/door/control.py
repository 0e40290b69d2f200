"""The types that begin with `$`: facts about facts, which the engine itself acts on.

Each acts on something that its properties name, so each has fields that must be there. What they
do: `docs/store.md` (`$alias`, `$unalias`, `$void`) and `docs/api.md` (`$identify`, `$stage.set`).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from domain.events import ACCOUNT_TRAITS, ALIAS, IDENTIFY, STAGE_SET, UNALIAS, VOID
from service.door import fields
from service.door.bounds import Bounds
from service.door.faults import Fault, shown

CONTROL_TYPES = (IDENTIFY, STAGE_SET, VOID, ALIAS, UNALIAS)
ALIAS_FIELDS = ("anonymous_id", "customer_id", "previous_id", "alias")

_PROPERTIES = "/properties"


def check_control(
    event_type: str,
    item: Mapping[str, object],
    properties: Mapping[str, object] | None,
    bounds: Bounds,
    faults: list[Fault],
) -> None:
    """Add to *faults* what an event of one of our own types lacks."""
    match event_type:
        case "$identify":
            traits = fields.mapping(item.get("traits"), "traits", faults)
            account = fields.mapping(item.get(ACCOUNT_TRAITS), ACCOUNT_TRAITS, faults)
            if properties is None and traits is None and account is None and not faults:
                message = f"{IDENTIFY} needs an object of traits, in `traits` or `properties`"
                faults.append(Fault("/traits", "missing_property", message))
        case "$stage.set":
            _need_names(event_type, properties, ("model", "stage"), bounds, faults)
        case "$void":
            _need_names(event_type, properties, ("event_id",), bounds, faults)
        case "$alias" | "$unalias":
            _need_other_name(event_type, properties, bounds, faults)
        case _:
            faults.append(_unknown(event_type))


def _need_names(
    event_type: str,
    properties: Mapping[str, object] | None,
    needed: tuple[str, ...],
    bounds: Bounds,
    faults: list[Fault],
) -> None:
    for field in needed:
        found = _name_within(properties or {}, field, bounds, faults)
        if found is None and not any(fault.pointer == f"{_PROPERTIES}/{field}" for fault in faults):
            message = f"{event_type} needs properties.{field}"
            faults.append(Fault(f"{_PROPERTIES}/{field}", "missing_property", message))


def _need_other_name(
    event_type: str,
    properties: Mapping[str, object] | None,
    bounds: Bounds,
    faults: list[Fault],
) -> None:
    before = len(faults)
    found = [
        field
        for field in ALIAS_FIELDS
        if _name_within(properties or {}, field, bounds, faults) is not None
    ]
    if len(found) != 1 and len(faults) == before:
        message = (
            f"{event_type} needs exactly one of properties.{', properties.'.join(ALIAS_FIELDS)},"
            f" found {shown(found)}"
        )
        faults.append(Fault(_PROPERTIES, "missing_property", message))


def _name_within(
    properties: Mapping[str, object], field: str, bounds: Bounds, faults: list[Fault]
) -> str | None:
    inner: list[Fault] = []
    found = fields.name(properties.get(field), field, bounds, inner)
    faults += [Fault(_PROPERTIES + fault.pointer, fault.code, fault.message) for fault in inner]
    return found


def _unknown(event_type: str) -> Fault:
    near = difflib.get_close_matches(event_type, CONTROL_TYPES, n=1)
    cure = f"; did you mean {near[0]}?" if near else "; leave the $ out"
    message = (
        f"type {shown(event_type)}: types that begin with $ are ours:"
        f" {', '.join(CONTROL_TYPES)}{cure}"
    )
    return Fault("/type", "unknown_control_type", message)
