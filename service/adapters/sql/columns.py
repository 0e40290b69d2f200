"""What tables are declared with: their columns, their kinds and the metadata that holds them all.

Instants are whole microseconds since the epoch. Every table is STRICT on SQLite. Narrow tables are
stored in their key's order there; wide ones have a row id, because a wide row in a key's tree makes
the tree deep.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, Text, text

metadata = MetaData()

_Whole = BigInteger().with_variant(Integer, "sqlite")
_Words = Text().with_variant(Text(collation="C"), "postgresql")
"""Texts sort by code point everywhere, whatever language the database speaks."""
WIDE: dict[str, Any] = {"sqlite_strict": True}
NARROW: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}


def number(name: str, *, null: bool = False) -> Column[int]:
    """Return a column of whole numbers: counts, positions, instants, flags."""
    return Column(name, _Whole, nullable=null, autoincrement=False)


def words(name: str, *, null: bool = False) -> Column[str]:
    """Return a column of text."""
    return Column(name, _Words, nullable=null)


def octets(name: str, *, null: bool = False) -> Column[bytes]:
    """Return a column of bytes."""
    return Column(name, LargeBinary, nullable=null)


def where(condition: str) -> dict[str, Any]:
    """Return what makes an index cover only rows that meet *condition*."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}
