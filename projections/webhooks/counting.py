"""Counters: how many there are of something, or how far something has come."""

from __future__ import annotations

from projections.asking import Script
from projections.registers.register import entry, put
from projections.webhooks.rows import COUNTERS, Counter


def count_on(name: str, more: int) -> Script[int]:
    """Return how far *name* had come, and let it be *more* further."""
    found = yield from entry(COUNTERS, name)
    value = 0 if found is None else found.value
    if more:
        yield from put(COUNTERS, Counter(name, value + more))
    return value


def reached(name: str) -> Script[int]:
    """Return how far *name* has come."""
    return (yield from count_on(name, 0))


def advance(name: str, *, expected: int, to: int) -> Script[bool]:
    """Let *name* come to a point if it is where the caller believes it to be; tell whether."""
    found = yield from entry(COUNTERS, name)
    if (0 if found is None else found.value) != expected:
        return False
    yield from put(COUNTERS, Counter(name, to))
    return True
