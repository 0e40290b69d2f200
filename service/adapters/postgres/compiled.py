"""Statements written in SQLAlchemy Core, compiled once to the text that asyncpg takes.

A list of rows comes as one array per column, taken apart by `unnest`: one round trip however many
rows, and one plan for every length. The array is bound as the text of one (`arrays`), which the
server reads: the driver would ask of each element what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ClauseElement,
    ColumnElement,
    LargeBinary,
    Table,
    TableValuedAlias,
    Text,
    bindparam,
    column,
    func,
)
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.types import TypeEngine

_DIALECT = asyncpg.dialect()  # type: ignore[no-untyped-call] # not typed there
_PLAIN: tuple[TypeEngine[Any], ...] = (BigInteger(), Text(), LargeBinary())

WHOLE: TypeEngine[int] = BigInteger()
TEXT: TypeEngine[str] = Text()


def number(name: str) -> ColumnElement[int]:
    """Return the parameter *name*, a whole number."""
    return bindparam(name, type_=BigInteger)


def words(name: str) -> ColumnElement[str]:
    """Return the parameter *name*, a text."""
    return bindparam(name, type_=Text)


def listed(columns: dict[str, TypeEngine[Any]], prefix: str = "") -> TableValuedAlias:
    """Return rows of *columns*, each bound as one text under *prefix* and the column's name."""
    arrays = [
        bindparam(f"{prefix}{name}", type_=Text).cast(ARRAY(kind)) for name, kind in columns.items()
    ]
    named = [column(name, kind) for name, kind in columns.items()]
    return func.unnest(*arrays).table_valued(*named).render_derived(name="listed")


def rows_of(table: Table, *names: str, prefix: str = "") -> TableValuedAlias:
    """Return rows to be bound that have the columns *names* of *table*."""
    return listed({name: plain_type(table, name) for name in names}, prefix)


def plain_type(table: Table, name: str) -> TypeEngine[Any]:
    """Return the type of a column as a parameter has it, without a collation."""
    kind = table.c[name].type
    return next(plain for plain in _PLAIN if isinstance(kind, type(plain)))


def same(table: Table, rows: TableValuedAlias, *names: str) -> list[ColumnElement[bool]]:
    """Return the conditions that the columns *names* of *table* are those of *rows*."""
    return [table.c[name] == rows.c[name] for name in names]


def columns(table: Table, *names: str) -> list[ColumnElement[Any]]:
    """Return columns of *table* by name."""
    return [table.c[name] for name in names]


def for_postgres(statement: ClauseElement, *names: str) -> str:
    """Return the text of *statement*, whose parameters are *names* in the order they are bound.

    Raises:
        AssertionError: They are bound in another order.
    """
    text, bound = text_and_names(statement)
    if tuple(bound) != names:
        raise AssertionError(f"{text}: expected parameters {names}, found {tuple(bound)}")
    return text


def text_and_names(statement: ClauseElement) -> tuple[str, Sequence[str]]:
    """Return the text of *statement* and the names of its parameters in the order of binding."""
    compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    return str(compiled), getattr(compiled, "positiontup", None) or ()


@cache
def statement(write: Callable[[], str]) -> str:
    """Return the text that *write* makes, made when it is first used."""
    return write()
