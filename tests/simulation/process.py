"""Processes of the service: started, stopped, killed between two awaits, and started again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sqlite3
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from functools import cache, partial
from typing import Any, TypeVar

import httpx
from fastapi import FastAPI

from service.app import create_app
from service.bootstrap import assemble, close, prepare, publishing
from service.leases import while_held
from service.loops import start_tail
from service.ports import Store
from service.publishing.publisher import Publisher
from service.services import Services
from service.settings import Settings
from service.workers.follower import Follower
from service.workers.sweeper import Sweeper
from tests.builders import at
from tests.contract.saying import SHOP, TEAM, TENANT
from tests.simulation.loop import OWNER, Owner, SimulatedLoop
from tests.simulation.topic import NAME, Topic
from tests.simulation.trouble import Trouble

Answer = TypeVar("Answer")
OpenStore = Callable[[], tuple[Store, Callable[[], None]]]
"""Opens a store, and returns it with what drops its connections as a death would."""

KEY = "a-bootstrap-key-for-simulations-that-opens-nothing-else"
HOURS_BETWEEN_SWEEPS = 20
SECONDS_BETWEEN_PAGES = (1, 1, 60, 600, 7_200)
HOURS_BETWEEN_LOOKS = 4
STANDBY_HOURS = 200
LEASES_HELD = 0.8
"""How often a process is told that a lease is its own."""

NOTICE_SECONDS_MAX = 0.05
"""How long at most a process that was told to stop goes on reading for whoever asks."""

IMPATIENT_SECONDS = 0.03
"""How long at most a client waits that hangs up before it is answered."""

BEGIN = at(100)
"""The hour at which a simulation begins: there is a past of which late events can tell."""


class ConnectionLost(Exception):  # noqa: N818 -- it names what a client sees
    """Nobody answers, or nobody answers any more: what was sent may have been stored or not."""


class VirtualClock:
    """The clock of the loop, set right or wrong now and then.

    Attributes:
        latest: The latest instant that it has ever told.
    """

    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop
        self._error = 0
        self.latest = BEGIN

    def now(self) -> int:
        """Return the virtual instant, as far as the clock knows it."""
        found = BEGIN + self._loop.microseconds + self._error
        self.latest = max(self.latest, found)
        return found

    def set_wrong(self, microseconds: int) -> None:
        """Let it tell so much more than is true from now on; less where it is negative."""
        self._error = microseconds


class SeededRandomness:
    """Chance that repeats."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def token(self, octets: int) -> bytes:
        """Return bytes."""
        return self._chance.randbytes(octets)


