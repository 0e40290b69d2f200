"""Equality, and reading lists and maps, for values whose types only show at run time."""

from typing import Final

from domain.cel.errors import CelError
from domain.cel.numbers import widened
from domain.cel.values import (
    FALSE_KEY,
    TRUE_KEY,
    Uint,
    kind_name,
    no_overload,
)

DEPTH_MAX: Final = 64
"""How deep equality looks into lists and maps."""


def equal(left: object, right: object) -> bool:
    """Return whether two values are equal; values of different kinds never are, numbers may be."""
    return _equal(left, right, DEPTH_MAX)


def not_equal(left: object, right: object) -> bool:
    """Return whether two values differ."""
    return not _equal(left, right, DEPTH_MAX)


def _equal(left: object, right: object, depth: int) -> bool:
    if depth == 0:
        raise CelError(f"values nested more than {DEPTH_MAX} deep are not compared")
    match widened(left), widened(right):
        case list() as ours, list() as theirs:
            return len(ours) == len(theirs) and all(
                _equal(one, other, depth - 1) for one, other in zip(ours, theirs, strict=True)
            )
        case dict() as ours, dict() as theirs:
            return len(ours) == len(theirs) and all(
                key in theirs and _equal(value, theirs[key], depth - 1)
                for key, value in ours.items()
            )
        case (bool(), one) | (one, bool()):
            return left is right and one.__class__ is bool
        case (int() | float() as one, float() as other) | (float() as one, int() as other):
            return float(one) == float(other)
    return bool(left == right)


def contains(element: object, container: object) -> bool:
    """Return whether *element* is an item of a list or a key of a map."""
    match container:
        case list():
            return any(equal(element, item) for item in container)
        case dict():
            key = _key(element)
            return key is not None and key in container
    raise no_overload("in", element, container)


def index(container: object, key: object) -> object:
    """Return the item of a list, or the value of a map, at *key*."""
    match container:
        case list():
            return _item(container, key)
        case dict():
            found = _key(key)
            if found is None or found not in container:
                raise CelError(f"no such key: {_shown(key)}")
            return container[found]
    raise no_overload("[]", container, key)


def _item(items: list[object], key: object) -> object:
    match key:
        case bool():
            raise no_overload("[]", items, key)
        case Uint(value=position):
            pass
        case int() as position:
            pass
        case float() if key.is_integer():
            position = int(key)
        case _:
            raise CelError(f"a list has no item {_shown(key)}")
    if not 0 <= position < len(items):
        raise CelError(f"a list of {len(items)} has no item {position}: the first is item 0")
    return items[position]


def select(container: object, field: str) -> object:
    """Return the value of a map at the key *field*."""
    if container.__class__ is not dict:
        raise CelError(f"a {kind_name(container)} has no member {field!r}")
    if field not in container:
        raise CelError(f"no such key: {field!r}")
    return container[field]


def has(container: object, field: str) -> bool:
    """Return whether a map has the key *field*."""
    if container.__class__ is not dict:
        raise CelError(f"a {kind_name(container)} has no members")
    return field in container


def size(value: object) -> int:
    """Return the number of characters, bytes, items or entries."""
    match value:
        case str() | bytes() | list() | dict():
            return len(value)
    raise no_overload("size", value)


def new_map(*flat: object) -> dict[object, object]:
    """Return the map of *flat* keys and values in turn.

    Keys are strings, integers or bools, and none stands twice.
    """
    made: dict[object, object] = {}
    for key, value in zip(flat[::2], flat[1::2], strict=True):
        found = None if key.__class__ is float else _key(key)
        if found is None:
            raise CelError(f"a {kind_name(key)} is no key of a map")
        if found in made:
            raise CelError(f"the key {_shown(key)} stands twice in a map")
        made[found] = value
    return made


def _key(value: object) -> object:
    """Return *value* as dicts here know it, or None where it cannot be a key."""
    match value:
        case bool():
            return TRUE_KEY if value else FALSE_KEY
        case str() | int() | float() | Uint():
            return value
    return None


def _shown(value: object) -> str:
    match value:
        case Uint(value=number):
            return f"{number}u"
        case str() | int() | float():
            return repr(value)
    return f"of type {kind_name(value)}"
