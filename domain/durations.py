"""Durations: a calendar part in months and a fixed part in microseconds, added to instants.

Days and weeks are exactly 24 hours and 7 days, because a window of silence should not shrink on the
night the clocks change. Months and years are what a contract means by them, so they follow the
calendar and the wall clock of the model's time zone.

Where the calendar has holes, a month later means what calendars usually mean by it:

- A day the month lacks becomes its last day at the same time of day: 31 January 10:00 + 1 month is
  28 February 10:00.
- A wall clock time skipped by a clock change moves forward by the gap: 02:30 becomes 03:30.
- A wall clock time shown twice becomes its first showing.

So two instants at the end of a month, or around a clock change, may swap order by less than a few
days; what needs an order (a window) keeps it by a running maximum.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Final

from domain.instants import (
    DAY,
    FIRST_INSTANT,
    HOUR,
    LAST_INSTANT,
    MINUTE,
    SECOND,
    from_datetime,
    to_datetime,
)

_MONTHS_MAX: Final = 100 * 12
_MICROSECONDS_MAX: Final = 36_525 * DAY
_YEARS: Final = range(1970, 9999)
_LAST_INSTANT_WITH_CLOCK: Final = LAST_INSTANT - DAY
"""East of Greenwich the clocks would show the year 10000 after it, which `datetime` cannot."""

_TEXT_LENGTH_MAX: Final = 64

_MONTHS_OF: Final = {"mo": 1, "y": 12}
_MICROSECONDS_OF: Final = {"w": 7 * DAY, "d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND}
_EXAMPLE: Final = (
    "a number and a unit of s, m (minutes), h, d, w, mo (months), y such as 90d, "
    "or ISO 8601 such as P90D, PT12H, P1M"
)
_SECONDS: Final = r"(?:(?P<s>[0-9]{1,12})(?:\.(?P<fraction>[0-9]{1,6}))?"
_match_short = re.compile(r"(?P<sign>-?)(?P<count>[0-9]{1,12})(?P<unit>mo|[smhdwy])").fullmatch
_match_iso = re.compile(
    r"(?P<sign>-?)P(?=[0-9T])(?:(?P<y>[0-9]{1,4})Y)?(?:(?P<mo>[0-9]{1,5})M)?"
    r"(?:(?P<w>[0-9]{1,6})W)?(?:(?P<d>[0-9]{1,6})D)?"
    r"(?:T(?=[0-9])(?:(?P<h>[0-9]{1,8})H)?(?:(?P<m>[0-9]{1,10})M)?" + _SECONDS + r"S)?)?",
).fullmatch


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A span of time: whole calendar months, then microseconds, both of one sign."""

    months: int = 0
    microseconds: int = 0

    def __post_init__(self) -> None:
        """Refuse mixed signs and more than a hundred years."""
        if self.months < 0 < self.microseconds or self.microseconds < 0 < self.months:
            message = (
                f"duration of {self.months} months and {self.microseconds} µs: "
                "expected both parts to have one sign"
            )
            raise ValueError(message)
        if abs(self.months) > _MONTHS_MAX or abs(self.microseconds) > _MICROSECONDS_MAX:
            message = (
                f"duration of {self.months} months and {self.microseconds} µs: "
                "expected at most a hundred years"
            )
            raise ValueError(message)

    @property
    def is_fixed(self) -> bool:
        """Whether the span is the same number of microseconds wherever it starts."""
        return self.months == 0

    @property
    def is_positive(self) -> bool:
        """Whether adding the span leads to a later instant."""
        return self.months > 0 or self.microseconds > 0

    def __neg__(self) -> "Duration":
        """Return the same span backwards."""
        return Duration(-self.months, -self.microseconds)

    def __str__(self) -> str:
        """Return the text that `parse_duration` reads back."""
        return format_duration(self)


