"""Turns for others in the midst of long work.

A call that runs in a greenlet of the event loop lets the loop go round once; elsewhere, on a thread
or in a simulation's direct call, nothing happens: there is nobody who waits for it to end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import TypeVar

from sqlalchemy.util.concurrency import await_, in_greenlet

Item = TypeVar("Item")

ITEMS_BETWEEN_TURNS = 1_000


def give_turn() -> None:
    """Let whatever else is ready on the loop run first."""
    if in_greenlet():
        await_(asyncio.sleep(0))


def by_turns(items: Iterable[Item]) -> Iterator[Item]:
    """Yield *items*, with a turn for others now and then."""
    for number, item in enumerate(items, start=1):
        yield item
        if number % ITEMS_BETWEEN_TURNS == 0:
            give_turn()
