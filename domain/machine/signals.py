"""How each kind of signal is kept, read and renewed, as Python source over the state's slots.

A windowed signal keeps the instants at which its elements leave the window, in order. Its value at
any instant is then a binary search, and reading never changes the state, so looking at a subject
at odd hours cannot alter what later events make of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.cel.types import DOUBLE, DYN, INT, TIMESTAMP, Binding, nullable
from domain.machine.state import Field

if TYPE_CHECKING:
    from domain.model import Signal

WINDOW_ELEMENTS_MAX = 10_000
"""Elements a window or a set of distinct values keeps; beyond it the signal is coarse."""

_WITH_VALUES = ("sum", "avg", "min", "max", "first")


@dataclass(frozen=True, slots=True)
class Slot:
    """A signal with its place: `s.c3`, `s.w3`, … for the signal at index 3."""

    index: int
    signal: Signal

    @property
    def is_windowed(self) -> bool:
        """Whether time alone can change the value."""
        return self.signal.within is not None

    @property
    def is_set(self) -> bool:
        """Whether it tells values apart."""
        return self.signal.kind == "distinct" or self.signal.by_customer

    @property
    def is_newest_only(self) -> bool:
        """Whether only the newest element matters."""
        return self.signal.kind in ("last", "latest")

    @property
    def never_falls_by_event(self) -> bool:
        """Whether it is a count: more events make it larger, only time makes it smaller."""
        return self.signal.kind in ("count", "distinct")


def fields(slot: Slot) -> tuple[Field, ...]:
    """Return the slots that the signal keeps in the state."""
    index, kind = slot.index, slot.signal.kind
    if slot.is_set:
        return (Field(f"k{index}", "dict"),)
    if slot.is_newest_only:
        newest = (Field(f"v{index}", "value"),)
        return (*newest, Field(f"x{index}", "value", 0)) if slot.is_windowed else newest
    if slot.is_windowed:
        window = (Field(f"w{index}", "list"),)
        return (*window, Field(f"v{index}", "list")) if kind in _WITH_VALUES else window
    return {
        "count": (Field(f"c{index}", "value", 0),),
        "sum": (Field(f"v{index}", "value", 0.0),),
        "avg": (Field(f"v{index}", "value", 0.0), Field(f"c{index}", "value", 0)),
    }.get(kind, (Field(f"v{index}", "value"),))


def binding(slot: Slot) -> Binding:
    """Return how a condition reads the signal at the instant `now`."""
    kind = slot.signal.kind
    types = {"count": INT, "distinct": INT, "sum": DOUBLE, "latest": DYN}
    instants = nullable(TIMESTAMP) if slot.signal.is_instant else nullable(DOUBLE)
    return Binding(_reading(slot), types.get(kind, instants))


def _reading(slot: Slot) -> str:
    i, kind = slot.index, slot.signal.kind
    if slot.is_set:
        return f"_live(s.k{i}, now)" if slot.is_windowed else f"len(s.k{i})"
    if slot.is_newest_only:
        return f"(s.v{i} if s.x{i} > now else None)" if slot.is_windowed else f"s.v{i}"
    if slot.is_windowed and kind == "count":
        return f"(len(s.w{i}) - _bisect(s.w{i}, now))"
    if slot.is_windowed:
        return f"_window_{kind}(s.w{i}, s.v{i}, now)"
    if kind == "avg":
        return f"(s.v{i} / s.c{i} if s.c{i} else None)"
    return f"s.c{i}" if kind == "count" else f"s.v{i}"


def next_change(slot: Slot) -> str:
    """Return source of the next instant after `now` at which time alone changes the signal."""
    if slot.is_set:
        return f"_next_live(s.k{slot.index}, now)"
    if slot.is_newest_only:
        return f"(s.x{slot.index} if s.x{slot.index} > now else NEVER)"
    return f"_next(s.w{slot.index}, now)"


def renewal(slot: Slot) -> list[str]:
    """Return statements that empty the signal, for a new stage or cycle."""
    return [f"s.{field.name} = {field.source}" for field in fields(slot)]


def taking_in(slot: Slot, value: str | None) -> list[str]:
    """Return statements that take one event in; `x` is free for them, *value* may raise."""
    i, kind = slot.index, slot.signal.kind
    lines = [] if value is None else [f"x = {value}"]
    if slot.is_set:
        return lines + _taking_into_set(slot)
    if slot.is_newest_only:
        newest = [f"s.v{i} = {'now' if kind == 'last' else 'x'}"]
        leaving = [f"s.x{i} = max(s.x{i}, {_leaving(slot)})"] if slot.is_windowed else []
        return lines + newest + leaving
    if slot.is_windowed:
        return lines + _taking_into_window(slot)
    return (
        lines
        + {
            "count": [f"s.c{i} += 1"],
            "sum": [f"s.v{i} += x"],
            "avg": [f"s.v{i} += x", f"s.c{i} += 1"],
            "min": [f"if s.v{i} is None or x < s.v{i}: s.v{i} = x"],
            "max": [f"if s.v{i} is None or x > s.v{i}: s.v{i} = x"],
            "first": [f"if s.v{i} is None: s.v{i} = now"],
        }[kind]
    )


def _leaving(slot: Slot) -> str:
    within = slot.signal.within
    if within is None or within.is_fixed:
        return f"now + {within.microseconds if within else 0}"
    return f"_add(now, _within{slot.index}, _zone)"


def _taking_into_set(slot: Slot) -> list[str]:
    leaving = _leaving(slot) if slot.is_windowed else "0"
    return [f"if _take_apart(s.k{slot.index}, x, {leaving}, now): s.coarse |= {1 << slot.index}"]


def _taking_into_window(slot: Slot) -> list[str]:
    i, bit = slot.index, 1 << slot.index
    if slot.signal.kind in _WITH_VALUES:
        kept = "now" if slot.signal.kind == "first" else "x"
        arguments = f"s.w{i}, s.v{i}, {_leaving(slot)}, {kept}, now"
        return [f"if _take_in({arguments}): s.coarse |= {bit}"]
    lines = [f"w = s.w{i}", f"x = {_leaving(slot)}"]
    if slot.signal.within is not None and not slot.signal.within.is_fixed:
        lines.append("if w and w[-1] > x: x = w[-1]")
    return [
        *lines,
        "w.append(x)",
        "if w[0] <= now: del w[:_bisect(w, now)]",
        f"if len(w) > {WINDOW_ELEMENTS_MAX}: del w[0]; s.coarse |= {bit}",
    ]
