"""Blocking code on the event loop: each call in a greenlet, each wait awaited by its caller."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from sqlalchemy.util.concurrency import greenlet_spawn

Answer = TypeVar("Answer")


class GreenletRunner:
    """Runs writes one after another and reads beside them, all in the thread of the loop.

    What has begun comes to its end, also when its caller is cancelled: a transaction that is cut
    off at COMMIT would leave everybody in doubt.
    """

    def __init__(self) -> None:
        """Hold nothing."""
        self._turn = asyncio.Lock()
        self._begun: set[asyncio.Task[Any]] = set()

    async def write(self, call: Callable[[], Answer]) -> Answer:
        return await self._finished(self._in_turn(call))

    async def read(self, call: Callable[[], Answer], *, quick: bool = False) -> Answer:  # noqa: ARG002 -- of the port
        return await self._finished(greenlet_spawn(call))

    async def close(self) -> None:
        while self._begun:
            await asyncio.wait(list(self._begun))

    async def _in_turn(self, call: Callable[[], Answer]) -> Answer:
        async with self._turn:
            return await greenlet_spawn(call)

    async def _finished(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        task = asyncio.ensure_future(work)
        self._begun.add(task)
        task.add_done_callback(self._end)
        return await asyncio.shield(task)

    def _end(self, task: asyncio.Task[Any]) -> None:
        self._begun.discard(task)
        if not task.cancelled():
            task.exception()  # a caller who left does not hear of it
