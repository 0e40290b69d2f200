"""What tests of the door and of the API are built from."""

from __future__ import annotations

from itertools import count

from domain.instants import parse_instant
from service.door.bounds import Bounds
from service.door.events import Door, Origin, Refused
from service.ports import NewEvent

NOW = parse_instant("2026-03-02T00:00:00Z")
BOUNDS = Bounds()


def origin(*, source: str = "shop", forced_source: bool = False) -> Origin:
    """Return what the events of one request have in common."""
    numbers = count(1)
    return Origin(
        tenant="default",
        source=source,
        now=NOW,
        new_id=lambda: f"made-{next(numbers)}",
        forced_source=forced_source,
        key_id="k",
    )


def judge(text: str, bounds: Bounds = BOUNDS) -> NewEvent | Refused:
    """Return what the door makes of *text*."""
    return Door(bounds, origin()).check(text)


def faults(text: str, bounds: Bounds = BOUNDS) -> list[tuple[str, str]]:
    """Return pointer and code of everything wrong with *text*."""
    judged = judge(text, bounds)
    return [(each.pointer, each.code) for each in getattr(judged, "faults", ())]
