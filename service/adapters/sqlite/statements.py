"""Statement texts, each compiled when it is first used."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache


@cache
def statement(write: Callable[[], str]) -> str:
    """Return the text that *write* makes."""
    return write()
