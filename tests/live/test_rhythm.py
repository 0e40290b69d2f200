"""Signs of life and checkpoints, in virtual time: a stream of hours takes no time to test."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from service.adapters.memory import memory_store
from service.live.frames import Place
from service.live.live import Live
from service.live.stream import Reader
from service.live.wishes import Wish
from service.ports import StoreUnavailable
from service.progress import Progress
from service.workers.supervisor import Loops
from tests.contract.saying import SHOP, TENANT, post, publish, sent
from tests.http.conftest import TurnedClock
from tests.live.listening import heard
from tests.simulation.loop import SimulatedLoop, simulated_loop

SECONDS = 70.0


Says = Callable[[], Awaitable[bool]]


async def yes() -> bool:
    """Let a reader go on."""
    return True


async def no() -> bool:
    """Let a reader go on no longer."""
    return False


async def nobody_knows() -> bool:
    """Ask a database that is away."""
    raise StoreUnavailable("it is away")


async def told(loop: SimulatedLoop, wish: Wish, may_go_on: Says) -> list[tuple[int, str]]:
    """Return when what was written to a reader before whom a customer orders at 20 s."""
    store, progress = memory_store(), Progress()
    await publish(store, SHOP)
    live = Live(store, TurnedClock(), progress=progress, secret=b"x", per_key_max=1)
    loops = Loops()
    loops.start("live", live.tail.round, pause_seconds=1.0)
    reader = Reader(TENANT, wish, may_go_on)

    async def order() -> bool:
        await post(store, sent("e1", "ordered", 1))
        progress.note()
        return False

    loop.call_later(20.0, lambda: loops.start("order", order, pause_seconds=1_000.0))
    found = []
    async with aclosing(live.parts(reader, "key", Place(0))) as parts:
        async for part in parts:
            text = part.decode()
            kinds = [event.type for event in heard(text)] or [text.strip()]
            found += [(round(loop.time()), kind) for kind in kinds]
            if loop.time() >= SECONDS:
                break
    await loops.stop()
    return found


def run(wish: Wish, may_go_on: Says = yes) -> list[tuple[int, str]]:
    """Return what `told` says, in a loop in which time passes at once."""
    loop = simulated_loop(random.Random(1))  # noqa: S311 -- it repeats
    found: list[tuple[int, str]] = loop.run_until_complete(told(loop, wish, may_go_on))
    assert not loop.troubles
    return found


def test_silence_is_broken_every_quarter_of_a_minute_and_the_place_told_every_half() -> None:
    found = run(Wish(customer_id="nobody"))

    assert found == [
        (0, "checkpoint"),
        (15, ": ping"),
        (30, "checkpoint"),
        (45, ": ping"),
        (60, "checkpoint"),
        (75, ": ping"),
    ]


def test_who_is_told_something_needs_no_sign_of_life() -> None:
    found = run(Wish())

    assert [kind for at, kind in found if at == 20] == [
        "customer.created",
        "customer.stage.changed",
        "customer.stage.changed",
    ]
    assert [at for at, kind in found if kind == ": ping"] == [15, 45, 75]


def test_a_stream_ends_when_its_reader_may_listen_no_longer() -> None:
    found = run(Wish(customer_id="nobody"), may_go_on=no)

    assert found == [(0, "checkpoint"), (15, ": ping")]


def test_a_database_that_is_away_ends_no_stream() -> None:
    found = run(Wish(customer_id="nobody"), may_go_on=nobody_knows)

    assert [at for at, kind in found if kind == "checkpoint"] == [0, 30, 60]
