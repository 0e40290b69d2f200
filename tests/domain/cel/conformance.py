"""The official conformance cases of CEL, and how their values look here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from domain.cel.compiler import evaluate
from domain.cel.containers import new_map
from domain.cel.errors import ConditionError
from domain.cel.parser import parse
from domain.cel.types import DYN, Binding, StructType
from domain.cel.values import TypeValue, Uint

CASES = Path(__file__).parent / "cel_conformance.json"


@dataclass(frozen=True, slots=True)
class Case:
    """One expression and what it must come to; *error* stands for any error."""

    key: str
    source: str
    bindings: Mapping[str, Any]
    value: object
    error: bool


@cache
def cases() -> tuple[Case, ...]:
    """Return all cases in the order of the file."""
    listed = json.loads(CASES.read_text(encoding="utf-8"))["cases"]
    return tuple(
        Case(
            key=f"{case['file']}/{case['section']}/{case['name']}",
            source=case["expr"],
            bindings={name: value(found) for name, found in case.get("bindings", {}).items()},
            value=value(case["value"]) if "value" in case else None,
            error="error" in case,
        )
        for case in listed
    )


def value(written: Mapping[str, Any]) -> object:
    """Return the value that the file writes as, say, `{"uint": "7"}`."""
    ((kind, found),) = written.items()
    match kind:
        case "int":
            return int(found)
        case "uint":
            return Uint(int(found))
        case "double":
            return float(found)
        case "bytes":
            return bytes.fromhex(found)
        case "type":
            return TypeValue(found)
        case "list":
            return [value(item) for item in found]
        case "map":
            return new_map(*(value(part) for entry in found for part in entry))
    return found


def passes(case: Case) -> bool:
    """Return whether the expression comes to what it must; all of them can be read."""
    expression = parse(case.source)
    try:
        found = evaluate(expression, environment(case.bindings), nested(case.bindings))
    except ConditionError:
        return case.error
    return not case.error and same(found, case.value)


def environment(bindings: Mapping[str, Any]) -> dict[str, Binding]:
    """Return bindings for names, dotted ones as members of records."""
    roots: dict[str, Binding] = {}
    for name in bindings:
        root, _, rest = name.partition(".")
        kind = StructType(environment({rest: None})) if rest else DYN
        roots[root] = Binding("unused", kind)
    return roots


def nested(bindings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values for `environment`, dotted names as mappings in mappings."""
    values: dict[str, Any] = {}
    for name, found in bindings.items():
        root, _, rest = name.partition(".")
        values[root] = nested({rest: found}) if rest else found
    return values


def same(one: object, other: object) -> bool:
    """Return whether two values agree in kind and value; -0.0 is not 0.0 here, and NaN is NaN."""
    if one.__class__ is not other.__class__:
        return False
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return repr(one) == repr(other)
