r"""Regular expressions that answer in time linear in the text, whatever the pattern.

The syntax is the common part of RE2: literals, `.`, classes, groups, `|`, `* + ? {n,m}`, `^ $ \b`.
A pattern becomes a small program whose threads all walk the text together (Thompson 1968, as
described by Russ Cox), so that no pattern and no text can make a condition hang.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NoReturn

from domain.cel.errors import CelError

PATTERN_MAX: Final = 256
PROGRAM_MAX: Final = 512
TEXT_MAX: Final = 2048
GROUPS_MAX: Final = 16

Ranges = tuple[tuple[str, str], ...]

_DIGITS: Final[Ranges] = (("0", "9"),)
_WORD: Final[Ranges] = (("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z"))
_SPACE: Final[Ranges] = (("\t", "\n"), ("\f", "\r"), (" ", " "))
_CLASSES: Final = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_CONTROLS: Final = dict(zip("aftnrv", "\a\f\t\n\r\v", strict=True))
_PUNCTUATION: Final = frozenset("\\.+*?()|[]{}^$-/\"'!#%&,:;<=>@_`~ ")


@dataclass(frozen=True, slots=True)
class _Chars:
    """Takes one character: one in *ranges*, or one that is not."""

    ranges: Ranges
    negated: bool = False

    def admits(self, character: str) -> bool:
        inside = any(low <= character <= high for low, high in self.ranges)
        return inside != self.negated


@dataclass(frozen=True, slots=True)
class _Place:
    """Takes no character, but holds only at the start (^), the end ($) or a word's edge (b, B)."""

    kind: str

    def holds(self, text: str, position: int) -> bool:
        match self.kind:
            case "^":
                return position == 0
            case "$":
                return position == len(text)
        edge = _is_word(text, position - 1) != _is_word(text, position)
        return edge == (self.kind == "b")


def _is_word(text: str, position: int) -> bool:
    return 0 <= position < len(text) and _Chars(_WORD).admits(text[position])


