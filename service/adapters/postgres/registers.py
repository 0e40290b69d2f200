"""Registers in PostgreSQL."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import select, true

from projections.asking import Question
from projections.registers.register import AskEntries, AskFirsts, Register, WriteEntries
from projections.rows.changes import Row
from service.adapters.postgres import writes
from service.adapters.postgres.compiled import columns, for_postgres, number, rows_of, same
from service.adapters.postgres.connections import Link
from service.adapters.postgres.writes import Write
from service.adapters.sql.compiled import limited
from service.adapters.sql.registers import Form, bound_by, key_names, selected, table_of


def read_entries(link: Link, asked: AskEntries) -> list[Row]:
    """Return the rows that *asked* is about."""
    return [tuple(row) for row in link.rows(_text_of(Form.of(asked)), *bound_by(asked))]


def read_firsts(link: Link, asked: AskFirsts) -> list[Row]:
    """Return the first rows under each prefix, all in one round trip."""
    text = firsts_text(asked.register, len(asked.prefixes[0]))
    arrays = zip(*asked.prefixes, strict=True)
    return [tuple(row) for row in link.rows(text, *arrays, asked.each)]


def write_entries(link: Link, asked: WriteEntries) -> None:
    """Put and remove the rows of *asked*."""
    if asked.removed:
        link.listed(writes.text_of(_removing(asked.register)), asked.removed)
    if asked.put:
        link.listed(writes.text_of(_putting(asked.register)), asked.put)


def answer_register(link: Link, asked: Question[Any]) -> list[Row] | None:
    """Answer a question about registers."""
    match asked:
        case AskEntries():
            return read_entries(link, asked)
        case AskFirsts():
            return read_firsts(link, asked)
        case WriteEntries():
            write_entries(link, asked)
            return None
        case _:
            raise AssertionError(f"expected a question about a register, found {asked}")


@cache
def _text_of(form: Form) -> str:
    statement, names = selected(form)
    return for_postgres(statement, *names)


@cache
def firsts_text(register: Register[Any], width: int) -> str:
    """Return the statement for the first rows under prefixes of *width* columns."""
    table = table_of(register)
    given, rest = key_names(register)[:width], key_names(register)[width:]
    prefixes = rows_of(table, *given)
    found = select(*columns(table, *register.columns)).where(*same(table, prefixes, *given))
    found = found.order_by(*columns(table, *rest)).correlate(prefixes)
    under = limited(found, number("each")).lateral("under")
    joined = select(under).select_from(prefixes.join(under, true()))
    return for_postgres(joined, *given, "each")


@cache
def _putting(register: Register[Any]) -> Write:
    table = table_of(register)
    return writes.insert_into(table) if register.only_grows else writes.upsert_into(table)


@cache
def _removing(register: Register[Any]) -> Write:
    return writes.delete_from(table_of(register), tuple(key_names(register)))
