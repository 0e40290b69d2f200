"""Hosts: one or two processes at a time over the same rows, behind one address."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from service.adapters.memory.rows import MemoryRows
from service.adapters.runners import DirectRunner
from service.adapters.sqlite import sqlite_store
from service.ports import Store, StoreError
from tests.simulation import trouble as troubles
from tests.simulation.loop import SimulatedLoop
from tests.simulation.process import ConnectionLost, Host, VirtualClock
from tests.simulation.topic import Topic
from tests.simulation.trouble import Trouble

HOSTS_MAX = 2
STARTS_MAX = 20
STARTS_IN_TROUBLE_MAX = 5


class Hosts:
    """Where processes live over the same rows; those in memory have only one at a time.

    Attributes:
        clock: What all of them go by.
        trouble: What strikes any of them.
        topic: Where all of them write transitions.
        path: The SQLite file that holds the rows; None where they are in memory.
        every: One for each process that may live at a time.
    """

    def __init__(self, loop: SimulatedLoop, chance: random.Random, path: Path | None) -> None:
        """Keep rows in the SQLite file at *path*, or in memory without one."""
        self.clock = VirtualClock(loop)
        self.trouble = Trouble(chance)
        self._chance = chance
        self.path = path
        self._rows = MemoryRows()
        self.topic = Topic(chance)
        count = 1 if path is None else chance.randint(1, HOSTS_MAX)
        self.every = [
            Host(slot, self.clock, self.trouble, self._open_store, self.topic)
            for slot in range(count)
        ]

    def _open_store(self) -> tuple[Store, Callable[[], None]]:
        if self.path is None:
            return troubles.memory_store(self.trouble, self._rows), lambda: None
        return troubles.sqlite_store(self.trouble, self.path)

    @property
    def deaths(self) -> int:
        """How many processes were killed."""
        return sum(host.deaths for host in self.every)

    @property
    def is_leaving(self) -> bool:
        """Whether some process is away or about to go."""
        return any(host.process is None or host.process.is_leaving for host in self.every)

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 -- httpx's options
        """Return the answer of one of them to a request.

        Raises:
            ConnectionLost: It has no process, that died before it answered, or we hung up first.
        """
        return await self._chance.choice(self.every).ask(method, path, **options)

    async def start(self) -> None:
        """Start a process on each, one after the other."""
        for host in self.every:
            await host.start()

    async def start_anyhow(self, host: Host) -> None:
        """Start a process on *host* until one stays, as whoever runs the service does."""
        for attempt in range(STARTS_MAX):
            if attempt == STARTS_IN_TROUBLE_MAX:
                self.trouble.set_in(0)
            try:
                await host.start()
            except (ConnectionLost, StoreError):
                host.kill()
                await asyncio.sleep(1.0)
            else:
                return
        raise AssertionError(f"no process stayed up in {STARTS_MAX} starts")

    def reopened(self) -> Store:
        """Return a store over what all processes left, that takes no time and knows no trouble."""
        self.trouble.set_in(0)
        if self.path is None:
            return troubles.memory_store(self.trouble, self._rows)
        return sqlite_store(self.path, DirectRunner(), compile_one=troubles.compiled)

    def unheard(self) -> list[str]:
        """Return the errors that ended a loop or a job without anybody taking notice."""
        return [error for host in self.every for error in host.unheard()]

    def bury(self) -> None:
        """Let go of all processes that were killed."""
        for host in self.every:
            host.bury()
