"""Deliveries: looked at, tried again one by one, made again for a stretch of time, forgotten."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from domain.instants import DAY
from projections.asking import EVERYBODY, Script, ask
from projections.reading.answers import Page
from projections.registers.register import AskEntries, entries, entry, firsts, put, remove
from projections.webhooks.lanes import hasten, let_wait
from projections.webhooks.rows import (
    ATTEMPTS,
    DELIVERIES,
    ENDPOINTS,
    MESSAGE_IDS,
    MESSAGES,
    WAITING,
    Attempt,
    Delivery,
    Message,
    MessageId,
    Waiting,
)
from service.errors import Problem
from service.ports import Clock, Store

FORGOTTEN_AT_ONCE = 500
ATTEMPTS_SHOWN = 100
READ_AT_ONCE_MAX = 5_000
_PREFIX = "dl_"
_DIGITS_MAX = 19


def delivery_id(number: int) -> str:
    """Return the id by which people name a delivery."""
    return f"{_PREFIX}{number}"


def number_of(text: str) -> int | None:
    """Return the number that the id *text* stands for; None if it is none."""
    digits = text.removeprefix(_PREFIX)
    is_one = text != digits and digits.isascii() and digits.isdigit() and len(digits) < _DIGITS_MAX
    return int(digits) if is_one else None


@dataclass(frozen=True, slots=True)
class DeliveryQuery:
    """Which deliveries, newest first.

    Attributes:
        equal: Fields and what they are.
        status: As it is told: `held` is what waits for an endpoint that is not enabled, `pending`
            what waits for one that is. None for any.
    """

    tenant: str
    equal: tuple[tuple[str, object], ...] = ()
    status: str | None = None
    since: int | None = None
    until: int | None = None
    after: int | None = None
    limit: int = 50


class Deliveries:
    """The delivery log; everything is the tenant's own."""

    def __init__(self, store: Store, clock: Clock, *, kept_days: int) -> None:
        """Look into *store*; keep what is over for some days."""
        self._store = store
        self._clock = clock
        self._kept = kept_days * DAY
        self.changed: Callable[[], None] = lambda: None

    async def page(self, query: DeliveryQuery) -> tuple[Page[Delivery], frozenset[str]]:
        """Return deliveries, and which of their endpoints are enabled: others' are held."""
        found, enabled = await self._store.look(_page(query), of=query.tenant)
        rows = tuple(found[: query.limit])
        following = (rows[-1].number,) if len(found) > query.limit else None
        return Page(rows, following), enabled

    async def find(self, tenant: str, text: str) -> tuple[Delivery, Message | None, bool]:
        """Return a delivery, its message, and whether it is held.

        Raises:
            Problem: `delivery_not_found`.
        """

        def look() -> Script[tuple[Delivery, Message | None, bool] | None]:
            found = yield from entry(DELIVERIES, tenant, number_of(text) or 0)
            if found is None:
                return None
            message = yield from entry(MESSAGES, tenant, found.message)
            return found, message, is_held(found, (yield from _enabled(tenant)))

        found = await self._store.look(look(), of=tenant)
        if found is None:
            raise Problem("delivery_not_found", f"there is no delivery {text[:40]!a}")
        return found

    async def attempts(self, tenant: str, text: str) -> list[Attempt]:
        """Return how the attempts of a delivery went, in order.

        Raises:
            Problem: `delivery_not_found`.
        """
        found, *_ = await self.find(tenant, text)
        asked = entries(ATTEMPTS, tenant, found.number, limit=ATTEMPTS_SHOWN)
        return await self._store.look(asked, of=tenant)

    async def attempts_of(
        self, tenant: str, endpoint_id: str, *, after: tuple[int, int] | None, limit: int
    ) -> Page[Attempt]:
        """Return attempts at an endpoint, those of the newest deliveries first."""

        def look() -> Script[list[Attempt]]:
            asked = AskEntries(
                ATTEMPTS,
                (tenant,),
                after=after or (),
                limit=limit + 1,
                newest_first=True,
                equal=(("endpoint", endpoint_id),),
            )
            rows = yield from ask(asked)
            return [ATTEMPTS.value(row) for row in rows]

        found = await self._store.look(look(), of=tenant)
        rows = tuple(found[:limit])
        last = rows[-1] if rows else None
        more = last is not None and len(found) > limit
        return Page(rows, (last.delivery, last.nth) if last is not None and more else None)

    async def retry(self, tenant: str, text: str) -> Delivery:
        """Return a delivery that is tried again as soon as its lane allows.

        Raises:
            Problem: `delivery_not_found`, or `delivery_refused` where its endpoint is gone.
        """
        found, message, _ = await self.find(tenant, text)
        wanted = entry(ENDPOINTS, tenant, found.endpoint)
        has_endpoint = await self._store.look(wanted, of=tenant) is not None
        if not has_endpoint or message is None:
            gone = "message" if has_endpoint else "endpoint"
            raise Problem("delivery_refused", f"its {gone} is gone; expected one that is there")
        again = await self._store.carry(put_back([found], self._clock.now()))
        self.changed()
        return again[0]

    async def forget_old(self) -> bool:
        """Remove some of what has been kept long enough; return whether more waits."""
        until = self._clock.now() - self._kept
        endpoints = await self._store.look(entries(ENDPOINTS), of=EVERYBODY)
        more = False
        for tenant in sorted({one.tenant for one in endpoints}):
            more |= await self._store.carry(_forget(tenant, until))
        return more


