"""What a format of other people says, told in our words: the one hook between it and the door.

The door keeps every rule; a reading only names things. So an event means the same and is refused
for the same reasons, whichever way it came in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Protocol

from projections.events.log import ApiFormat
from service.door.faults import Fault


class Reading(Protocol):
    """One format, with what the events of one request inherit from it."""

    @property
    def api_format(self) -> ApiFormat:
        """How properties are found again in what is stored."""
        ...

    def canonical(self, item: Mapping[str, object], received_at: int) -> Mapping[str, object]:
        """Return what *item* says, by the names of our own fields. Never fails."""
        ...

    def stored(self, text: str, item: Mapping[str, object]) -> str:
        """Return the text to keep: *text* as sent, with what it inherits written into it."""
        ...

    def faults(self, item: Mapping[str, object]) -> list[Fault]:
        """Return what the format's own rules forbid in *item*, where it stands in there."""
        ...

    def told(self, fault: Fault) -> Fault:
        """Return a *fault* of one of our fields by the names of the format."""
        ...


def first(*values: object) -> object:
    """Return the first of *values* that says something; null and `""` do not."""
    for each in values:  # a generator takes three times as long, and every event passes here
        if each is not None and each != "":
            return each
    return None


def mapping_of(value: object) -> Mapping[str, object]:
    """Return *value* if it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def renamed(fault: Fault, names: Iterable[tuple[str, str]], needs: str) -> Fault:
    """Return *fault* at the place that *names* pairs with ours; *needs* says who must be named."""
    if fault.code == "customer_missing":
        return Fault(fault.pointer, fault.code, f"an event needs {needs}")
    for ours, theirs in names:
        if fault.pointer == ours or fault.pointer.startswith(f"{ours}/"):
            message = re.sub(rf"\b{ours[1:]}\b", theirs[1:], fault.message, count=1)
            return Fault(theirs + fault.pointer[len(ours) :], fault.code, message)
    return fault
