"""Durations are read in both spellings, written back, and added by the calendar, no surprises."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.durations import Duration, add, format_duration, parse_duration
from domain.instants import (
    DAY,
    FIRST_INSTANT,
    HOUR,
    LAST_INSTANT,
    MINUTE,
    SECOND,
    format_instant,
    parse_instant,
)

UTC = "UTC"
BERLIN = "Europe/Berlin"
NEW_YORK = "America/New_York"
LORD_HOWE = "Australia/Lord_Howe"
TOKYO = "Asia/Tokyo"

durations = st.one_of(
    st.builds(Duration, st.integers(0, 1200), st.integers(0, 36_525 * DAY)),
    st.builds(Duration, st.integers(-1200, 0), st.integers(-36_525 * DAY, 0)),
)
spans = st.builds(Duration, st.sampled_from([-12, -1, 1, 2, 12]), st.just(0)) | st.builds(
    Duration,
    st.integers(0, 2),
    st.integers(0, 40 * DAY),
)
zones = st.sampled_from([UTC, BERLIN, NEW_YORK, LORD_HOWE, TOKYO, "Pacific/Apia"]).map(ZoneInfo)
nights = st.builds(
    lambda night, distance: parse_instant(night) + distance,
    st.sampled_from(
        [
            "2024-01-31T12:00:00Z",
            "2025-03-30T01:00:00Z",
            "2025-10-26T01:00:00Z",
            "2025-11-02T06:00:00Z",
            "2025-04-05T15:00:00Z",
            "2025-10-04T15:30:00Z",
        ],
    ),
    st.integers(-4 * DAY, 4 * DAY),
)
instants = nights | st.integers(FIRST_INSTANT, LAST_INSTANT)


@pytest.mark.parametrize(
    ("text", "months", "microseconds"),
    [
        ("45s", 0, 45 * SECOND),
        ("30m", 0, 30 * MINUTE),
        ("12h", 0, 12 * HOUR),
        ("90d", 0, 90 * DAY),
        ("2w", 0, 14 * DAY),
        ("1mo", 1, 0),
        ("1y", 12, 0),
        ("-30d", 0, -30 * DAY),
        ("-1mo", -1, 0),
        ("0d", 0, 0),
        ("P90D", 0, 90 * DAY),
        ("P2W", 0, 14 * DAY),
        ("PT12H", 0, 12 * HOUR),
        ("P1M", 1, 0),
        ("PT1M", 0, MINUTE),
        ("P1Y2M", 14, 0),
        ("-P30D", 0, -30 * DAY),
        ("P1Y2M3DT4H5M6.5S", 14, 3 * DAY + 4 * HOUR + 5 * MINUTE + 6 * SECOND + 500_000),
        ("PT0.000001S", 0, 1),
    ],
)
def test_a_duration_is_read(text: str, months: int, microseconds: int) -> None:
    assert parse_duration(text) == Duration(months, microseconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "90",
        "d",
        "90 d",
        "90D",
        "1.5h",
        "+3d",
        "--3d",
        "1d12h",
        "P",
        "PT",
        "P1DT",
        "P1.5D",
        "P1D2Y",
        "p1d",
        "PT0.1234567S",
        "1M",
        "९d",
        "90d\n",
        "9" * 1000 + "d",
    ],
)
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="such as 90d"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["101y", "P1201M", "36526d", "-36526d", "999999999999w"])
def test_a_century_is_the_longest_duration(text: str) -> None:
    with pytest.raises(ValueError, match="at most a hundred years"):
        parse_duration(text)


@pytest.mark.parametrize("parts", [(1, -1), (-1, 1)])
def test_both_parts_have_one_sign(parts: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="one sign"):
        Duration(*parts)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (Duration(), "0d"),
        (Duration(0, 14 * DAY), "14d"),
        (Duration(0, 36 * HOUR), "36h"),
        (Duration(0, 90 * MINUTE), "90m"),
        (Duration(0, 61 * SECOND), "61s"),
        (Duration(14, 0), "14mo"),
        (Duration(-24, 0), "-2y"),
        (Duration(13, 26 * HOUR), "P1Y1M1DT2H"),
        (Duration(0, 1), "PT0.000001S"),
        (Duration(-1, -SECOND - 500_000), "-P1MT1.5S"),
    ],
)
def test_a_duration_is_written_as_shortly_as_it_can_be(duration: Duration, text: str) -> None:
    assert format_duration(duration) == text
    assert str(duration) == text


@given(durations)
def test_every_duration_survives_text(duration: Duration) -> None:
    """Formatting then parsing is the identity."""
    assert parse_duration(format_duration(duration)) == duration


def test_a_duration_knows_its_kind_and_sign() -> None:
    assert parse_duration("30d").is_fixed
    assert not parse_duration("1mo").is_fixed
    assert parse_duration("1mo").is_positive
    assert not parse_duration("0d").is_positive
    assert -parse_duration("P1M1D") == parse_duration("-P1M1D")


@pytest.mark.parametrize(
    ("start", "duration", "zone", "end"),
    [
        # Month ends: the last day, at the same time of day, where the day is missing.
        ("2025-01-28T10:00:00Z", "P1M", UTC, "2025-02-28T10:00:00Z"),
        ("2025-01-29T10:00:00Z", "P1M", UTC, "2025-02-28T10:00:00Z"),
        ("2025-01-31T10:00:00Z", "P1M", UTC, "2025-02-28T10:00:00Z"),
        ("2024-01-31T10:00:00Z", "P1M", UTC, "2024-02-29T10:00:00Z"),
        ("2024-01-29T10:00:00Z", "P1M", UTC, "2024-02-29T10:00:00Z"),
        ("2025-01-31T10:00:00Z", "P2M", UTC, "2025-03-31T10:00:00Z"),
        ("2025-03-31T10:00:00Z", "-P1M", UTC, "2025-02-28T10:00:00Z"),
        ("2025-12-15T10:00:00Z", "P1M", UTC, "2026-01-15T10:00:00Z"),
        ("2025-01-15T10:00:00Z", "-P1M", UTC, "2024-12-15T10:00:00Z"),
        # Leap days.
        ("2024-02-29T10:00:00Z", "P1Y", UTC, "2025-02-28T10:00:00Z"),
        ("2024-02-29T10:00:00Z", "P4Y", UTC, "2028-02-29T10:00:00Z"),
        ("2024-02-28T10:00:00Z", "1d", UTC, "2024-02-29T10:00:00Z"),
        # Months first, then the fixed part.
        ("2025-01-30T10:00:00Z", "P1M1D", UTC, "2025-03-01T10:00:00Z"),
        ("2025-03-01T10:00:00Z", "-P1M1D", UTC, "2025-01-31T10:00:00Z"),
        # The local month decides, not that of UTC.
        ("2025-01-31T15:30:00Z", "P1M", TOKYO, "2025-02-28T15:30:00Z"),
        ("2025-01-31T14:30:00Z", "P1M", TOKYO, "2025-02-28T14:30:00Z"),
        # The wall clock stays where the clocks change between.
        ("2025-03-15T11:00:00Z", "P1M", BERLIN, "2025-04-15T10:00:00Z"),
        ("2025-10-15T10:00:00Z", "P1M", BERLIN, "2025-11-15T11:00:00Z"),
        ("2025-03-01T17:00:00Z", "P1M", NEW_YORK, "2025-04-01T16:00:00Z"),
        ("2025-03-15T11:00:00Z", "30d", BERLIN, "2025-04-14T11:00:00Z"),
        # A skipped hour moves forward by the gap: 02:30 on 30 March in Berlin is 03:30.
        ("2025-02-28T01:30:00Z", "P1M2D", BERLIN, "2025-03-30T01:30:00Z"),
        ("2025-01-30T01:30:00Z", "P2M", BERLIN, "2025-03-30T01:30:00Z"),
        ("2025-01-30T02:00:00Z", "P2M", BERLIN, "2025-03-30T01:00:00Z"),
        ("2025-02-09T07:30:00Z", "P1M", NEW_YORK, "2025-03-09T07:30:00Z"),
        ("2025-09-04T15:45:00Z", "P1M", LORD_HOWE, "2025-10-04T15:45:00Z"),
        ("2025-04-30T00:30:00Z", "-P1M", BERLIN, "2025-03-30T01:30:00Z"),
        # An hour shown twice is its first showing: 02:30 on 26 October in Berlin.
        ("2025-09-26T00:30:00Z", "P1M", BERLIN, "2025-10-26T00:30:00Z"),
        ("2025-09-26T01:00:00Z", "P1M", BERLIN, "2025-10-26T02:00:00Z"),
        ("2025-10-02T05:30:00Z", "P1M", NEW_YORK, "2025-11-02T05:30:00Z"),
        ("2025-03-05T14:45:00Z", "P1M", LORD_HOWE, "2025-04-05T14:45:00Z"),
        # Its second showing reads like its first.
        ("2025-10-26T00:30:00Z", "P1M", BERLIN, "2025-11-26T01:30:00Z"),
        ("2025-10-26T01:30:00Z", "P1M", BERLIN, "2025-11-26T01:30:00Z"),
        ("2025-10-26T02:00:00Z", "P1M", BERLIN, "2025-11-26T02:00:00Z"),
        # Negative and nothing.
        ("2026-03-31T00:00:00Z", "-30d", UTC, "2026-03-01T00:00:00Z"),
        ("2026-03-31T00:00:00Z", "0mo", BERLIN, "2026-03-31T00:00:00Z"),
        # The ends of time.
        ("9999-12-31T23:59:59Z", "30d", UTC, "9999-12-31T23:59:59.999999Z"),
        ("9999-12-31T23:59:59Z", "1mo", TOKYO, "9999-12-31T23:59:59.999999Z"),
        ("1970-01-15T00:00:00Z", "-30d", UTC, "1970-01-01T00:00:00Z"),
        ("1970-01-15T00:00:00Z", "-1mo", TOKYO, "1970-01-01T00:00:00Z"),
    ],
)
def test_a_sum(start: str, duration: str, zone: str, end: str) -> None:
    """The table of sums that people argue about."""
    total = add(parse_instant(start), parse_duration(duration), ZoneInfo(zone))

    assert format_instant(total) == end


@given(instants, instants, spans, zones)
def test_a_later_start_ends_at_most_a_month_end_earlier(
    one: int,
    other: int,
    span: Duration,
    zone: ZoneInfo,
) -> None:
    """Only the last days of a month and a clock change may swap, and only by so much."""
    early, late = sorted((one, other))

    assert add(early, span, zone) <= add(late, span, zone) + 4 * DAY


@given(instants, instants, zones)
def test_a_fixed_span_keeps_the_order(one: int, other: int, zone: ZoneInfo) -> None:
    """Days are 24 hours, whatever the clocks do."""
    early, late = sorted((one, other))

    assert add(early, Duration(0, DAY), zone) <= add(late, Duration(0, DAY), zone)


@given(st.integers(FIRST_INSTANT, LAST_INSTANT), durations, zones)
def test_a_sum_is_always_an_instant(start: int, span: Duration, zone: ZoneInfo) -> None:
    """Adding never fails, so that the fold never does."""
    assert FIRST_INSTANT <= add(start, span, zone) <= LAST_INSTANT
