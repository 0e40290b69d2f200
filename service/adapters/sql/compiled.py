"""Statements written in SQLAlchemy Core, compiled once to the text that a driver takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    FromClause,
    Integer,
    Join,
    Select,
    literal_column,
    true,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

_SQLITE = sqlite.dialect(paramstyle="qmark")


class CrossJoin(Join):
    """A join that SQLite performs in the order written.

    With a plain JOIN its planner may read the whole table and look each row up in the list:
    3,300 against 40,000 events a second. https://sqlite.org/optoverview.html#crossjoin
    """

    __visit_name__ = "cross_join"
    inherit_cache = False

    def __init__(self, left: FromClause, right: FromClause) -> None:
        """Join every row of *left* with every row of *right*; the conditions stand in WHERE."""
        super().__init__(left, right, true())


@compiles(CrossJoin)
def _write_cross_join(join: CrossJoin, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 -- of SQLAlchemy
    options["asfrom"] = True
    left = compiler.process(join.left, **options)
    right = compiler.process(join.right, **options)
    return f"{left} CROSS JOIN {right}"


def limited(statement: Select[Any], count: ColumnElement[int] | None = None) -> Select[Any]:
    """Return *statement* with at most *count* rows; without a count with one."""
    one: ColumnElement[int] = literal_column("1", Integer)
    nothing: ColumnElement[int] = literal_column("0", Integer)
    return statement.limit(one if count is None else count).offset(nothing)


def for_sqlite(statement: ClauseElement, *names: str) -> str:
    """Return the text of *statement*, whose parameters are *names* in the order they are bound.

    Raises:
        AssertionError: They are bound in another order.
    """
    text, bound = text_and_names(statement)
    if bound != names:
        raise AssertionError(f"{text}: expected parameters {names}, found {bound}")
    return text


def text_and_names(statement: ClauseElement) -> tuple[str, tuple[str, ...]]:
    """Return the text of *statement*, and what it binds, in order."""
    compiled = statement.compile(dialect=_SQLITE, compile_kwargs={"render_postcompile": True})
    bound: Sequence[str] = getattr(compiled, "positiontup", None) or ()
    return str(compiled), tuple(bound)
