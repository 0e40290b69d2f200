"""Instants and durations: RFC 3339 and Go-style text, calendar fields, time zones.

Both have microseconds; finer digits are cut off. Calendar fields are those of the proleptic
Gregorian calendar, counted as CEL does: months, and days of month and year, from 0.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from domain.cel.errors import CelError
from domain.cel.numbers import instant, span
from domain.cel.values import Duration, Timestamp, no_overload

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = 1_000_000
_TEXT_MAX: Final = 64
_RFC3339: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)
_DURATION: Final = re.compile(r"([+-]?)((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h|d))+")
_PART: Final = re.compile(r"([0-9]*)\.?([0-9]*)(ns|us|µs|μs|ms|s|m|h|d)")
_OFFSET: Final = re.compile(r"([+-]?)([0-9]{2}):([0-9]{2})")
_ZONE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*")
_NANOSECONDS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
_MINUTES_MAX: Final = 60
_HOURS_MAX: Final = 24


def read_timestamp(text: str) -> Timestamp:
    """Return the instant that the RFC 3339 *text* names, cut to microseconds."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        expected = "a timestamp such as 2026-01-31T09:30:00Z"
        raise CelError(f"expected {expected}, found {text[:_TEXT_MAX]!r}")
    clock, fraction, sign, hours, minutes = match.groups()
    try:
        moment = datetime.fromisoformat(clock).replace(tzinfo=UTC)
    except ValueError as error:
        raise CelError(f"{text!r} is no date of the calendar: {error}") from error
    offset = _offset(sign, hours, minutes) if sign else timedelta()
    whole = (moment - _EPOCH - offset) // timedelta(microseconds=1)
    return instant(whole + int((fraction or "").ljust(6, "0")[:6]))


def _offset(sign: str, hours: str, minutes: str) -> timedelta:
    if int(hours) >= _HOURS_MAX or int(minutes) >= _MINUTES_MAX:
        raise CelError(f"{sign}{hours}:{minutes} is no offset from UTC")
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return -offset if sign == "-" else offset


def write_timestamp(moment: Timestamp) -> str:
    """Return *moment* in RFC 3339, in UTC, with as many digits as it needs."""
    seconds, micros = divmod(moment.micros, _SECOND)
    clock = (_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat()
    return f"{clock}{_fraction(micros)}Z"


def _fraction(micros: int) -> str:
    return f".{micros:06}".rstrip("0") if micros else ""


def read_duration(text: str) -> Duration:
    """Return the duration that *text* names, such as `720h`, `1h30m` or `90d`.

    Units are ns, us, ms, s, m, h, and as an extension d, a day of 24 hours.
    """
    if text in {"0", "+0", "-0"}:
        return Duration(0)
    match = _DURATION.fullmatch(text) if len(text) <= _TEXT_MAX else None
    if match is None:
        expected = "a duration such as 720h or 1h30m (ns, us, ms, s, m, h, d)"
        raise CelError(f"expected {expected}, found {text[:_TEXT_MAX]!r}")
    nanoseconds = 0
    for whole, fraction, unit in _PART.findall(text):
        digits = int((whole + fraction) or "0")
        nanoseconds += digits * _NANOSECONDS[unit] // 10 ** len(fraction)
    micros = nanoseconds // 1000
    return span(-micros if match[1] == "-" else micros)


def write_duration(length: Duration) -> str:
    """Return *length* in seconds, with as many digits as it needs."""
    seconds, micros = divmod(abs(length.micros), _SECOND)
    sign = "-" if length.micros < 0 else ""
    return f"{sign}{seconds}{_fraction(micros)}s"


@lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo:
    """Return the time zone *name*: of the tz database, or an offset such as +09:00."""
    if match := _OFFSET.fullmatch(name):
        return timezone(_offset(*match.groups()))
    if len(name) > _TEXT_MAX or not _ZONE.fullmatch(name):
        raise CelError(f"{name[:_TEXT_MAX]!r} is no time zone, such as Asia/Tokyo or +09:00")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise CelError(f"{name!r} is no time zone of the tz database") from error


_OF_INSTANTS: Final[dict[str, Callable[[datetime], int]]] = {
    "getFullYear": lambda moment: moment.year,
    "getMonth": lambda moment: moment.month - 1,
    "getDate": lambda moment: moment.day,
    "getDayOfMonth": lambda moment: moment.day - 1,
    "getDayOfWeek": lambda moment: moment.isoweekday() % 7,
    "getDayOfYear": lambda moment: moment.timetuple().tm_yday - 1,
    "getHours": lambda moment: moment.hour,
    "getMinutes": lambda moment: moment.minute,
    "getSeconds": lambda moment: moment.second,
    "getMilliseconds": lambda moment: moment.microsecond // 1000,
}
_OF_DURATIONS: Final[dict[str, Callable[[int], int]]] = {
    "getHours": lambda micros: micros // (3600 * _SECOND),
    "getMinutes": lambda micros: micros // (60 * _SECOND),
    "getSeconds": lambda micros: micros // _SECOND,
    "getMilliseconds": lambda micros: micros % _SECOND // 1000,
}
FIELDS: Final = frozenset(_OF_INSTANTS)


def field_of(name: str) -> Callable[..., int]:
    """Return the function that reads the calendar field *name*, such as `getHours`."""

    def read(value: object, zone: object = "UTC") -> int:
        match value, zone:
            case Timestamp(micros=micros), str():
                moment = _EPOCH + timedelta(microseconds=micros)
                return _OF_INSTANTS[name](moment.astimezone(_zone(zone)))
            case Duration(micros=micros), "UTC" if name in _OF_DURATIONS:
                part = _OF_DURATIONS[name](abs(micros))
                return part if micros >= 0 else -part
        raise no_overload(name, value, zone)

    return read
