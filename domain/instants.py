"""Instants: whole microseconds since the Unix epoch inside, RFC 3339 text at the edges.

The core counts time in `int`, because integers compare, hash and subtract exactly and quickly.
Text and `datetime` exist only where people and other programs meet us, and these five functions
are the whole border. No float is ever involved: a float cannot hold a microsecond of this century.
"""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

FIRST_INSTANT = 0
"""1970-01-01T00:00:00Z, the earliest instant there is."""

LAST_INSTANT = 253_402_300_799_999_999
"""9999-12-31T23:59:59.999999Z, the last instant there is."""

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 -- a reading of a wall clock has no zone
_EXAMPLE = "for example 2026-03-02T09:30:00Z or 2026-03-02T18:30:00.250+09:00"
_is_rfc3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
).fullmatch
_is_date = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_is_leap_second = re.compile(r".{17}60.*").fullmatch

_TEXT_LENGTH_MAX = 64


def parse_instant(text: str) -> int:
    """Return the instant that RFC 3339 *text* names.

    The offset is required; digits beyond the microsecond are cut off. Grammar: RFC 3339 §5.6.

    Raises:
        ValueError: *text* is not such a date and time, is a leap second, or lies outside
            the years 1970 to 9999.
    """
    if len(text) > _TEXT_LENGTH_MAX or _is_rfc3339(text) is None:
        raise _not_an_instant(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = _parse_rarely(text)
    instant = _count(moment - _EPOCH)
    if FIRST_INSTANT <= instant <= LAST_INSTANT:
        return instant
    message = f"instant {text!r}: expected a year from 1970 to 9999 in UTC"
    raise ValueError(message)


def parse_date_or_instant(text: str, zone: tzinfo) -> int:
    """Return the instant that *text* names; a bare date is the first instant of that day in *zone*.

    Raises:
        ValueError: *text* is neither `YYYY-MM-DD` nor what `parse_instant` takes.
    """
    if len(text) > _TEXT_LENGTH_MAX or _is_date(text) is None:
        return parse_instant(text)
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        message = f"date {text!r}: {error}"
        raise ValueError(message) from None
    instant = first_instant_showing(datetime.combine(day, time.min), zone)
    if FIRST_INSTANT <= instant <= LAST_INSTANT:
        return instant
    message = f"date {text!r}: expected a year from 1970 to 9999 in UTC"
    raise ValueError(message)


def format_instant(instant: int) -> str:
    """Return *instant* as RFC 3339 text in UTC, with 0, 3 or 6 digits of a second, as needed.

    Raises:
        OverflowError: *instant* lies outside the years 1 to 9999.
    """
    moment = _NAIVE_EPOCH + timedelta(microseconds=instant)
    if moment.microsecond == 0:
        return f"{moment.isoformat()}Z"
    precision = "milliseconds" if moment.microsecond % 1000 == 0 else "microseconds"
    return f"{moment.isoformat(timespec=precision)}Z"


def to_datetime(instant: int) -> datetime:
    """Return *instant* as an aware `datetime` in UTC."""
    return _EPOCH + timedelta(microseconds=instant)


def from_datetime(moment: datetime) -> int:
    """Return the instant of an aware *moment*.

    Raises:
        ValueError: *moment* is naive, so nobody can say which instant it is.
    """
    if moment.tzinfo is None:
        message = f"datetime {moment.isoformat()}: expected a time zone, found none"
        raise ValueError(message)
    return _count(moment - _EPOCH)


def first_instant_showing(reading: datetime, zone: tzinfo) -> int:
    """Return the first instant at which the clocks of *zone* show at least naive *reading*.

    Of an hour shown twice that is the first showing; of an hour that was skipped, the instant
    after the gap. So a later reading never has an earlier instant.
    """
    early = reading.replace(tzinfo=zone, fold=0)
    late = reading.replace(tzinfo=zone, fold=1)
    local = _count(reading - _NAIVE_EPOCH)
    before, after = _offset(early), _offset(late)
    if after <= before:
        return local - before
    return _change_of_offset(local - after, local - before, zone)


def _change_of_offset(low: int, high: int, zone: tzinfo) -> int:
    """Return the instant in (low, high] from which the offset of *high* holds; it is one change."""
    new_offset = _offset_at(high, zone)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset_at(middle, zone) == new_offset:
            high = middle
        else:
            low = middle
    return high


def _offset_at(instant: int, zone: tzinfo) -> int:
    return _offset(to_datetime(instant).astimezone(zone))


def _offset(moment: datetime) -> int:
    return _count(moment.utcoffset() or timedelta())


def _count(span: timedelta) -> int:
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def _parse_rarely(text: str) -> datetime:
    """Return the moment of grammatical *text* that `datetime` refused, or say why there is none."""
    if _is_leap_second(text) is not None:
        message = f"instant {text!r}: leap seconds cannot be counted; send second 59 or the next 00"
        raise ValueError(message)
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError as error:
        message = f"instant {text!r}: {error}"
        raise ValueError(message) from None


def _not_an_instant(text: str) -> ValueError:
    shown = text if len(text) <= _TEXT_LENGTH_MAX else f"{text[:_TEXT_LENGTH_MAX]}…"
    return ValueError(
        f"instant {shown!r}: expected RFC 3339 date, time and offset, {_EXAMPLE}",
    )
