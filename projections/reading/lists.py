"""Lists of customers: who is in, in which order, and where the next part begins.

A store filters and sorts what is written; what has fallen due since is advanced here, judged by
the same conditions and merged in, so that a list is right when the sweeper is down.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from projections.asking import Ref
from projections.reading.answers import CustomerQuery


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of a list: the subject, and what it is sorted by."""

    ref: Ref
    name: str
    kind: str
    value: int | str

    def key(self) -> tuple[int | str, ...]:
        """Where the line stands: the value it is sorted by, then what breaks ties."""
        return sort_key(self.value, self.name, self.kind)


def sort_key(value: int | str, name: str, kind: str) -> tuple[int | str, ...]:
    """Return the key by which lines are sorted."""
    return (value, name, kind)


def merged(
    stored: Iterable[Listed], advanced: Iterable[Listed], query: CustomerQuery
) -> list[Listed]:
    """Return both parts in the order of *query*, behind its `after`, one more than its limit."""
    lines = [*stored, *advanced]
    if query.after is not None:
        after = query.after
        lines = [line for line in lines if (line.key() < after) is query.descending]
        lines = [line for line in lines if line.key() != after]
    lines.sort(key=Listed.key, reverse=query.descending)
    return lines[: query.limit + 1]


def trait_matches(traits: dict[str, object], wanted: Sequence[tuple[str, str]]) -> bool:
    """Tell whether every wanted trait has the text that was asked for."""
    return all(name in traits and trait_text(traits[name]) == text for name, text in wanted)


def trait_text(value: object) -> str:
    """Return a trait as it is written in a filter: text bare, anything else as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