@dataclass(frozen=True, slots=True)
class _Sequence:
    parts: tuple["_Part", ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    options: tuple["_Part", ...]


@dataclass(frozen=True, slots=True)
class _Repeat:
    part: "_Part"
    low: int
    high: int | None


_Part = _Chars | _Place | _Sequence | _Choice | _Repeat


@dataclass(frozen=True, slots=True)
class _Fork:
    """Goes on at both targets."""

    first: int
    second: int


_Step = _Chars | _Place | _Fork


class Pattern:
    """A compiled regular expression."""

    __slots__ = ("_program",)

    def __init__(self, program: tuple[_Step, ...]) -> None:
        """Run *program*; reaching its end is a match."""
        self._program = program

    def found_in(self, text: str) -> bool:
        """Return whether the pattern matches anywhere in *text*.

        Raises:
            CelError: *text* is longer than TEXT_MAX.
        """
        if len(text) > TEXT_MAX:
            message = f"matches() looks at no more than {TEXT_MAX} characters, found {len(text)}"
            raise CelError(message)
        threads: set[int] = set()
        for position in range(len(text) + 1):
            reached = self._reached(threads | {0}, text, position)
            if len(self._program) in reached:
                return True
            threads = {
                thread + 1
                for thread in reached
                if position < len(text) and self._takes(thread, text[position])
            }
        return False

    def _takes(self, thread: int, character: str) -> bool:
        step = self._program[thread]
        return isinstance(step, _Chars) and step.admits(character)

    def _reached(self, threads: set[int], text: str, position: int) -> set[int]:
        """Return *threads* and all they lead to without taking a character."""
        reached: set[int] = set()
        waiting = list(threads)
        while waiting:
            thread = waiting.pop()
            if thread in reached:
                continue
            reached.add(thread)
            if thread == len(self._program):
                break
            step = self._program[thread]
            if isinstance(step, _Fork):
                waiting += (step.first, step.second)
            elif isinstance(step, _Place) and step.holds(text, position):
                waiting.append(thread + 1)
        return reached


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Pattern:
    """Return the program of *pattern*.

    Raises:
        CelError: *pattern* is malformed, uses what is not supported, or is too large.
    """
    if len(pattern) > PATTERN_MAX:
        message = f"a pattern has at most {PATTERN_MAX} characters, found {len(pattern)}"
        raise CelError(message)
    program: list[_Step] = []
    _emit(_Reader(pattern).whole(), program)
    return Pattern(tuple(program))


def _emit(part: _Part, program: list[_Step]) -> None:
    if len(program) >= PROGRAM_MAX:
        raise CelError(f"the pattern is too large: it has more than {PROGRAM_MAX} steps")
    match part:
        case _Sequence(parts=parts):
            for one in parts:
                _emit(one, program)
        case _Choice(options=options):
            _emit_choice(options, program)
        case _Repeat():
            _emit_repeat(part, program)
        case _:
            program.append(part)


def _emit_choice(options: tuple[_Part, ...], program: list[_Step]) -> None:
    leaving: list[int] = []
    for option in options[:-1]:
        fork = len(program)
        program.append(_Fork(0, 0))
        _emit(option, program)
        leaving.append(len(program))
        program.append(_Fork(0, 0))
        program[fork] = _Fork(fork + 1, len(program))
    _emit(options[-1], program)
    for jump in leaving:
        program[jump] = _Fork(len(program), len(program))


def _emit_repeat(repeat: _Repeat, program: list[_Step]) -> None:
    for _ in range(repeat.low):
        _emit(repeat.part, program)
    if repeat.high is None:
        fork = len(program)
        program.append(_Fork(0, 0))
        _emit(repeat.part, program)
        program.append(_Fork(fork, fork))
        program[fork] = _Fork(fork + 1, len(program))
        return
    for _ in range(repeat.high - repeat.low):
        fork = len(program)
        program.append(_Fork(0, 0))
        _emit(repeat.part, program)
        program[fork] = _Fork(fork + 1, len(program))


class _Reader:
    """The grammar of patterns."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._position = 0
        self._groups = 0

    def whole(self) -> _Part:
        part = self._choice()
        if self._position < len(self._pattern):
            self._refuse("a ')' closes nothing")
        return part

    def _refuse(self, why: str) -> NoReturn:
        raise CelError(f"in the pattern {self._pattern!r}, at {self._position + 1}: {why}")

    def _next(self) -> str:
        return self._pattern[self._position : self._position + 1]

    def _take(self) -> str:
        character = self._next()
        if not character:
            self._refuse("it ends too early")
        self._position += 1
        return character

    def _skip(self, text: str) -> bool:
        found = self._pattern.startswith(text, self._position)
        self._position += len(text) * found
        return found

    def _choice(self) -> _Part:
        options = [self._sequence()]
        while self._skip("|"):
            options.append(self._sequence())
        return options[0] if len(options) == 1 else _Choice(tuple(options))

    def _sequence(self) -> _Part:
        parts: list[_Part] = []
        while self._next() not in {"", "|", ")"}:
            parts.append(self._repeated(self._atom()))
        return _Sequence(tuple(parts))

    def _atom(self) -> _Part:
        match self._take():
            case "(":
                return self._group()
            case "[":
                return self._class()
            case ".":
                return _Chars((("\n", "\n"),), negated=True)
            case "^" | "$" as kind:
                return _Place(kind)
            case "\\":
                return self._escape()
            case "*" | "+" | "?" | "{":
                self._position -= 1
                return self._refuse("there is nothing to repeat")
            case character:
                return _Chars(((character, character),))

    def _group(self) -> _Part:
        self._groups += 1
        if self._groups > GROUPS_MAX:
            self._refuse(f"at most {GROUPS_MAX} groups stand inside one another")
        if self._skip("?") and not self._skip(":"):
            self._refuse("of the groups with '?', only (?:…) is supported")
        part = self._choice()
        if not self._skip(")"):
            self._refuse("a '(' is not closed")
        self._groups -= 1
        return part

    def _escape(self) -> _Part:
        character = self._take()
        if character in {"b", "B"}:
            return _Place(character)
        if character in {"A", "z"}:
            return _Place("^" if character == "A" else "$")
        ranges, negated = self._escaped(character)
        return _Chars(ranges, negated)

    def _escaped(self, character: str) -> tuple[Ranges, bool]:
        if character.lower() in _CLASSES:
            return _CLASSES[character.lower()], character.isupper()
        if character in _CONTROLS:
            character = _CONTROLS[character]
        elif character not in _PUNCTUATION:
            self._refuse(f"\\{character} is not supported")
        return ((character, character),), False

    def _class(self) -> _Chars:
        negated = self._skip("^")
        ranges: list[tuple[str, str]] = []
        while not ranges or not self._skip("]"):
            ranges += self._range()
        return _Chars(tuple(ranges), negated)

    def _range(self) -> Ranges:
        low = self._bound()
        if len(low) > 1 or self._next() != "-" or self._pattern.startswith("-]", self._position):
            return low
        self._take()
        high = self._bound()
        if len(high) > 1 or high[0][0] < low[0][0]:
            self._refuse("a range ends before it begins")
        return ((low[0][0], high[0][0]),)

    def _bound(self) -> Ranges:
        character = self._take()
        if character != "\\":
            return ((character, character),)
        ranges, negated = self._escaped(self._take())
        if negated:
            self._refuse("negated classes do not stand inside […]")
        return ranges

    def _repeated(self, part: _Part) -> _Part:
        while self._next() in {"*", "+", "?", "{"}:
            low, high = self._counts()
            self._skip("?")
            part = _Repeat(part, low, high)
        return part

    def _counts(self) -> tuple[int, int | None]:
        match self._take():
            case "*":
                return 0, None
            case "+":
                return 1, None
            case "?":
                return 0, 1
        low = self._count()
        high: int | None = low
        if self._skip(","):
            high = None if self._next() == "}" else self._count()
        if not self._skip("}") or (high is not None and high < low):
            self._refuse("a repetition is written {2}, {2,} or {2,5}")
        return low, high

    def _count(self) -> int:
        digits = ""
        while self._next() in set("0123456789") and self._next():
            digits += self._take()
        if not digits or len(digits) > len(str(PROGRAM_MAX)):
            self._refuse(f"a repetition counts from 0 to {PROGRAM_MAX}")
        return int(digits)
