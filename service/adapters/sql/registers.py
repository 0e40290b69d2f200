"""What is asked of a register, as a statement: the same for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    LargeBinary,
    Select,
    Table,
    Text,
    bindparam,
    select,
    tuple_,
)
from sqlalchemy.types import TypeEngine

from projections.registers.register import AskEntries, Register
from projections.rows.changes import Row
from service.adapters.sql.compiled import limited
from service.adapters.sql.declared import metadata

_PLAIN: tuple[TypeEngine[Any], ...] = (BigInteger(), Text(), LargeBinary())


@dataclass(frozen=True, slots=True)
class Form:
    """What two questions have in common that one statement answers."""

    register: Register[Any]
    prefix: int
    is_paged: bool
    newest_first: bool
    equal: tuple[str, ...]
    has_since: bool
    has_until: bool

    @classmethod
    def of(cls, asked: AskEntries) -> Form:
        """Return the form of *asked*."""
        return cls(
            asked.register,
            len(asked.prefix),
            bool(asked.after),
            asked.newest_first,
            tuple(name for name, _ in asked.equal),
            asked.since is not None,
            asked.until is not None,
        )


def table_of(register: Register[Any]) -> Table:
    """Return the table of *register*."""
    return metadata.tables[register.name]


def bound_by(asked: AskEntries) -> Row:
    """Return what the statement of `selected` binds for *asked*, in its order."""
    dated = [each for each in (asked.since, asked.until) if each is not None]
    equal = (value for _, value in asked.equal)
    return (*asked.prefix, *equal, *dated, *asked.after, asked.limit)


def selected(form: Form) -> tuple[Select[Any], tuple[str, ...]]:
    """Return the statement for rows of that form, and the names of what it binds, in order."""
    table, register = table_of(form.register), form.register
    key = [table.c[name] for name in register.columns[: register.key]]
    given, rest = key[: form.prefix], key[form.prefix :]
    equal = [table.c[name] for name in form.equal]
    wanted: list[ColumnElement[bool]] = [one == _of(one) for one in (*given, *equal)]
    names = [one.name for one in (*given, *equal)]
    for is_asked, word in ((form.has_since, "since"), (form.has_until, "until")):
        if is_asked:
            date, instant = table.c[register.dated], bindparam(word, type_=BigInteger())
            wanted.append(date >= instant if word == "since" else date < instant)
            names.append(word)
    if form.is_paged:
        place, last = tuple_(*rest), tuple_(*(_of(one, "after_") for one in rest))
        wanted.append(place < last if form.newest_first else place > last)
        names += [f"after_{one.name}" for one in rest]
    order = [one.desc() for one in rest] if form.newest_first else rest
    found = select(*(table.c[name] for name in register.columns)).where(*wanted).order_by(*order)
    return limited(found, bindparam("count", type_=BigInteger())), (*names, "count")


def _of(column: ColumnElement[Any], prefix: str = "") -> BindParameter[Any]:
    """Return the parameter for *column*, as plain as a driver has it, without a collation."""
    kind = next(plain for plain in _PLAIN if isinstance(column.type, type(plain)))
    return bindparam(f"{prefix}{getattr(column, 'name', '')}", type_=kind)


def key_names(register: Register[Any]) -> Sequence[str]:
    """Return the names of the key's columns."""
    return register.columns[: register.key]
