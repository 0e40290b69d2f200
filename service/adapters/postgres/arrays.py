"""Columns of values as the text of an array, which PostgreSQL reads quicker than a driver packs it.

Form: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO. Every element is quoted but
whole numbers and NULL, so no value is taken for something else.
"""

from __future__ import annotations

from collections.abc import Sequence

EMPTY = "{}"
"""The array without elements."""

_BETWEEN = "\0"
"""Stands between texts while all are escaped at once: no text that can be stored has it."""


def array(column: Sequence[object]) -> str:
    """Return *column*, values of one type and None, as the text of an array."""
    if not column:
        return EMPTY
    first = column[0]
    if first is None:
        first = next((value for value in column if value is not None), None)
    if isinstance(first, str):
        return _texts(column)
    if isinstance(first, bytes):
        return _octets(column)
    return f"{{{str(list(column))[1:-1].replace('None', 'NULL')}}}"


def _texts(column: Sequence[object]) -> str:
    if None in column:
        return f"{{{','.join(map(_text, column))}}}"
    joined = _BETWEEN.join(column)  # type: ignore[arg-type]  # all are texts: one type, no None
    if joined.count(_BETWEEN) != len(column) - 1:  # the server is to refuse it
        return f"{{{','.join(map(_text, column))}}}"
    return f'{{"{_escaped(joined).replace(_BETWEEN, _QUOTED_BETWEEN)}"}}'


_QUOTED_BETWEEN = '","'


def _text(value: object) -> str:
    return "NULL" if value is None else f'"{_escaped(str(value))}"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _octets(column: Sequence[object]) -> str:
    shown = (f'"\\\\x{value.hex()}"' if isinstance(value, bytes) else "NULL" for value in column)
    return f"{{{','.join(shown)}}}"
