"""The server's looks over its connections: who is slow is seen, and not who was not heard."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from service.server import BoundedProtocol, Server, server_of
from service.services import Services
from tests.http.conftest import TurnedClock, services_over_memory
from tests.simulation.loop import simulated_loop

TICKS_BETWEEN_LOOKS = 5


class Watched(BoundedProtocol):
    """A connection that only notes when it is looked at."""

    def __init__(self) -> None:
        self.looked_at: list[float] = []

    def look(self, now: float) -> None:
        """Note the look."""
        self.looked_at.append(now)


async def server_with(connection: Watched) -> tuple[Server, Services]:
    """Return a server that has one connection, and its services."""
    services = await services_over_memory(TurnedClock())
    server = server_of(services, lambda _: None)
    connections: set[Any] = server.server_state.connections
    connections.add(connection)
    return server, services


async def looks(server: Server, *, pauses: list[float]) -> None:
    """Let the server look after each of *pauses*."""
    for number, pause in enumerate(pauses):
        await asyncio.sleep(pause)
        await server.on_tick(number * TICKS_BETWEEN_LOOKS)


def test_after_a_stall_of_ours_nobody_is_blamed_before_he_is_heard() -> None:
    """What arrived while the loop stood still is read before the clocks of clients are."""

    async def watch() -> list[float]:
        connection = Watched()
        server, services = await server_with(connection)
        begun = asyncio.get_running_loop().time()
        await looks(server, pauses=[0.5, 0.5, 9.0, 0.5])
        await services.appender.close()
        return [round(at - begun, 1) for at in connection.looked_at]

    looked_at = simulated_loop(random.Random(1)).run_until_complete(watch())  # noqa: S311 -- it repeats

    assert looked_at == [0.5, 1.0, 10.5]
