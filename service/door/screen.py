"""The screen behind the door: what is asked of an event beside being well formed.

Every way in passes it, whatever format an event came in: may this key send this type?
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from service.door.events import Origin, Refused
from service.door.faults import Fault, shown
from service.ports import NewEvent


class Screen:
    """Judges events that are well formed."""

    def looks_at(self, origin: Origin) -> bool:
        """Whether events of *origin* have to be judged at all."""
        return bool(origin.event_types)

    def judge(self, event: NewEvent, origin: Origin) -> NewEvent | Refused:
        """Return *event*, or why it is refused."""
        if origin.event_types and not _matching(origin.event_types)(event.type):
            allowed = ", ".join(origin.event_types)[:200]
            message = f"type {shown(event.type)}: this API key may send {allowed}"
            return Refused(event.event_id, (Fault("/type", "type_not_allowed", message),))
        return event


@lru_cache(maxsize=1_024)
def _matching(patterns: tuple[str, ...]) -> Callable[[str], re.Match[str] | None]:
    """Return what tells whether a type is one of *patterns*, in which `*` is any text."""
    parts = (".*".join(map(re.escape, pattern.split("*"))) for pattern in patterns)
    return re.compile("|".join(parts), re.DOTALL).fullmatch
