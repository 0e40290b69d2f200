"""JSON read without liberties: every value is what the sender wrote, or is named as a fault.

Parsers disagree about NaN, 1e400, a key given twice, half a surrogate pair, U+0000 and very long
integers: each lets some through as another value. `read` finds all of these with their pointers.
It costs ten times as much as a plain parser, so `is_plain` first proves most texts to be free of
them, by counting quotes.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping

import msgspec

from service.door.bounds import Bounds
from service.door.faults import Fault, shown, step

_FAULTS_MAX = 20
_blanks = re.compile(r"[ \t\r\n]*").match
BLANKS = " \t\r\n"
"""What JSON takes for blank; Python takes more."""
_UTF8_BYTES_MAX = 4
_NUMBER_SHOWN = 40
_write = msgspec.json.Encoder().encode


class _Pairs(list[tuple[str, object]]):
    """An object as its pairs, so that a key given twice can be seen."""


class _NotFinite(str):
    """The text of a number that no double holds."""

    __slots__ = ()


class _Integer(str):
    """The text of an integer, of any length."""

    __slots__ = ()


def _finite(text: str) -> float | _NotFinite:
    value = float(text)
    return value if math.isfinite(value) else _NotFinite(text)


_scan: Callable[[str, int], tuple[object, int]] = json.JSONDecoder(
    object_pairs_hook=_Pairs,
    parse_float=_finite,
    parse_int=_Integer,
    parse_constant=_NotFinite,
).raw_decode


def read(text: str, bounds: Bounds) -> tuple[object, tuple[Fault, ...]]:
    """Return the value of *text* and what is wrong with it; the value is None if it is not JSON."""
    text = text.strip(BLANKS)
    try:
        raw, end = _scan(text, 0)
    except json.JSONDecodeError as error:
        return None, (Fault("", "malformed_json", f"{error.msg} at character {error.pos}"),)
    except RecursionError:
        return None, (_too_deep("", bounds),)
    if end != len(text):
        return None, (Fault("", "malformed_json", f"text goes on after character {end}"),)
    walk = _Walk(bounds)
    value = walk.value(raw, "", 1)
    return value, tuple(walk.faults)


def elements(text: str) -> Iterator[str]:
    """Yield the text of each element of the array that *text* is.

    Raises:
        json.JSONDecodeError: The array is not JSON even for a lenient reader.
        RecursionError: An element is nested too deeply to be read at all.
    """
    at = _skip(text, 1)
    if text[at : at + 1] == "]":
        _expect_end(text, at + 1)
        return
    while True:
        _, end = _scan(text, at)
        yield text[at:end]
        at, ended = _next(text, end, "]")
        if ended:
            return


def members(text: str) -> Iterator[tuple[str, str]]:
    """Yield key and text of the value of each member of the object that *text* is.

    Raises:
        json.JSONDecodeError: The object is not JSON even for a lenient reader.
        RecursionError: A value is nested too deeply to be read at all.
    """
    at = _skip(text, 1)
    if text[at : at + 1] == "}":
        _expect_end(text, at + 1)
        return
    while True:
        key, end = _scan(text, at)
        colon = _skip(text, end)
        if not isinstance(key, str) or text[at] != '"' or text[colon : colon + 1] != ":":
            raise json.JSONDecodeError("Expected a key and ':'", text, at)
        start = _skip(text, colon + 1)
        _, end = _scan(text, start)
        yield key, text[start:end]
        at, ended = _next(text, end, "}")
        if ended:
            return


def _next(text: str, end: int, closing: str) -> tuple[int, bool]:
    """Return where the next element begins, or the end of the text behind *closing*."""
    mark = _skip(text, end)
    if text[mark : mark + 1] == closing:
        _expect_end(text, mark + 1)
        return mark, True
    if text[mark : mark + 1] != ",":
        raise json.JSONDecodeError(f"Expected ',' or '{closing}'", text, mark)
    return _skip(text, mark + 1), False


def _expect_end(text: str, at: int) -> None:
    if _skip(text, at) != len(text):
        raise json.JSONDecodeError("Expected the end of the text", text, at)


def _skip(text: str, at: int) -> int:
    blanks = _blanks(text, at)
    return at if blanks is None else blanks.end()


def is_plain(text: str, value: Mapping[str, object], bounds: Bounds) -> bool:
    """Whether *text*, which a plain parser read as *value*, surely has no fault of `read`.

    The proof counts quotes: two for each string of the text (key or value), one for each quote
    inside a string. *value* written out again has as many, unless a key was given twice, whose
    first value is lost. Only a quote spelled as a number could make up for that, so such spellings
    are ruled out first. Few quotes mean few keys and few braces mean no depth. Whatever is not
    proved is read again.
    """
    length = len(text) if text.isascii() else _UTF8_BYTES_MAX * len(text)
    if length > bounds.string_bytes_max or length > bounds.event_bytes_max:
        return False
    if "\\u00" in text:
        return False
    if length > bounds.digits_max and _may_hold_long_number(text, bounds):
        return False
    if "[" in text and text.count(",") >= bounds.array_max:
        return False
    quotes = text.count('"')
    return (
        quotes <= 2 * bounds.keys_max
        and text.count("{") + text.count("[") <= bounds.depth_max
        and _write(value).count(b'"') == quotes
    )


def _may_hold_long_number(text: str, bounds: Bounds) -> bool:
    """Whether a block is all digits: a number of twice its length would cover one."""
    block = bounds.digits_max // 2
    return any(text[at : at + block].isdigit() for at in range(0, len(text), block))


class _Walk:
    """Turns what `_scan` gives into plain values and gathers the faults on the way."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.faults: list[Fault] = []

    def value(self, raw: object, pointer: str, depth: int) -> object:
        """Return the plain value of *raw*, which stands at *pointer* and *depth*."""
        match raw:
            case _Pairs() | list() if depth > self.bounds.depth_max:
                self._add(_too_deep(pointer, self.bounds))
                return None
            case _Pairs():
                return self._object(raw, pointer, depth)
            case list():
                return self._array(raw, pointer, depth)
            case _Integer():
                return self._integer(raw, pointer)
            case _NotFinite():
                self._add(_not_finite(pointer, raw))
                return None
            case str():
                self._check_text(raw, pointer, "string")
        return raw

    def _object(self, pairs: _Pairs, pointer: str, depth: int) -> dict[str, object]:
        if len(pairs) > self.bounds.keys_max:
            self._add(_too_many(pointer, "too_many_keys", self.bounds.keys_max, len(pairs)))
            pairs = _Pairs(pairs[: self.bounds.keys_max])
        found: dict[str, object] = {}
        for key, raw in pairs:
            self._check_text(key, pointer, "key")
            at = pointer + step(key)
            if key in found:
                self._add(Fault(at, "duplicate_key", f"key {shown(key)} is given more than once"))
            found[key] = self.value(raw, at, depth + 1)
        return found

    def _array(self, items: list[object], pointer: str, depth: int) -> list[object]:
        if len(items) > self.bounds.array_max:
            self._add(_too_many(pointer, "array_too_long", self.bounds.array_max, len(items)))
            items = items[: self.bounds.array_max]
        return [
            self.value(each, pointer + step(index), depth + 1) for index, each in enumerate(items)
        ]

    def _integer(self, text: str, pointer: str) -> int:
        digits = len(text) - text.startswith("-")
        if digits > self.bounds.digits_max:
            self._add(_too_many(pointer, "number_too_long", self.bounds.digits_max, digits))
            return 0
        return int(text)

    def _check_text(self, text: str, pointer: str, what: str) -> None:
        if "\0" in text:
            message = f"{what} {shown(text)} holds U+0000; leave the character out"
            self._add(Fault(pointer, "nul_character", message))
        try:
            length = len(text) if text.isascii() else len(text.encode())
        except UnicodeEncodeError as error:
            half = ascii(error.object[error.start])
            message = f"{what} {shown(text)} holds half of a surrogate pair, {half}"
            self._add(Fault(pointer, "lone_surrogate", message))
            return
        if length > self.bounds.string_bytes_max:
            code, most = "string_too_long", self.bounds.string_bytes_max
            self._add(
                Fault(pointer, code, f"{what}: expected at most {most} bytes, found {length}")
            )

    def _add(self, fault: Fault) -> None:
        if len(self.faults) < _FAULTS_MAX:
            self.faults.append(fault)


def _too_deep(pointer: str, bounds: Bounds) -> Fault:
    message = f"values are nested more than {bounds.depth_max} deep; flatten the properties"
    return Fault(pointer, "too_deep", message)


def _too_many(pointer: str, code: str, most: int, found: int) -> Fault:
    return Fault(pointer, code, f"expected at most {most}, found {found}")


def _not_finite(pointer: str, text: str) -> Fault:
    message = f"{text[:_NUMBER_SHOWN]} is no finite number; send null or a string instead"
    return Fault(pointer, "number_not_finite", message)
