"""Ways to run calls that block: on threads in production, at once in a simulation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Answer = TypeVar("Answer")

READERS = 3


class DirectRunner:
    """Runs every call where it is made: one thread, one order, nothing to wait for."""

    async def write(self, call: Callable[[], Answer]) -> Answer:
        return call()

    async def read(self, call: Callable[[], Answer], *, quick: bool = False) -> Answer:  # noqa: ARG002 -- of the port
        return call()

    async def close(self) -> None:
        pass


class ThreadRunner:
    """Runs writes on one thread and reads on a few, so that the loop never waits for a disk."""

    def __init__(self, readers: int = READERS) -> None:
        """Start nothing yet: threads begin with the first call."""
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="store-reader")

    async def write(self, call: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._writer, call)

    async def read(self, call: Callable[[], Answer], *, quick: bool = False) -> Answer:
        if quick:  # a look-up by key costs less than a change of threads
            return call()
        return await asyncio.get_running_loop().run_in_executor(self._readers, call)

    async def close(self) -> None:
        await asyncio.to_thread(self._shut_down)

    def _shut_down(self) -> None:
        self._writer.shutdown()
        self._readers.shutdown()
