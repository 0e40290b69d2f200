"""An event loop in which everything is decided by a seed: no sockets, no threads, no real time.

Callbacks that are ready run in an order that chance chooses; time stands while any is ready and
then jumps to the next timer. A callback belongs to whoever owned the context it was made in, and
what belongs to the dead never runs again: so a process can be killed between any two awaits.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import random
import sys
from asyncio import events
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar, TypeVarTuple

Answer = TypeVar("Answer")
Given = TypeVarTuple("Given")

STEPS_MAX = 2_000_000
"""Many times what a run takes: beyond it, something turns in a circle."""


class Owner:
    """Whoever tasks belong to; once it is dead, none of them takes another step."""

    def __init__(self) -> None:
        self.is_dead = False
        self.tasks: list[asyncio.Task[Any]] = []


OWNER: ContextVar[Owner | None] = ContextVar("owner", default=None)

_Ready = tuple[asyncio.Handle, Context, Callable[..., object], tuple[Any, ...]]


class SimulatedLoop(asyncio.AbstractEventLoop):
    """Runs one coroutine to its end, in virtual time.

    Attributes:
        steps: Callbacks that have run.
        troubles: What tasks have failed with that nobody waited for.
    """

    def __init__(self, chance: random.Random) -> None:
        """Let *chance* choose which of the ready callbacks runs next."""
        self._chance = chance
        self._microseconds = 0
        self._ready: list[_Ready] = []
        self._timers: list[tuple[int, int, _Ready]] = []
        self._numbers = itertools.count()
        self.steps = 0
        self.troubles: list[dict[str, Any]] = []

    # ------------------------------------------------------------ running

    def run_until_complete(self, future: Generator[Any, None, Answer] | Any) -> Any:  # noqa: ANN401 -- as the base class has it
        """Return what the coroutine *future* returns.

        Raises:
            RuntimeError: Everything waits and nothing can happen, or there is no end to it.
        """
        events._set_running_loop(self)  # noqa: SLF001 -- documented for those who write loops
        # Generators of a process that was killed are let go of as they are: nothing runs any more.
        before = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(finalizer=lambda _: None)
        try:
            task = self.create_task(future)
            while not task.done():
                self._step()
            return task.result()
        finally:
            sys.set_asyncgen_hooks(*before)
            events._set_running_loop(None)  # noqa: SLF001 -- same

    def _step(self) -> None:
        if not self._ready:
            self._pass_time()
        place = self._chance.randrange(len(self._ready))
        self._ready[place], self._ready[-1] = self._ready[-1], self._ready[place]
        handle, context, callback, args = self._ready.pop()
        owner = context.get(OWNER)
        if handle.cancelled() or (owner is not None and owner.is_dead):
            return
        self.steps += 1
        if self.steps > STEPS_MAX:
            raise RuntimeError(f"expected an end within {STEPS_MAX} steps, found none")
        context.run(callback, *args)

    def _pass_time(self) -> None:
        """Let time pass until something is ready."""
        if not self._timers:
            waiting = "; ".join(map(repr, asyncio.all_tasks(self)))
            raise RuntimeError(f"all wait, and there is no timer to end it: {waiting}")
        self._microseconds = max(self._microseconds, self._timers[0][0])
        while self._timers and self._timers[0][0] <= self._microseconds:
            self._ready.append(heapq.heappop(self._timers)[2])

    # ------------------------------------------------------------ what asyncio asks of a loop

    @property
    def microseconds(self) -> int:
        """Virtual time since the beginning."""
        return self._microseconds

    def time(self) -> float:
        """Return virtual time in seconds."""
        return self._microseconds / 1_000_000

    def call_soon(
        self, callback: Callable[[*Given], object], *args: *Given, context: Context | None = None
    ) -> asyncio.Handle:
        """Run *callback* at this instant, before or after whatever else is ready."""
        context = copy_context() if context is None else context
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append((handle, context, callback, args))
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Given], object],
        *args: *Given,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run *callback* when *delay* seconds have passed."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Given], object],
        *args: *Given,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run *callback* at *when*; what lies ahead is at least a microsecond ahead."""
        context = copy_context() if context is None else context
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        soonest = self._microseconds + (when > self.time())
        at = max(math.ceil(when * 1_000_000), soonest)
        entry = (handle, context, callback, args)
        heapq.heappush(self._timers, (at, next(self._numbers), entry))
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, Answer] | Coroutine[Any, Any, Answer],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[Answer]:
        """Return a task; it belongs to the owner of its context."""
        context = copy_context() if context is None else context
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        owner = context.get(OWNER)
        if owner is not None:
            owner.tasks.append(task)
        return task

    def get_debug(self) -> bool:
        """Return False: there is nothing slow to warn of where time stands."""
        return False

    def is_running(self) -> bool:
        """Return True: it exists only while it runs."""
        return True

    def is_closed(self) -> bool:
        """Return False: it holds nothing that could be closed."""
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what went wrong where nobody waited for it."""
        self.troubles.append(context)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Do nothing: a cancelled timer is passed over when it is due."""


def simulated_loop(chance: random.Random) -> SimulatedLoop:
    """Return a loop whose order *chance* decides."""
    return SimulatedLoop(chance)  # type: ignore[abstract]  # sockets and threads are left out
