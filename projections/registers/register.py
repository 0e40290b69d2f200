"""Registers: small tables that nothing is folded from, each a list of flat values by their key.

A register says what its values are; scripts read and write them by two questions that every store
answers. So whoever has something small to keep writes a value and a script, and no statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Generic, TypeVar

from projections.asking import Question, Script, ask
from projections.reading.answers import Page
from projections.rows.changes import Row

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Register(Generic[Value]):
    """A table of values.

    Attributes:
        name: Of the table.
        kind: A flat dataclass: numbers, texts and bytes, in the order of the table's columns.
        key: How many of its first fields are its key.
        dated: The field that `since` and `until` look at; empty for none.
        only_grows: No value is ever replaced or removed.
        columns: The names of its fields.
    """

    name: str
    kind: type[Value]
    key: int
    dated: str = ""
    only_grows: bool = False
    columns: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Look the names of the fields up, once."""
        names = tuple(each.name for each in fields(self.kind))  # type: ignore[arg-type]  # a dataclass, as said above
        object.__setattr__(self, "columns", names)

    def row(self, value: Value) -> Row:
        """Return the row of *value*."""
        return tuple([getattr(value, name) for name in self.columns])

    def value(self, row: Row) -> Value:
        """Return the value that *row* holds."""
        return self.kind(*row)


@dataclass(frozen=True, slots=True)
class AskEntries(Question[list[Row]]):
    """Which rows has a register, in the order of their keys?

    Attributes:
        prefix: What their keys begin with.
        after: Only rows behind this rest of a key, in the order asked for.
        equal: Further fields and what they are.
        since: Only rows dated then or later.
        until: Only rows dated before.
    """

    register: Register[Any]
    prefix: Row = ()
    after: Row = ()
    limit: int = 1_000
    newest_first: bool = False
    equal: tuple[tuple[str, object], ...] = ()
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class AskFirsts(Question[list[Row]]):
    """Which are the first rows under each of these beginnings of keys, in any order of those?

    All beginnings are equally long and without repeats; a whole key is one too.

    Attributes:
        each: How many rows at most under each.
    """

    register: Register[Any]
    prefixes: Sequence[Row]
    each: int = 1


@dataclass(frozen=True, slots=True)
class WriteEntries(Question[None]):
    """Put rows into a register, in place of those with the same keys, and remove others by key."""

    register: Register[Any]
    put: Sequence[Row] = ()
    removed: Sequence[Row] = ()


def found(register: Register[Value], asked: AskEntries) -> Script[list[Value]]:
    """Return the values of *register* that *asked* is about."""
    rows = yield from ask(asked)
    return [register.value(row) for row in rows]


def paged(register: Register[Value], asked: AskEntries) -> Script[Page[Value]]:
    """Return a page of the values that *asked* is about; the next one begins behind its end."""
    rows = yield from ask(replace(asked, limit=asked.limit + 1))
    shown = rows[: asked.limit]
    rest = shown[-1][len(asked.prefix) : register.key] if len(rows) > asked.limit else None
    return Page(tuple(map(register.value, shown)), rest)


def entry(register: Register[Value], *key: object) -> Script[Value | None]:
    """Return the value with that whole key, if there is one."""
    rows = yield from ask(AskEntries(register, prefix=key, limit=1))
    return register.value(rows[0]) if rows else None


def entries(
    register: Register[Value], *prefix: object, limit: int = 100_000
) -> Script[list[Value]]:
    """Return the values whose keys begin with *prefix*, in order."""
    return (yield from found(register, AskEntries(register, prefix=prefix, limit=limit)))


def firsts(
    register: Register[Value], prefixes: Sequence[Row], *, each: int = 1
) -> Script[list[Value]]:
    """Return the first values under each of *prefixes*, which are without repeats."""
    if not prefixes:
        return []
    rows = yield from ask(AskFirsts(register, prefixes, each))
    return [register.value(row) for row in rows]


def put(register: Register[Value], *values: Value) -> Script[None]:
    """Write *values*, in place of those with the same keys."""
    yield from ask(WriteEntries(register, put=[register.row(each) for each in values]))


def remove(register: Register[Value], *values: Value) -> Script[None]:
    """Remove *values* by their keys."""
    keys = [register.row(each)[: register.key] for each in values]
    yield from ask(WriteEntries(register, removed=keys))
