"""One reader's language: its sentences, and how it writes numbers, dates and spans of time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from domain.instants import DAY, HOUR, MINUTE, to_datetime
from service.language.words import EVENTS, WORDS

Code = Literal["en", "ja"]

CODES: tuple[Code, ...] = ("en", "ja")
NAMES: Mapping[Code, str] = {"en": "English", "ja": "日本語"}

_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # noqa: SIM905 -- twelve known words
_UNITS: Mapping[Code, tuple[str, str, str]] = {
    "en": ("{} d", "{} h", "{} min"),
    "ja": ("{}日", "{}時間", "{}分"),
}
_HEADER_LENGTH_MAX = 500


class Language:
    """Speaks one of `CODES`."""

    def __init__(self, code: Code) -> None:
        self.code: Code = code
        self._place = CODES.index(code)

    @property
    def others(self) -> list[tuple[Code, str]]:
        """The other languages: code and own name."""
        return [(code, NAMES[code]) for code in CODES if code != self.code]

    def say(self, key: str, **values: object) -> str:
        """Return the sentence *key* with *values* filled in.

        Raises:
            KeyError: There is no such sentence.
        """
        return WORDS[key][self._place].format(**values)

    def counted(self, key: str, n: int) -> str:
        """Return the sentence *key* for *n* things."""
        return self.say(f"{key}.one" if n == 1 else key, n=self.number(n))

    def event(self, event_type: str) -> str:
        """Return the name of an event type, which is the type itself where nobody named it."""
        names = EVENTS.get(event_type)
        return event_type if names is None else names[self._place]

    def title(self, titles: Mapping[str, str], otherwise: str) -> str:
        """Return the title in this language, else in any, else *otherwise*."""
        return titles.get(self.code) or next(iter(titles.values()), "") or otherwise

    def number(self, value: float) -> str:
        """Return a number with its thousands marked."""
        return f"{value:,}"

    def percent(self, share: float) -> str:
        """Return a share between 0 and 1 in per cent; small ones keep a digit."""
        percent = share * 100
        if percent == 0 or percent >= 10:  # noqa: PLR2004 -- two digits are enough from there
            return f"{percent:.0f}%"
        return f"{percent:.1f}%"

    def span(self, microseconds: float) -> str:
        """Return a length of time in its largest fitting unit, cut off."""
        days, hours, minutes = _UNITS[self.code]
        whole = int(microseconds)
        if whole >= DAY:
            return days.format(self.number(whole // DAY))
        if whole >= HOUR:
            return hours.format(whole // HOUR)
        return minutes.format(max(0, whole) // MINUTE)

    def ago(self, microseconds: int) -> str:
        """Return how long ago something was."""
        if microseconds < MINUTE:
            return self.say("arrived.now")
        return self.say("arrived", span=self.span(microseconds))

    def upcoming(self, stage: str, microseconds: int) -> str:
        """Return that *stage* comes after that long."""
        if microseconds < MINUTE:
            return self.say("next.soon", stage=stage)
        return self.say("next.in", stage=stage, span=self.span(microseconds))

    def date(self, instant: int) -> str:
        """Return the day of an instant, UTC."""
        moment = to_datetime(instant)
        if self.code == "ja":
            return f"{moment.year}年{moment.month}月{moment.day}日"
        return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"

    def clock(self, instant: int) -> str:
        """Return the hour and minute of an instant, UTC."""
        return f"{to_datetime(instant):%H:%M}"

    def moment(self, instant: int) -> str:
        """Return day, hour and minute of an instant, UTC."""
        return f"{self.date(instant)} {self.clock(instant)}"


def language_of(*wishes: str | None, header: str | None = None) -> Language:
    """Return the first language of *wishes* that we speak, else the best of *header*.

    Args:
        wishes: Codes, the most wanted first.
        header: An Accept-Language field (RFC 9110 §12.5.4).
    """
    for wish in wishes:
        for code in CODES:
            if wish == code:
                return Language(code)
    return Language(_best_of(header or ""))


def _best_of(header: str) -> Code:
    best: tuple[float, Code] = (0.0, "en")
    for part in header[:_HEADER_LENGTH_MAX].split(","):
        tag, _, parameter = part.partition(";")
        name = tag.strip().lower().partition("-")[0]
        weight = _weight(parameter)
        for code in CODES:
            if name == code and weight > best[0]:
                best = (weight, code)
    return best[1]


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
