"""What a trigger means, in a few English or Japanese words."""

from collections.abc import Mapping
from typing import Final

from domain.durations import Duration, format_duration
from domain.instants import DAY, HOUR, MINUTE, SECOND
from domain.model import ANY, Trigger

TYPES_SHOWN: Final = 3

_FIXED_UNITS: Final = ((DAY, "day", "日"), (HOUR, "hour", "時間"), (MINUTE, "minute", "分"))
_MONTH_UNITS: Final = ((12, "year", "年"), (1, "month", "か月"))


def title_in(title: Mapping[str, str], language: str, default: str) -> str:
    """Return *title* in *language*, else in English, else in any language, else *default*."""
    return title.get(language) or title.get("en") or next(iter(title.values()), default)


def duration_words(duration: Duration, language: str) -> str:
    """Return *duration*, without its sign, as people say it: `60 days`, `60日`."""
    months, microseconds = abs(duration.months), abs(duration.microseconds)
    if months and microseconds:
        return format_duration(Duration(months, microseconds))
    units = _MONTH_UNITS if months else (*_FIXED_UNITS, (SECOND, "second", "秒"))
    for size, english, japanese in units:
        count, rest = divmod(months or microseconds, size)
        if rest == 0:
            return _counted(count, english, japanese, language)
    return format_duration(Duration(months, microseconds))


def trigger_words(trigger: Trigger, language: str) -> str:
    """Return what fires *trigger*, on one line."""
    japanese = language == "ja"
    words = _cause(trigger, language)
    if trigger.when is not None:
        when = " ".join(trigger.when.source.split())
        if not words:
            words = when
        else:
            words += f"（{when} のとき）" if japanese else f" if {when}"
    if trigger.hold is not None:
        hold = duration_words(trigger.hold, language)
        words += f" が{hold}続く" if japanese else f", for {hold}"
    return words


def _cause(trigger: Trigger, language: str) -> str:
    japanese = language == "ja"
    if trigger.kind == "on":
        return _types(trigger.types, language)
    if trigger.after is not None:
        after = duration_words(trigger.after, language)
        if trigger.since is None:
            return f"開始から{after}" if japanese else f"{after} in the stage"
        return f"{trigger.since} から{after}" if japanese else f"{after} since {trigger.since}"
    if trigger.at is not None:
        return _dated(" ".join(trigger.at.source.split()), trigger.offset, language)
    return ""


def _types(types: tuple[str, ...], language: str) -> str:
    if types == (ANY,):
        return "すべてのイベント" if language == "ja" else "any event"
    shown = ", ".join(types[:TYPES_SHOWN])
    more = len(types) - TYPES_SHOWN
    if more <= 0:
        return shown
    return f"{shown} ほか{more}件" if language == "ja" else f"{shown} and {more} more"


def _dated(at: str, offset: Duration | None, language: str) -> str:
    if offset is None or offset == Duration():
        return at
    distance = duration_words(offset, language)
    if language == "ja":
        return f"{at} の{distance}{'後' if offset.is_positive else '前'}"
    return f"{distance} {'after' if offset.is_positive else 'before'} {at}"


def _counted(count: int, english: str, japanese: str, language: str) -> str:
    if language == "ja":
        return f"{count}{japanese}"
    return f"{count} {english}" if count == 1 else f"{count} {english}s"
