"""Registers in PostgreSQL."""

from __future__ import annotations

from functools import cache
from typing import Any

from projections.changes import Row
from projections.registers import AskEntries, Register, WriteEntries
from service.adapters.postgres import writes
from service.adapters.postgres.compiled import for_postgres
from service.adapters.postgres.connections import Link
from service.adapters.postgres.writes import Write
from service.adapters.sql.registers import Form, bound_by, key_names, selected, table_of


def read_entries(link: Link, asked: AskEntries) -> list[Row]:
    """Return the rows that *asked* is about."""
    return [tuple(row) for row in link.rows(_text_of(Form.of(asked)), *bound_by(asked))]


def write_entries(link: Link, asked: WriteEntries) -> None:
    """Put and remove the rows of *asked*."""
    if asked.removed:
        link.listed(writes.text_of(_removing(asked.register)), asked.removed)
    if asked.put:
        link.listed(writes.text_of(_putting(asked.register)), asked.put)


@cache
def _text_of(form: Form) -> str:
    statement, names = selected(form)
    return for_postgres(statement, *names)


@cache
def _putting(register: Register[Any]) -> Write:
    table = table_of(register)
    return writes.insert_into(table) if register.only_grows else writes.upsert_into(table)


@cache
def _removing(register: Register[Any]) -> Write:
    return writes.delete_from(table_of(register), tuple(key_names(register)))
