"""Registers in memory: dictionaries by key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from projections.asking import Question
from projections.registers.register import AskEntries, AskFirsts, Register, WriteEntries
from projections.rows.changes import Row


class MemoryRegisters:
    """All registers, each a dictionary."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[Row, Row]] = {}

    def answers(self) -> dict[type[Question[Any]], Callable[[Any], Any]]:
        return {
            AskEntries: self.read,
            AskFirsts: self.read_firsts,
            WriteEntries: self.write,
        }

    def read(self, asked: AskEntries) -> list[Row]:
        register, prefix = asked.register, asked.prefix
        found = [
            (key[len(prefix) :], row)
            for key, row in self._rows.get(register.name, {}).items()
            if key[: len(prefix)] == prefix and _is_meant(register, row, asked)
        ]
        found.sort(reverse=asked.newest_first)
        if asked.after:
            found = [
                (rest, row)
                for rest, row in found
                if rest != asked.after and (rest < asked.after) is asked.newest_first
            ]
        return [row for _, row in found[: asked.limit]]

    def read_firsts(self, asked: AskFirsts) -> list[Row]:
        rows = self._rows.get(asked.register.name, {})
        if asked.prefixes and len(asked.prefixes[0]) == asked.register.key:
            return [rows[key] for key in map(tuple, asked.prefixes) if key in rows]
        width = len(asked.prefixes[0]) if asked.prefixes else 0
        wanted: dict[Row, list[Row]] = {tuple(prefix): [] for prefix in asked.prefixes}
        for key in sorted(key for key in rows if key[:width] in wanted):
            found = wanted[key[:width]]
            if len(found) < asked.each:
                found.append(rows[key])
        return [row for found in wanted.values() for row in found]

    def write(self, asked: WriteEntries) -> None:
        rows = self._rows.setdefault(asked.register.name, {})
        for key in asked.removed:
            rows.pop(tuple(key), None)
        for row in asked.put:
            rows[row[: asked.register.key]] = row


def _is_meant(register: Register[Any], row: Row, asked: AskEntries) -> bool:
    value = dict(zip(register.columns, row, strict=True))
    dated = value.get(register.dated, 0)
    return (
        all(value[name] == wanted for name, wanted in asked.equal)
        and (asked.since is None or dated >= asked.since)
        and (asked.until is None or dated < asked.until)
    )
