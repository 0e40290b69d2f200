"""The bounded macros: what `all`, `exists`, `exists_one`, `filter` and `map` do at run time."""

from collections.abc import Callable, Sequence
from typing import Final

from domain.cel.errors import CelError
from domain.cel.logic import boolean, refuse
from domain.cel.values import BoolKey, kind_name

MACRO_ITEMS_MAX: Final = 1000
"""How many items a macro looks at; two nested ones make at most a million steps."""


def items_of(container: object) -> Sequence[object]:
    """Return what a macro runs over: the items of a list, the keys of a map."""
    match container:
        case list():
            found: list[object] = container
        case dict():
            found = [key.value if isinstance(key, BoolKey) else key for key in container]
        case _:
            raise CelError(f"a macro runs over a list or a map, not {kind_name(container)}")
    if len(found) > MACRO_ITEMS_MAX:
        raise CelError(f"a macro runs over at most {MACRO_ITEMS_MAX} items, found {len(found)}")
    return found


Body = Callable[[object], object]


def every(container: object, holds: Body) -> bool:
    """Return whether *holds* for all items; one plain false outweighs errors."""
    doubtful = []
    for item in items_of(container):
        verdict = holds(item)
        if verdict is False:
            return False
        if verdict is not True:
            doubtful.append(verdict)
    return not doubtful or refuse(*doubtful)


def some(container: object, holds: Body) -> bool:
    """Return whether *holds* for any item; one plain true outweighs errors."""
    doubtful = []
    for item in items_of(container):
        verdict = holds(item)
        if verdict is True:
            return True
        if verdict is not False:
            doubtful.append(verdict)
    return bool(doubtful) and refuse(*doubtful)


def exactly_one(container: object, holds: Body) -> bool:
    """Return whether *holds* for one item alone; an error for any item is one."""
    return sum(boolean(holds(item)) for item in items_of(container)) == 1


def kept(container: object, holds: Body) -> list[object]:
    """Return the items for which *holds*."""
    return [item for item in items_of(container) if boolean(holds(item))]


def mapped(container: object, result: Body) -> list[object]:
    """Return the *result* for each item."""
    return [result(item) for item in items_of(container)]


def mapped_where(container: object, holds: Body, result: Body) -> list[object]:
    """Return the *result* for each item for which *holds*."""
    return [result(item) for item in items_of(container) if boolean(holds(item))]
