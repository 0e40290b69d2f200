"""Instants survive the journey to text and back; what is no instant is refused with a reason."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.instants import (
    FIRST_INSTANT,
    LAST_INSTANT,
    first_instant_showing,
    format_instant,
    from_datetime,
    parse_date_or_instant,
    parse_instant,
    to_datetime,
)

BERLIN = ZoneInfo("Europe/Berlin")
TOKYO = ZoneInfo("Asia/Tokyo")
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
APIA = ZoneInfo("Pacific/Apia")

instants = st.integers(FIRST_INSTANT, LAST_INSTANT)
lifetimes = st.integers(FIRST_INSTANT, 4_102_444_800_000_000)
zones = st.sampled_from(
    [BERLIN, TOKYO, SAO_PAULO, LORD_HOWE, APIA, ZoneInfo("America/New_York"), ZoneInfo("UTC")],
)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ("2026-03-02T18:30:00+09:00", "2026-03-02T09:30:00Z"),
        ("2026-03-02T00:30:00-03:30", "2026-03-02T04:00:00Z"),
        ("2026-03-02 09:30:00-00:00", "2026-03-02T09:30:00Z"),
        ("2026-03-02t09:30:00.5z", "2026-03-02T09:30:00.500Z"),
        ("2026-03-02T09:30:00.000001Z", "2026-03-02T09:30:00.000001Z"),
        ("2026-03-02T09:30:00.123456999Z", "2026-03-02T09:30:00.123456Z"),
        ("2024-02-29T12:00:00Z", "2024-02-29T12:00:00Z"),
    ],
)
def test_rfc_3339_is_read_and_written_in_utc(text: str, canonical: str) -> None:
    assert format_instant(parse_instant(text)) == canonical


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "expected RFC 3339"),
        ("yesterday", "expected RFC 3339"),
        ("2026-03-02", "expected RFC 3339"),
        ("20260302T093000Z", "expected RFC 3339"),
        ("2026-W10-1T09:30:00Z", "expected RFC 3339"),
        ("2026-03-02T09:30Z", "expected RFC 3339"),
        ("2026-03-02T09:30:00", "expected RFC 3339"),
        ("2026-03-02T09:30:00+0900", "expected RFC 3339"),
        ("2026-03-02T09:30:00+24:00", "expected RFC 3339"),
        ("2026-03-02T09:30:00,5Z", "expected RFC 3339"),
        ("٢026-03-02T09:30:00Z", "expected RFC 3339"),
        ("2026-03-02T09:30:00Z\n", "expected RFC 3339"),
        ("2026-03-02T09:30:00Z" + "0" * 1000, "expected RFC 3339"),
        ("2026-02-29T09:30:00Z", "day is out of range for month"),
        ("2026-03-02T24:00:00Z", "hour must be in 0..23"),
        ("2016-12-31T23:59:60Z", "leap seconds cannot be counted"),
        ("1969-12-31T23:59:59Z", "from 1970 to 9999"),
        ("1970-01-01T00:00:00+00:01", "from 1970 to 9999"),
        ("9999-12-31T23:59:59-00:01", "from 1970 to 9999"),
    ],
)
def test_what_is_no_instant_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_instant(text)


def test_a_refusal_shows_only_the_beginning_of_a_long_text() -> None:
    with pytest.raises(ValueError, match="…") as caught:
        parse_instant("9" * 100_000)

    assert len(str(caught.value)) < 300


@given(instants)
def test_every_instant_survives_text(instant: int) -> None:
    """Formatting then parsing is the identity, to the microsecond."""
    assert parse_instant(format_instant(instant)) == instant


@given(instants)
def test_every_instant_survives_datetime(instant: int) -> None:
    """Conversion to `datetime` and back is the identity."""
    assert from_datetime(to_datetime(instant)) == instant


def test_a_datetime_of_another_zone_is_the_same_instant() -> None:
    tokyo = datetime(2026, 3, 2, 18, 30, tzinfo=timezone(timedelta(hours=9)))

    assert from_datetime(tokyo) == parse_instant("2026-03-02T09:30:00Z")
    assert to_datetime(from_datetime(tokyo)).tzinfo is UTC


def test_a_naive_datetime_is_no_instant() -> None:
    with pytest.raises(ValueError, match="expected a time zone, found none"):
        from_datetime(datetime(2026, 3, 2))  # noqa: DTZ001 -- the point of the test


@pytest.mark.parametrize(
    ("text", "zone", "canonical"),
    [
        ("2026-03-02", TOKYO, "2026-03-01T15:00:00Z"),
        ("2026-03-02", BERLIN, "2026-03-01T23:00:00Z"),
        ("2018-11-04", SAO_PAULO, "2018-11-04T03:00:00Z"),
        ("2026-03-02T09:30:00+09:00", BERLIN, "2026-03-02T00:30:00Z"),
    ],
    ids=["Tokyo", "Berlin", "a day that began at one o'clock", "an instant keeps its offset"],
)
def test_a_date_is_the_first_instant_of_its_day(text: str, zone: ZoneInfo, canonical: str) -> None:
    assert format_instant(parse_date_or_instant(text, zone)) == canonical


@pytest.mark.parametrize("text", ["2026-02-29", "1970-01-01", "2026-3-2", "soon", "9" * 1000])
def test_what_is_no_date_is_refused(text: str) -> None:
    """The first of January 1970 began in Berlin before there were instants."""
    with pytest.raises(ValueError, match=r"^(date|instant) "):
        parse_date_or_instant(text, BERLIN)


def test_a_skipped_half_hour_is_the_instant_after_it() -> None:
    skipped = datetime(2025, 10, 5, 2, 15)  # noqa: DTZ001 -- a reading of a wall clock

    instant = first_instant_showing(skipped, LORD_HOWE)

    assert format_instant(instant) == "2025-10-04T15:30:00Z"


def test_a_skipped_day_is_the_instant_after_it() -> None:
    """Samoa had no 30 December 2011."""
    assert format_instant(parse_date_or_instant("2011-12-30", APIA)) == "2011-12-30T10:00:00Z"
    assert format_instant(parse_date_or_instant("2011-12-31", APIA)) == "2011-12-30T10:00:00Z"


@given(lifetimes, zones)
def test_an_unrepeated_reading_names_its_instant(instant: int, zone: ZoneInfo) -> None:
    """Away from the hours shown twice the two directions are inverse."""
    moment = to_datetime(instant).astimezone(zone)
    unrepeated = moment.replace(fold=0).utcoffset() == moment.replace(fold=1).utcoffset()

    found = first_instant_showing(moment.replace(tzinfo=None), zone)

    assert not unrepeated or found == instant
