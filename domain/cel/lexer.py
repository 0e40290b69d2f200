"""Cuts the text of a condition into tokens.

Follows the lexis of the CEL language definition; numbers and strings arrive with their value.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

from domain.cel.errors import CelSyntaxError, line_and_column

TokenKind = Literal["name", "quoted", "int", "uint", "double", "string", "bytes", "symbol", "end"]

RESERVED: Final = frozenset(
    {
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    }
)
_BLANK: Final = re.compile(r"(?:[ \t\r\n\f]+|//[^\n]*)+")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_QUOTED: Final = re.compile(r"`([A-Za-z0-9_./ -]+)`")
_DOUBLE: Final = re.compile(
    r"(?:[0-9]+\.[0-9]+|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+"
)
_INTEGER: Final = re.compile(r"(0x[0-9a-fA-F]+|[0-9]+)([uU]?)")
_STRING_START: Final = re.compile(r"([bB]?)([rR]?)('''|\"\"\"|'|\")")
_SYMBOL: Final = re.compile(r"&&|\|\||[=!<>]=|[-+*/%<>!?:.,()\[\]{}]")
_ESCAPE: Final = re.compile(
    r"\\(?:([abfnrtv\\?\"'`])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})"
    r"|([0-3][0-7]{2}))|\\"
)
_SIMPLE_ESCAPES: Final = dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True))
_HINTS: Final = {
    "=": "to compare, write '=='",
    "&": "the logical and is '&&'",
    "|": "the logical or is '||'",
    "`": "a quoted name holds letters, digits, '_', '.', '-', '/' and blanks",
    ";": "a condition is a single expression",
    "#": "a comment starts with '//'",
}
_SURROGATES: Final = range(0xD800, 0xE000)
_UNICODE_MAX: Final = 0x10FFFF
_DIGITS_MAX: Final = 32


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of source: *text* names it, *value* is that of a literal."""

    kind: TokenKind
    text: str
    start: int
    end: int
    value: str | bytes | int | float | None = None


def syntax_error(source: str, offset: int, message: str) -> CelSyntaxError:
    """Return the error that points at character *offset* of *source*."""
    return CelSyntaxError(message, *line_and_column(source, offset))


def tokens(source: str) -> list[Token]:
    """Return the tokens of *source*, the last of kind "end".

    Raises:
        CelSyntaxError: a character or literal belongs to no token.
    """
    found: list[Token] = []
    position = _after_blank(source, 0)
    while position < len(source):
        token = _token(source, position)
        found.append(token)
        position = _after_blank(source, token.end)
    found.append(Token("end", "", len(source), len(source)))
    return found


def _after_blank(source: str, position: int) -> int:
    blank = _BLANK.match(source, position)
    return blank.end() if blank else position


def _token(source: str, start: int) -> Token:
    if match := _STRING_START.match(source, start):
        return _string(source, match)
    if match := _NAME.match(source, start):
        return Token("name", match[0], start, match.end())
    if match := _DOUBLE.match(source, start):
        return _double(source, match)
    if match := _INTEGER.match(source, start):
        return _integer(source, match)
    if match := _SYMBOL.match(source, start):
        return Token("symbol", match[0], start, match.end())
    if match := _QUOTED.match(source, start):
        return Token("quoted", match[1], start, match.end())
    character = source[start]
    hint = _HINTS.get(character)
    message = f"unexpected character {character!r}" + (f": {hint}" if hint else "")
    raise syntax_error(source, start, message)


def _double(source: str, match: re.Match[str]) -> Token:
    _ends_cleanly(source, match)
    value = float(match[0])
    if value == float("inf"):
        raise syntax_error(source, match.start(), "a double is at most about 1.8e308")
    return Token("double", match[0], match.start(), match.end(), value)


def _integer(source: str, match: re.Match[str]) -> Token:
    _ends_cleanly(source, match)
    digits, unsigned = match.groups()
    if len(digits) > _DIGITS_MAX:
        raise syntax_error(source, match.start(), "an integer has 64 bits")
    value = int(digits, 16 if digits.startswith("0x") else 10)
    kind: TokenKind = "uint" if unsigned else "int"
    return Token(kind, match[0], match.start(), match.end(), value)


def _ends_cleanly(source: str, match: re.Match[str]) -> None:
    if _NAME.match(source, match.end()):
        message = f"the number {match[0]} runs into letters: put a blank or an operator between"
        raise syntax_error(source, match.start(), message)


def _string(source: str, opening: re.Match[str]) -> Token:
    as_bytes, raw, quote = opening.groups()
    end = _closing(source, opening, escapes=not raw)
    body = source[opening.end() : end]
    after = end + len(quote)
    if as_bytes:
        octets = body.encode() if raw else _bytes_value(source, opening.end(), body)
        return Token("bytes", body, opening.start(), after, octets)
    text = body if raw else _unescaped(source, opening.end(), body)
    return Token("string", body, opening.start(), after, text)


def _closing(source: str, opening: re.Match[str], *, escapes: bool) -> int:
    quote = opening[3]
    position = opening.end()
    while position < len(source):
        if source.startswith(quote, position):
            return position
        if len(quote) == 1 and source[position] in "\r\n":
            raise syntax_error(source, opening.start(), "the string is not closed on its line")
        position += 2 if escapes and source[position] == "\\" else 1
    raise syntax_error(source, opening.start(), f"the string is not closed: expected {quote}")


def _unescaped(source: str, offset: int, body: str) -> str:
    def character(match: re.Match[str]) -> str:
        simple, byte, short, long, octal = match.groups()
        if simple:
            return _SIMPLE_ESCAPES.get(simple, simple)
        code = int(octal, 8) if octal else int(byte or short or long or "-1", 16)
        if not 0 <= code <= _UNICODE_MAX or code in _SURROGATES:
            raise syntax_error(source, offset + match.start(), _bad_escape(match[0]))
        return chr(code)

    return _ESCAPE.sub(character, body)


def _bytes_value(source: str, offset: int, body: str) -> bytes:
    parts: list[bytes] = []
    position = 0
    for match in _ESCAPE.finditer(body):
        simple, byte, short, long, octal = match.groups()
        parts.append(body[position : match.start()].encode())
        position = match.end()
        if simple:
            parts.append(_SIMPLE_ESCAPES.get(simple, simple).encode())
        elif byte or octal:
            parts.append(bytes([int(byte, 16) if byte else int(octal, 8)]))
        else:
            hint = ": bytes have no code points, only \\x and octal" if short or long else ""
            message = _bad_escape(match[0]) + hint
            raise syntax_error(source, offset + match.start(), message)
    parts.append(body[position:].encode())
    return b"".join(parts)


def _bad_escape(text: str) -> str:
    if text == "\\":
        return r"a backslash starts an escape such as \n, \", \x41 or \u0041; write \\ for itself"
    return f"{text} is not a character"
