"""The fields of an event, one check each: what is taken, what is refused, and why.

A check returns the value, or None where the field is absent (`null` and `""` count as absent), and
adds what is wrong to a list. It never looks at the clock: *now* comes with the event's origin.
"""

from __future__ import annotations

from collections.abc import Mapping

from domain.instants import MINUTE, format_instant, parse_instant
from service.door.bounds import Bounds
from service.door.faults import Fault, shown

_CONTROL_BELOW = " "
_C1_CONTROLS = range(0x7F, 0xA0)

Faults = list[Fault]


def are_usual_names(
    event_id: object, event_type: object, customer_id: object, bounds: Bounds
) -> bool:
    """Whether all three surely are what `name` returns as it is, and the type is nobody's own.

    Printable texts without a blank need no trimming, and together they are no longer than each may
    be. A type that begins with `$` is ours.
    """
    if not (type(event_id) is type(event_type) is type(customer_id) is str):
        return False
    if not event_id or not customer_id or not event_type or event_type[0] == "$":
        return False
    together = f"{event_id}{event_type}{customer_id}"
    return len(together) <= bounds.id_length_max and together.isprintable() and " " not in together


def name(value: object, field: str, bounds: Bounds, faults: Faults) -> str | None:
    """Return the id, type or source *value* of *field*, trimmed; a number becomes its text."""
    if type(value) is str:
        text = value.strip()
        if len(text) <= bounds.id_length_max and text.isprintable():
            return text or None
    return _unusual_name(value, field, bounds, faults)


def _unusual_name(value: object, field: str, bounds: Bounds, faults: Faults) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        message = f"{field}: expected a string or a number, found {shown(value)}"
        faults.append(Fault(f"/{field}", "wrong_type", message))
        return None
    text = (value if isinstance(value, str) else repr(value)).strip()
    if len(text) > bounds.id_length_max or not _is_clean(text):
        message = (
            f"{field}: expected 1 to {bounds.id_length_max} characters without control"
            f" characters, found {shown(value)} ({len(text)} characters)"
        )
        faults.append(Fault(f"/{field}", "bad_id", message))
        return None
    return text


def _is_clean(text: str) -> bool:
    """Whether *text* has no control character; some characters that do not print are none."""
    return not any(sign < _CONTROL_BELOW or ord(sign) in _C1_CONTROLS for sign in text)


def instant(value: object, field: str, *, now: int, bounds: Bounds, faults: Faults) -> int | None:
    """Return the instant *value* of *field*; too far ahead of *now* is a fault."""
    if value is None or value == "":
        return None
    if type(value) is not str:
        message = (
            f"{field}: expected RFC 3339 text with an offset, for example"
            f" {format_instant(now)}, found {shown(value)}"
        )
        faults.append(Fault(f"/{field}", "bad_instant", message))
        return None
    try:
        found = parse_instant(value)
    except ValueError as error:
        faults.append(Fault(f"/{field}", "bad_instant", f"{field}: {error}"))
        return None
    if found > now + bounds.ahead_max:
        message = (
            f"{field}: expected at most {bounds.ahead_max // MINUTE} minutes ahead of our"
            f" clock ({format_instant(now)}), found {shown(value)}; check the sender's clock"
        )
        faults.append(Fault(f"/{field}", "future_time", message))
        return None
    return found


def mapping(value: object, field: str, faults: Faults) -> Mapping[str, object] | None:
    """Return the object *value* of *field*."""
    if type(value) is dict:
        return value
    if value is not None:
        message = f"{field}: expected an object, found {shown(value)}"
        faults.append(Fault(f"/{field}", "not_an_object", message))
    return None
