"""The fan-out: reads the feed and puts what endpoints asked for into their lanes.

The feed is written in the transaction of the events it follows from, dense and in order; so it is
the outbox, and appends pay nothing for endpoints. How far it has been read is kept with what was
put in, in one transaction: whoever reads, crashes and reads again tells everything once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from projections.asking import EVERYBODY, Script
from projections.models.catalogue import Generation
from projections.registers.register import entries, firsts
from projections.webhooks.counting import advance, reached
from projections.webhooks.lanes import Parcel, enqueue
from projections.webhooks.rows import ENDPOINTS, MESSAGE_IDS, Endpoint
from service.ports import Clock, Store
from service.progress import Progress
from service.webhooks import terms
from service.webhooks.feed import Feed
from service.webhooks.news import Told
from service.webhooks.terms import Terms, terms_of

WAIT_SECONDS = 0.5
_TOLD_FROM = ("active", "standby", "retired", "removed")

Wants = Sequence[tuple[Endpoint, Terms]]


class FanOut:
    """Fans out a page at a time; whoever runs it decides when."""

    def __init__(
        self, store: Store, clock: Clock, progress: Progress, wake: Callable[[], None]
    ) -> None:
        """Read the feed of *store*; call *wake* when something waits in a lane."""
        self._store = store
        self._clock = clock
        self._progress = progress
        self._wake = wake
        self.feed = Feed(store)
        self._activations: set[tuple[int, int | None]] = set()

    async def round(self) -> bool:
        """Read a page for each tenant; wait where there is nothing new.

        Raises:
            StoreUnavailable: The database cannot be reached now; the next round tries again.
        """
        news = asyncio.ensure_future(self._progress.changed(timeout_seconds=WAIT_SECONDS))
        await asyncio.sleep(0)  # it listens from now on
        try:
            endpoints = await self._store.look(entries(ENDPOINTS), of=EVERYBODY)
            if not endpoints:  # appends are told to those who asked, and cost others nothing
                await asyncio.sleep(WAIT_SECONDS)
            elif not await self._pages(endpoints):
                await news
        finally:
            news.cancel()
        return True

    async def pages(self) -> bool:
        """Read a page for each tenant that has endpoints; return whether more waits."""
        return await self._pages(await self._store.look(entries(ENDPOINTS), of=EVERYBODY))

    async def _pages(self, endpoints: Sequence[Endpoint]) -> bool:
        more = False
        for tenant, wants in _by_tenant(endpoints).items():
            more |= await self.page(tenant)
            await self._tell_activations(tenant, wants)
        return more

    async def parcels(self, told: Told) -> list[Parcel] | None:
        """Return *told* for each endpoint that asked for it; None where the tenant has none."""
        wants = _by_tenant(await self._store.look(entries(ENDPOINTS, told.tenant), of=told.tenant))
        return self._parcels([told], wants[told.tenant]) if wants else None

    def wake(self) -> None:
        """Let what waits in lanes be delivered."""
        self._wake()

    async def page(self, tenant: str) -> bool:
        """Put in what one page of the feed means; return whether more waits."""
        after = await self._store.look(reached(feed_of(tenant)), of=EVERYBODY)
        page = await self.feed.page(tenant, after)
        if not page.pieces:
            return False
        told = await self.feed.all_told(page.pieces)
        # Read behind the page: whoever was there when its records were written is among them.
        wants = _by_tenant(await self._store.look(entries(ENDPOINTS, tenant), of=tenant)).get(
            tenant, ()
        )
        parcels = self._parcels(told, wants)

        taking = _take(feed_of(tenant), after, page.upto, parcels, self._clock.now())
        if await self._store.carry(taking):
            self._wake()
        return page.more

    def _parcels(self, told: Sequence[Told], wants: Wants) -> list[Parcel]:
        now = self._clock.now()
        found: list[Parcel] = []
        for one in told:
            takers = [
                (endpoint, asked)
                for endpoint, asked in wants
                if endpoint.created_at <= one.known_at and asked.want(one.type, one.data)
            ]
            message = one.message(now) if takers else None
            found += [
                Parcel(endpoint.id, message, asked.ordering == "customer")
                for endpoint, asked in takers
                if message is not None
            ]
        return found

    async def _tell_activations(self, tenant: str, wants: Wants) -> None:
        """Put in what has become of models; each is told once, however often it is looked at."""
        since = min(endpoint.created_at for endpoint, _ in wants)
        found = await self._store.generations(tenant, limit=20)
        new = [
            one
            for one in found
            if one.status in _TOLD_FROM
            and (one.finished_at or 0) >= since
            and (one.generation, one.finished_at) not in self._activations
        ]
        parcels = self._parcels([told for one in new for told in _activation(one)], wants)
        if parcels:
            taking = _take_new(parcels, self._clock.now())
            if await self._store.carry(taking):
                self._wake()
        self._activations |= {(one.generation, one.finished_at) for one in new}


def feed_of(tenant: str) -> str:
    """Return the name of the counter that says how far the tenant's feed has been read."""
    return f"feed:{tenant}"


