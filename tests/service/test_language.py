"""A reader gets the language that was asked for, and numbers and spans as it writes them."""

from __future__ import annotations

import pytest

from domain.instants import DAY, HOUR, MINUTE, parse_instant
from service.language.speaker import Language, language_of

MOMENT = parse_instant("2026-03-02T09:05:00Z")


@pytest.mark.parametrize(
    ("wishes", "header", "expected"),
    [
        (("ja", None), "en", "ja"),
        ((None, "ja"), "en", "ja"),
        (("xx", None), "ja", "ja"),
        ((None, None), "ja-JP,ja;q=0.9,en;q=0.8", "ja"),
        ((None, None), "de, en;q=0.5, ja;q=0.7", "ja"),
        ((None, None), "ja;q=0, en;q=0.1", "en"),
        ((None, None), "ja;q=much", "en"),
        ((None, None), "", "en"),
        ((None, None), None, "en"),
    ],
)
def test_the_language_is_the_one_most_wanted(
    wishes: tuple[str | None, ...], header: str | None, expected: str
) -> None:
    assert language_of(*wishes, header=header).code == expected


@pytest.mark.parametrize(
    ("microseconds", "english", "japanese"),
    [
        (0, "0 min", "0分"),
        (HOUR - 1, "59 min", "59分"),
        (HOUR, "1 h", "1時間"),
        (DAY - 1, "23 h", "23時間"),
        (DAY, "1 d", "1日"),
        (1_234 * DAY, "1,234 d", "1,234日"),
        (-5, "0 min", "0分"),
    ],
)
def test_spans_use_the_largest_unit_that_fits(
    microseconds: int, english: str, japanese: str
) -> None:
    spans = Language("en").span(microseconds), Language("ja").span(microseconds)

    assert spans == (english, japanese)


def test_dates_are_written_as_the_language_does() -> None:
    moments = Language("en").moment(MOMENT), Language("ja").moment(MOMENT)

    assert moments == ("2 Mar 2026 09:05", "2026年3月2日 09:05")


def test_what_comes_within_a_minute_comes_any_moment() -> None:
    english = Language("en")

    told = english.upcoming("Dormant", MINUTE - 1), english.upcoming("Dormant", 6 * DAY)

    assert told == ("Dormant any moment", "Dormant in 6 d")


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0%"), (0.004, "0.4%"), (0.0999, "10.0%"), (0.5, "50%"), (1.0, "100%")],
)
def test_small_shares_keep_a_digit(share: float, text: str) -> None:
    assert Language("en").percent(share) == text


def test_a_title_falls_back_to_any_language_and_then_to_the_id() -> None:
    japanese = Language("ja")

    titles = [
        japanese.title({"en": "Buyer", "ja": "購入者"}, "buyer"),
        japanese.title({"en": "Buyer"}, "buyer"),
        japanese.title({}, "buyer"),
    ]

    assert titles == ["購入者", "Buyer", "buyer"]
