"""A mapping of the document, read key by key: each reading yields a value or notes a problem.

A reading that fails notes why and returns None (or an empty tuple), so that the caller goes on and
the author learns everything at once.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from re import compile as compile_pattern
from typing import Final, TypeVar

from domain.cel.errors import CelSyntaxError
from domain.cel.parser import parse
from domain.cel.syntax import Expression
from domain.document.problems import Problem, Problems, did_you_mean, listed, shown
from domain.durations import Duration, parse_duration

_is_id = compile_pattern(r"[a-z0-9][a-z0-9_-]{0,63}").fullmatch
_is_language = compile_pattern(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}").fullmatch
_has_control = compile_pattern(r"[\x00-\x1f\x7f\u2028\u2029]").search

TITLE_LENGTH_MAX: Final = 200
LANGUAGES_MAX: Final = 32
_ID_RULE: Final = "expected a-z, 0-9, - and _, at most 64 of them and not - or _ first"

Choice = TypeVar("Choice", bound=str)


@dataclass(frozen=True, slots=True)
class Section:
    """One mapping of a document, its path and the list that takes its problems."""

    content: Mapping[str, object]
    path: str
    problems: Problems

    def at(self, key: str) -> str:
        """Return the path of *key* in this mapping."""
        return f"{self.path}.{key}" if self.path else key

    def note(self, key: str, code: str, message: str) -> None:
        """Note a problem with what stands under *key*."""
        self.problems.note(self.at(key), code, message)

    def refuse_unknown(self, known: Iterable[str], advice: Mapping[str, str] | None = None) -> None:
        """Note every key that is not among *known*, with the *advice* there is for it."""
        known = list(known)
        for key in self.content:
            if key not in known:
                cure = (advice or {}).get(key) or f"expected one of {listed(known, limit=20)}"
                hint = did_you_mean(key, known)
                self.note(key[:80], "unknown_key", f"unknown key {shown(key)}{hint}; {cure}")

    def has(self, key: str) -> bool:
        """Return whether something other than null stands under *key*."""
        return self.content.get(key) is not None

    def text(self, key: str, *, required: bool = False) -> str | None:
        """Return the text under *key*, stripped; None where there is none."""
        value = self.content.get(key)
        if value is None:
            if required:
                self.note(key, "missing", f"expected `{key}:`, found nothing")
            return None
        if isinstance(value, str) and value.strip():
            return value.strip()
        self.note(key, "wrong_type", f"expected text, found {shown(value)}")
        return None

    def identifier(self, key: str) -> str | None:
        """Return the id under *key*, which has to be there."""
        text = self.text(key, required=True)
        if text is None or _is_id(text):
            return text
        self.note(key, "bad_id", f"{_ID_RULE}; found {shown(text)}")
        return None

    def choice(self, key: str, choices: tuple[Choice, ...], default: Choice) -> Choice:
        """Return the one of *choices* that stands under *key*, or *default*."""
        text = self.text(key)
        if text is None:
            return default
        for choice in choices:
            if text == choice:
                return choice
        hint = did_you_mean(text, choices)
        self.note(key, "bad_choice", f"expected {' or '.join(choices)}, found {shown(text)}{hint}")
        return default

    def texts(self, key: str) -> tuple[str, ...]:
        """Return the texts under *key*, written as one text or as a list."""
        value = self.content.get(key)
        items = value if isinstance(value, list) else [value]
        if value is not None and items and all(isinstance(i, str) and i.strip() for i in items):
            texts = [item.strip() for item in items if isinstance(item, str)]
            for text in sorted({text for text in texts if texts.count(text) > 1}):
                self.note(key, "repeated", f"{shown(text)} stands here twice; keep one")
            return tuple(dict.fromkeys(texts))
        self.note(key, "wrong_type", f"expected a text or a list of texts, found {shown(value)}")
        return ()

    def title(self, key: str = "title") -> dict[str, str]:
        """Return the title under *key* by language; bare text counts as English."""
        value = self.content.get(key)
        if value is None:
            return {}
        if isinstance(value, dict):
            if len(value) > LANGUAGES_MAX:
                self.note(key, "too_many", f"expected at most {LANGUAGES_MAX} languages")
                return {}
            inner = Section(value, self.at(key), self.problems)
            titles = {language: inner.translation(language) for language in sorted(value)}
            return {language: title for language, title in titles.items() if title}
        text = self.line(key)
        return {"en": text} if text else {}

    def translation(self, language: str) -> str | None:
        """Return the line of text under *language*."""
        if _is_language(language):
            return self.line(language)
        message = f"expected a language such as en or ja, found {shown(language)}"
        self.note(language[:80], "bad_language", message)
        return None

    def line(self, key: str) -> str | None:
        """Return the one line of text under *key*, short enough for a screen."""
        text = self.text(key, required=True)
        if text is None or (len(text) <= TITLE_LENGTH_MAX and not _has_control(text)):
            return text
        message = f"expected one line of at most {TITLE_LENGTH_MAX} characters, found {shown(text)}"
        self.note(key, "bad_title", message)
        return None

    def duration(self, key: str, *, positive: bool = True) -> Duration | None:
        """Return the duration under *key*; a *positive* one where time has to pass."""
        text = self.text(key)
        if text is None:
            return None
        try:
            duration = parse_duration(text)
        except ValueError as error:
            self.note(key, "bad_duration", str(error))
            return None
        if positive and not duration.is_positive:
            self.note(key, "bad_duration", f"expected more than nothing, found {shown(text)}")
            return None
        return duration

    def expression(self, key: str, *, required: bool = False) -> Expression | None:
        """Return the parsed condition under *key*."""
        if isinstance(value := self.content.get(key), bool | int | float):
            message = f"expected a condition as text, found {shown(value)}; put it in quotes"
            self.note(key, "wrong_type", message)
            return None
        source = self.text(key, required=required)
        if source is None:
            return None
        try:
            return parse(source)
        except CelSyntaxError as error:
            problem = Problem(
                self.at(key), "bad_expression", error.message, error.line, error.column
            )
            self.problems.add(problem)
            return None

    def share(self, key: str) -> float | None:
        """Return the number from 0 to 1 under *key*."""
        value = self.content.get(key)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
            return float(value)
        self.note(key, "bad_share", f"expected a number from 0 to 1, found {shown(value)}")
        return None

    def section(self, key: str, expected: str) -> "Section | None":
        """Return the mapping under *key*; *expected* says what it holds."""
        value = self.content.get(key)
        if value is None:
            return None
        if isinstance(value, dict):
            return Section(value, self.at(key), self.problems)
        self.note(key, "wrong_type", f"expected a mapping of {expected}, found {shown(value)}")
        return None

    def named(self, key: str, expected: str, limit: int) -> "list[tuple[str, Section]]":
        """Return the mappings in the mapping under *key* by name, at most *limit* of them."""
        outer = self.section(key, expected)
        if outer is None:
            return []
        if len(outer.content) > limit:
            found = len(outer.content)
            self.note(key, "too_many", f"expected at most {limit} {expected}, found {found}")
            return []
        inner = [(name, outer.section(name, "its settings")) for name in outer.content]
        for name, section in inner:
            if section is None and not outer.has(name):
                outer.note(name[:80], "missing", "expected a mapping, found nothing")
        return [(name, section) for name, section in inner if section is not None]

    def sections(self, key: str, expected: str, limit: int) -> "list[Section]":
        """Return the mappings in the list under *key*, at most *limit* of them."""
        value = self.content.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.note(key, "wrong_type", f"expected a list of {expected}, found {shown(value)}")
            return []
        if len(value) > limit:
            self.note(key, "too_many", f"expected at most {limit} {expected}, found {len(value)}")
            return []
        return [
            section
            for index, item in enumerate(value)
            if (section := self._item(f"{key}[{index}]", item)) is not None
        ]

    def _item(self, key: str, item: object) -> "Section | None":
        if isinstance(item, dict):
            return Section(item, self.at(key), self.problems)
        self.note(key, "wrong_type", f"expected a mapping such as {{id: …}}, found {shown(item)}")
        return None


def refuse_repeated(
    items: Iterable[tuple[Section, str | None]],
    key: str,
    describe: Callable[[str], str],
) -> None:
    """Note every id under *key* that an earlier one of *items* has already; *describe* names it."""
    first: dict[str, str] = {}
    for section, name in items:
        if name is None:
            continue
        if name in first:
            section.note(key, "repeated", f"{describe(name)} is already at {first[name]}")
        else:
            first[name] = section.path