class DoubtfulLeases:
    """Leases that are had, lost, and held by two at once, as chance has it: they decide nothing."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    async def hold(self, name: str) -> bool:  # noqa: ARG002 -- of the port
        """Tell whether it is ours; mostly it is."""
        return self._chance.random() < LEASES_HELD

    async def release(self) -> None:
        """Let others have them."""


@cache
def application(slot: int) -> FastAPI:
    """Return the one application of a slot in all runs: making its routes takes long."""
    del slot
    return create_app()


class Process(Owner):
    """One life of the service."""

    def __init__(self) -> None:
        super().__init__()
        self.services: Services | None = None
        self.death: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_leaving = False
        self.is_deaf = False
        self.requests: set[asyncio.Task[Any]] = set()
        self.drop: Callable[[], None] = lambda: None

    def spawn(self, work: Coroutine[Any, Any, Answer]) -> asyncio.Task[Answer]:
        """Return *work* as a task that dies with the process."""
        context = copy_context()
        context.run(OWNER.set, self)
        return asyncio.get_running_loop().create_task(work, context=context)

    async def outcome(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Return what *work* comes to inside the process.

        Raises:
            ConnectionLost: The process died first.
        """
        task = self.spawn(work)
        await asyncio.wait((task, self.death), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ConnectionLost
        return task.result()

    def bury(self) -> None:
        """Let go of what was under way at its death, so that nothing stirs afterwards."""
        for task in self.tasks:
            coroutine = task.get_coro()
            if not task.done() and isinstance(coroutine, Coroutine):
                with contextlib.suppress(RuntimeError, sqlite3.Error):
                    coroutine.close()


class Host:
    """Where processes live one after the other over the same rows, perhaps beside another host's.

    Attributes:
        process: The one that lives now; None between two.
        deaths: How many were killed.
    """

    def __init__(
        self,
        slot: int,
        clock: VirtualClock,
        trouble: Trouble,
        open_store: OpenStore,
        topic: Topic,
    ) -> None:
        """Let each process open its store by *open_store*; nothing lives here yet."""
        self._topic = topic
        self.clock = clock
        self.chance = trouble.chance
        self.process: Process | None = None
        self.deaths = 0
        self._open_store = open_store
        self._application = application(slot)
        self._lives: list[Process] = []
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self._application, raise_app_exceptions=False),
            base_url="http://test",
            headers={"Authorization": f"Bearer {KEY}"},
        )

    async def start(self) -> None:
        """Start a process, as `service.bootstrap.build` does; one that fails is tried again.

        Raises:
            ConnectionLost: It was killed while it started.
        """
        process = self.process = Process()
        self._lives.append(process)
        process.services = await process.outcome(self._boot(process))

    async def _boot(self, process: Process) -> Services:
        settings = Settings.from_environment(
            {
                "STAGEFOLD_API_KEY": KEY,
                "STAGEFOLD_MODELS": "none",
                "STAGEFOLD_STANDBY_HOURS": str(STANDBY_HOURS),
                "STAGEFOLD_KAFKA_TRANSITIONS_TOPICS": NAME,
            }
        )
        store, process.drop = self._open_store()
        services = assemble(
            settings,
            store,
            self.clock,
            SeededRandomness(self.chance),
            leases=DoubtfulLeases(self.chance),
        )
        services = publishing(services, lambda _: self._topic)
        services.appender.start()
        await prepare(services)
        await self._open(services)
        return services

    async def _open(self, services: Services) -> None:
        for document in (SHOP, TEAM):
            found = await services.store.model(TENANT, document["model"])
            if found is None or found.active_generation is None:
                text = json.dumps(document).encode()
                draft = services.catalogue.read(text, "application/json")
                version = await services.catalogue.put(draft, tenant=TENANT, author="simulation")
                await services.catalogue.activate_and_wait(version)
        services.loops.start("follower", partial(self._follow, services.follower), pause_seconds=0)
        sweeper = Sweeper(services.store, services.clock, services.progress)
        sweep = while_held(services.leases, "sweeper", partial(self._sweep, sweeper))
        services.loops.start("sweeper", sweep, pause_seconds=1.0)
        services.loops.start("rebuild", partial(self._rebuild, services), pause_seconds=1.0)
        services.loops.start("erasures", partial(self._forget, services), pause_seconds=1.0)
        start_tail(services)
        for publisher in services.publishers:
            publish = partial(self._publish, publisher)
            services.loops.start("kafka-transitions", publish, pause_seconds=1.0)
        self._application.state.services = services

    async def _follow(self, follower: Follower) -> bool:
        """Fold a page after a while: at once, or when hours of appends wait for it."""
        longest = self.chance.choice(SECONDS_BETWEEN_PAGES)
        await asyncio.sleep(self.chance.random() * longest)
        return await follower.page()

    async def _sweep(self, sweeper: Sweeper) -> bool:
        await asyncio.sleep(self.chance.random() * HOURS_BETWEEN_SWEEPS * 3_600)
        return await sweeper.round()

    async def _publish(self, publisher: Publisher) -> bool:
        """Write a page after a while: at once, or when hours of the feed wait for it."""
        await asyncio.sleep(self.chance.random() * self.chance.choice(SECONDS_BETWEEN_PAGES))
        return await publisher.round()

    async def _rebuild(self, services: Services) -> bool:
        if await services.rebuilds.round():
            return True
        await asyncio.sleep(self.chance.random() * HOURS_BETWEEN_LOOKS * 3_600)
        return False

    async def _forget(self, services: Services) -> bool:
        await asyncio.sleep(self.chance.random() * HOURS_BETWEEN_SWEEPS * 3_600)
        return await services.erasing.round()

    # ------------------------------------------------------------ what happens to it

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 -- httpx's options
        """Return the answer to a request.

        Raises:
            ConnectionLost: There is no process, it died before it answered, or we hung up first.
        """
        process = self.process
        if process is None or process.services is None or process.is_deaf:
            raise ConnectionLost
        task = process.spawn(self._client.request(method, path, **options))
        process.requests.add(task)
        patience = self.chance.random() * IMPATIENT_SECONDS if self.chance.random() < 0.05 else None
        await asyncio.wait(
            (task, process.death), timeout=patience, return_when=asyncio.FIRST_COMPLETED
        )
        if not task.done() and not process.is_dead:
            task.cancel()
            await asyncio.wait((task, process.death), return_when=asyncio.FIRST_COMPLETED)
        process.requests.discard(task)
        if not task.done() or task.cancelled():
            raise ConnectionLost
        return task.result()

    def kill(self) -> None:
        """End the process where it stands: nothing is closed, nothing is said."""
        process = self.process
        if process is None:
            return
        self.process = None
        self.deaths += 1
        process.is_dead = True
        process.drop()
        if not process.death.done():
            process.death.set_result(None)

    async def stop(self) -> None:
        """Take no writes, answer what is under way, then close, as a server told to stop does."""
        process = self.process
        if process is None or process.services is None or process.is_leaving:
            return
        process.is_leaving = True
        process.services.lifecycle.draining = True
        process.services.live.tail.leave()
        await asyncio.sleep(self.chance.random() * NOTICE_SECONDS_MAX)
        if process.is_dead:
            return
        process.is_deaf = True
        if process.requests:
            await asyncio.wait(list(process.requests))
        await process.outcome(close(process.services))
        process.is_dead = True
        self.process = None

    def unheard(self) -> list[str]:
        """Return the errors that ended a loop or a job without anybody taking notice.

        Those have names. Other tasks are waited for, by what may have been killed just before.
        """
        return [
            f"{task.get_name()}: {task.exception()!r}"
            for process in self._lives
            for task in process.tasks
            if getattr(task, "_log_traceback", False) and not task.get_name().startswith("Task-")
        ]

    def bury(self) -> None:
        """Let go of all processes that were killed."""
        for process in self._lives:
            process.bury()