def parse_duration(text: str) -> Duration:
    """Return the span that *text* names, short (`90d`, `-12h`, `1mo`) or ISO 8601 (`-P1Y2M3DT4H`).

    In the short form `m` is minutes and `mo` months; in ISO 8601 it is months before the T and
    minutes after it. Only ISO seconds may have a fraction.

    Raises:
        ValueError: *text* is neither form, or is longer than a hundred years.
    """
    if len(text) <= _TEXT_LENGTH_MAX:
        if (short := _match_short(text)) is not None:
            return _from_parts(short["sign"], {short["unit"]: int(short["count"])})
        if (iso := _match_iso(text)) is not None:
            parts = {unit: int(iso[unit] or 0) for unit in ("y", "mo", *_MICROSECONDS_OF)}
            fraction = int((iso["fraction"] or "").ljust(6, "0"))
            return _from_parts(iso["sign"], parts, microseconds=fraction)
    shown = text if len(text) <= _TEXT_LENGTH_MAX else f"{text[:_TEXT_LENGTH_MAX]}…"
    message = f"duration {shown!r}: expected {_EXAMPLE}"
    raise ValueError(message)


def format_duration(duration: Duration) -> str:
    """Return the shortest text that `parse_duration` reads back as *duration*."""
    months, microseconds = abs(duration.months), abs(duration.microseconds)
    sign = "-" if duration.months < 0 or duration.microseconds < 0 else ""
    if months and not microseconds:
        return f"{sign}{months // 12}y" if months % 12 == 0 else f"{sign}{months}mo"
    if not months:
        for unit in ("d", "h", "m", "s"):
            count, rest = divmod(microseconds, _MICROSECONDS_OF[unit])
            if rest == 0:
                return f"{sign}{count}{unit}"
    return sign + _format_iso(months, microseconds)


def add(instant: int, duration: Duration, zone: tzinfo = UTC) -> int:
    """Return *instant* plus *duration*: first the months by the calendar of *zone*, then the rest.

    The answer never leaves the years 1970 to 9999; it stops at the first or last instant there is.
    """
    if duration.months:
        instant = _add_months(instant, duration.months, zone)
    return min(max(instant + duration.microseconds, FIRST_INSTANT), LAST_INSTANT)


def _add_months(instant: int, months: int, zone: tzinfo) -> int:
    within_reach = min(max(instant, FIRST_INSTANT), _LAST_INSTANT_WITH_CLOCK)
    reading = to_datetime(within_reach).astimezone(zone)
    month_count = reading.year * 12 + reading.month - 1 + months
    year, month = month_count // 12, month_count % 12 + 1
    if year not in _YEARS:
        return LAST_INSTANT if months > 0 else FIRST_INSTANT
    day = min(reading.day, monthrange(year, month)[1])
    return from_datetime(reading.replace(year=year, month=month, day=day, fold=0))


def _from_parts(sign: str, parts: dict[str, int], *, microseconds: int = 0) -> Duration:
    months = sum(count * _MONTHS_OF.get(unit, 0) for unit, count in parts.items())
    microseconds += sum(count * _MICROSECONDS_OF.get(unit, 0) for unit, count in parts.items())
    return Duration(-months, -microseconds) if sign else Duration(months, microseconds)


def _format_iso(months: int, microseconds: int) -> str:
    days, rest = divmod(microseconds, DAY)
    hours, rest = divmod(rest, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    seconds, fraction = divmod(rest, SECOND)
    seconds_text = f"{seconds}.{fraction:06d}".rstrip("0") if fraction else str(seconds)
    dated = _join((months // 12, "Y"), (months % 12, "M"), (days, "D"))
    timed = _join((hours, "H"), (minutes, "M")) + (f"{seconds_text}S" if rest else "")
    return f"P{dated}T{timed}" if timed else f"P{dated}"


def _join(*parts: tuple[int, str]) -> str:
    return "".join(f"{count}{unit}" for count, unit in parts if count)