def _page(query: DeliveryQuery) -> Script[tuple[list[Delivery], frozenset[str]]]:
    """Return the deliveries of a page and one more, if there is one; and who is enabled.

    What is held differs from what is pending by its endpoint alone, so more is read until the page
    is full: exactly what was asked for, as it is at one moment.
    """
    enabled = yield from _enabled(query.tenant)
    found: list[Delivery] = []
    after, size = query.after, query.limit + 1
    stored = "pending" if query.status == "held" else query.status
    equal = (*query.equal, ("status", stored)) if stored else query.equal
    while True:
        asked = AskEntries(
            DELIVERIES,
            (query.tenant,),
            after=() if after is None else (after,),
            limit=size,
            newest_first=True,
            equal=equal,
            since=query.since,
            until=query.until,
        )
        page = [DELIVERIES.value(row) for row in (yield from ask(asked))]
        found += [one for one in page if query.status in {None, told_status(one, enabled)}]
        if len(page) < size or len(found) > query.limit:
            return found[: query.limit + 1], enabled
        after, size = page[-1].number, min(4 * size, READ_AT_ONCE_MAX)


def told_status(delivery: Delivery, enabled: frozenset[str]) -> str:
    """Return the status as people are told it."""
    return "held" if is_held(delivery, enabled) else delivery.status


def is_held(delivery: Delivery, enabled: frozenset[str]) -> bool:
    """Return whether *delivery* waits only because its endpoint is not enabled."""
    return delivery.status == "pending" and delivery.endpoint not in enabled


def _enabled(tenant: str) -> Script[frozenset[str]]:
    found = yield from entries(ENDPOINTS, tenant)
    return frozenset(one.id for one in found if one.state == "enabled")


def put_back(deliveries: Sequence[Delivery], now: int) -> Script[list[Delivery]]:
    """Let *deliveries* wait again, due now; return them as they then are."""
    keys = [(one.tenant, one.number) for one in deliveries]
    found = yield from firsts(DELIVERIES, keys)
    over = [one for one in found if one.status != "pending"]
    again = [replace(one, status="pending", next_at=None) for one in over]
    if again:
        yield from put(DELIVERIES, *again)
        yield from let_wait(again, now)
    for one in found:
        yield from hasten(one.endpoint, one.lane, now)
    by_number = {one.number: one for one in (*found, *again)}
    return [by_number[number] for _, number in keys if number in by_number]


def _forget(tenant: str, until: int) -> Script[bool]:
    rows = yield from ask(AskEntries(DELIVERIES, (tenant,), limit=FORGOTTEN_AT_ONCE))
    old = [one for one in map(DELIVERIES.value, rows) if one.created_at < until]
    if old:
        keys = [(one.tenant, one.number) for one in old]
        yield from remove(ATTEMPTS, *(yield from firsts(ATTEMPTS, keys, each=ATTEMPTS_SHOWN)))
        yield from remove(WAITING, *map(_as_waiting, old))
        yield from remove(DELIVERIES, *old)
    rows = yield from ask(AskEntries(MESSAGES, (tenant,), limit=FORGOTTEN_AT_ONCE))
    gone = [one for one in map(MESSAGES.value, rows) if one.created_at < until]
    if gone and not old:
        yield from remove(MESSAGE_IDS, *(MessageId(one.tenant, one.id, 0) for one in gone))
        yield from remove(MESSAGES, *gone)
    return bool(old or gone)


def _as_waiting(one: Delivery) -> Waiting:
    return Waiting(one.endpoint, one.lane, one.number, one.tenant, "")
