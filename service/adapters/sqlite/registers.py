"""Registers in SQLite."""

from __future__ import annotations

import sqlite3
from functools import cache
from typing import Any

from projections.registers.register import AskEntries, AskFirsts, Register, WriteEntries
from projections.rows.changes import Row
from service.adapters.sql.compiled import for_sqlite
from service.adapters.sql.registers import Form, bound_by, key_names, selected, table_of
from service.adapters.sqlite import writes


def read_entries(connection: sqlite3.Connection, asked: AskEntries) -> list[Row]:
    """Return the rows that *asked* is about."""
    return connection.execute(_text_of(Form.of(asked)), bound_by(asked)).fetchall()


def read_firsts(connection: sqlite3.Connection, asked: AskFirsts) -> list[Row]:
    """Return the first rows under each prefix; one look-up each, which costs no round trip."""
    form = AskEntries(asked.register, asked.prefixes[0], limit=asked.each)
    text = _text_of(Form.of(form))
    return [
        row
        for prefix in asked.prefixes
        for row in connection.execute(text, (*prefix, asked.each)).fetchall()
    ]


def write_entries(connection: sqlite3.Connection, asked: WriteEntries) -> None:
    """Put and remove the rows of *asked*."""
    if asked.removed:
        connection.executemany(_removing(asked.register), asked.removed)
    if asked.put:
        connection.executemany(_putting(asked.register), asked.put)


@cache
def _text_of(form: Form) -> str:
    statement, names = selected(form)
    return for_sqlite(statement, *names)


@cache
def _putting(register: Register[Any]) -> str:
    table = table_of(register)
    return writes.insert_into(table) if register.only_grows else writes.upsert_into(table)


@cache
def _removing(register: Register[Any]) -> str:
    return writes.delete_from(table_of(register), tuple(key_names(register)))