def _by_tenant(endpoints: Sequence[Endpoint]) -> dict[str, Wants]:
    found: dict[str, list[tuple[Endpoint, Terms]]] = {}
    for endpoint in endpoints:
        found.setdefault(endpoint.tenant, []).append((endpoint, terms_of(endpoint.terms)))
    return dict(found)


def _take(feed: str, after: int, upto: int, parcels: Sequence[Parcel], now: int) -> Script[int]:
    """Put *parcels* in and let the feed be read up to a point, if it has been up to *after*."""
    if not (yield from advance(feed, expected=after, to=upto)):
        return 0
    return len((yield from enqueue((yield from _told_anew(parcels)), now)))


def _take_new(parcels: Sequence[Parcel], now: int) -> Script[int]:
    """Put in those of *parcels* whose messages have not been told before."""
    return len((yield from enqueue((yield from _unknown(parcels)), now)))


def _unknown(parcels: Sequence[Parcel]) -> Script[list[Parcel]]:
    """Return those of *parcels* whose messages have not been told before."""
    keys = list(dict.fromkeys((one.message.tenant, one.message.id) for one in parcels))
    known = {(one.tenant, one.id) for one in (yield from firsts(MESSAGE_IDS, keys))}
    return [one for one in parcels if (one.message.tenant, one.message.id) not in known]


def _told_anew(parcels: Sequence[Parcel]) -> Script[list[Parcel]]:
    """Return *parcels* with ids that nobody has seen.

    A transition that was withdrawn and holds again is told again, and whoever remembers its id
    would take it for a repeat. A customer is created once.
    """
    keys = list(dict.fromkeys((one.message.tenant, one.message.id) for one in parcels))
    known = {(one.tenant, one.id) for one in (yield from firsts(MESSAGE_IDS, keys))}
    found: list[Parcel] = []
    for one in parcels:
        message = one.message
        if (message.tenant, message.id) not in known:
            found.append(one)
        elif message.type != terms.CUSTOMER_CREATED:
            again = replace(message, id=f"{message.id}_{message.created_at}")
            found.append(replace(one, message=again))
    return found


def _activation(one: Generation) -> list[Told]:
    at = one.finished_at or 0
    data = {"model": one.model, "model_version": one.version}
    activated = Told(
        tenant=one.tenant,
        id=f"ma_{one.generation}_{at}",
        type=terms.MODEL_ACTIVATED,
        at=at,
        known_at=at,
        data=data,
        model=one.model,
    )
    if not one.total:
        return [activated]
    rebuilt = replace(
        activated,
        id=f"re_{one.generation}",
        type=terms.REBUILD_COMPLETED,
        data={**data, "rebuild": str(one.generation), "events": one.total},
    )
    return [activated, rebuilt]
