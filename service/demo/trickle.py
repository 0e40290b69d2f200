"""The future of the demo, played quickly: weeks of it pass at three events a second."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import count, cycle, islice

from domain.instants import SECOND
from service.demo.life import Fact
from service.demo.loading import send
from service.ports import StoreError
from service.services import Services

EVENTS_PER_SECOND = 3.0


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
    endless = islice(cycle(facts), began % len(facts), None)
    for number, fact in zip(count(1), endless, strict=False):
        event_id = f"live-{began}-{number}"
        yield fact.text(event_id=event_id, at=services.clock.now())
