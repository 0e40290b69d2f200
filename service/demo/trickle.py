"""The future of the demo, played quickly: weeks of it pass at three events a second."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import count, cycle, islice
from random import Random

from domain.instants import SECOND
from service.demo.life import Fact
from service.demo.loading import send
from service.ports import StoreError
from service.services import Services

EVENTS_PER_SECOND = 3.0
CUSTOMERS_AT_ONCE = 25


async def trickle(
    services: Services, facts: Sequence[Fact], *, per_second: float = EVENTS_PER_SECOND
) -> None:
    """Send *facts* one after the other, dated now, until cancelled; from the first again after all.

    A store that cannot write for a while is no reason to stop.
    """
    for text in texts(facts, services):
        try:
            await send(services, [text])
        except StoreError:
            await asyncio.sleep(1.0)
        await asyncio.sleep(1.0 / per_second)


def texts(facts: Sequence[Fact], services: Services) -> Iterator[str]:
    """Yield events without end, each with an id of its own and the present time.

    Where the telling begins depends on the second, so that a demo started again goes on elsewhere.
    """
    if not facts:
        return
    began = services.clock.now() // SECOND
    told = few_at_a_time(facts)
    endless = islice(cycle(told), began % len(told), None)
    for number, fact in zip(count(1), endless, strict=False):
        event_id = f"live-{began}-{number}"
        yield fact.text(event_id=event_id, at=services.clock.now())


def few_at_a_time(facts: Sequence[Fact]) -> list[Fact]:
    """Return *facts* told anew: of a few customers at a time, each life in its order.

    So a visitor can watch somebody come along, and the boards do not fill up with everybody at
    once.
    """
    chance = Random(len(facts))  # noqa: S311 -- repeatable play, no secret
    lives: dict[str, list[Fact]] = {}
    for fact in facts:
        lives.setdefault(fact.person.id, []).append(fact)
    waiting = [list(reversed(life)) for life in lives.values()]
    chance.shuffle(waiting)
    there: list[list[Fact]] = []
    told: list[Fact] = []
    while there or waiting:
        while waiting and len(there) < CUSTOMERS_AT_ONCE:
            there.append(waiting.pop())
        place = chance.randrange(len(there))
        told.append(there[place].pop())
        if not there[place]:
            del there[place]
    return told
