"""Redeliveries: what an endpoint missed in a stretch of time, sent again or for the first time.

`failed` is what was given up, `held` what waits for the endpoint to be enabled, `missing` what
happened and was never put into its lanes, because the endpoint, or its filter, came later. A job
goes on page by page, and its progress is a row, so whichever process runs next carries it on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC

from domain.instants import parse_date_or_instant
from projections.asking import EVERYBODY, Script, ask
from projections.registers.register import AskEntries, entries, entry, put
from projections.webhooks.lanes import Parcel, enqueue
from projections.webhooks.rows import (
    DELIVERIES,
    ENDPOINTS,
    REDELIVERIES,
    Delivery,
    Endpoint,
    Redelivery,
)
from service.errors import Place, Problem
from service.ports import Clock, Randomness, Store
from service.webhooks.deliveries import put_back
from service.webhooks.feed import Feed
from service.webhooks.news import Told
from service.webhooks.terms import Terms, terms_of

PAGE = 500
STATUSES = {"failed": ("failed", "exhausted"), "held": ("pending",)}


class Redeliveries:
    """Jobs that send again; everything is the tenant's own."""

    def __init__(self, store: Store, clock: Clock, randomness: Randomness, feed: Feed) -> None:
        """Keep in *store*; what has happened *feed* says."""
        self._store = store
        self._clock = clock
        self._randomness = randomness
        self._feed = feed
        self.changed: Callable[[], None] = lambda: None

    async def begin(self, order: Redelivery) -> Redelivery:
        """Return the job, begun."""
        begun = replace(
            order,
            id=f"rd_{self._randomness.token(8).hex()}",
            status="running",
            stage="kept" if order.statuses != "missing" else "feed",
            created_at=self._clock.now(),
        )
        await self._store.carry(put(REDELIVERIES, begun))
        return begun

    async def all(self, tenant: str, endpoint_id: str) -> list[Redelivery]:
        """Return the jobs of an endpoint, newest first."""
        found = await self._store.look(entries(REDELIVERIES, tenant, endpoint_id), of=tenant)
        return sorted(found, key=lambda one: one.created_at, reverse=True)

    async def find(self, tenant: str, endpoint_id: str, job_id: str) -> Redelivery:
        """Return a job.

        Raises:
            Problem: `redelivery_not_found`.
        """
        wanted = entry(REDELIVERIES, tenant, endpoint_id, job_id)
        found = await self._store.look(wanted, of=tenant)
        if found is None:
            raise Problem("redelivery_not_found", f"there is no redelivery {job_id[:40]!a}")
        return found

    async def round(self) -> bool:
        """Do a page of the first job that is running; return whether there was one.

        Raises:
            StoreUnavailable: The database cannot be reached now; the next round tries again.
        """
        asked = AskEntries(REDELIVERIES, equal=(("status", "running"),), limit=1)

        def look() -> Script[Redelivery | None]:
            rows = yield from ask(asked)
            return REDELIVERIES.value(rows[0]) if rows else None

        job = await self._store.look(look(), of=EVERYBODY)
        if job is None:
            return False
        wanted = entry(ENDPOINTS, job.tenant, job.endpoint)
        endpoint = await self._store.look(wanted, of=job.tenant)
        if endpoint is None:
            await self._store.carry(put(REDELIVERIES, self._ended(job, "canceled")))
        elif job.stage == "kept":
            await self._store.carry(self._kept_page(job))
        else:
            await self._feed_page(job, endpoint, terms_of(endpoint.terms))
        self.changed()
        return True

    def _ended(self, job: Redelivery, status: str = "done") -> Redelivery:
        return replace(job, status=status, finished_at=self._clock.now())

    def _kept_page(self, job: Redelivery) -> Script[None]:
        """Put back those of a page of the delivery log that are asked for."""
        asked = AskEntries(DELIVERIES, (job.tenant,), after=(job.place,), limit=PAGE)
        rows = yield from ask(asked)
        page = [DELIVERIES.value(row) for row in rows]
        found = [one for one in page if _is_asked(job, one)]
        if found and not job.dry_run:
            yield from put_back(found, self._clock.now())
        going = replace(job, seen=job.seen + len(page), found=job.found + len(found))
        if len(page) == PAGE:
            going = replace(going, place=page[-1].number)
        elif "missing" in job.statuses.split(","):
            going = replace(going, stage="feed", place=0)
        else:
            going = self._ended(going)
        yield from put(REDELIVERIES, going)

    async def _feed_page(self, job: Redelivery, endpoint: Endpoint, terms: Terms) -> None:
        """Put in what a page of the feed means and the endpoint has never been sent."""
        page = await self._feed.page(job.tenant, job.place)
        told = await self._feed.all_told(page.pieces)
        wanted = [one for one in told if _is_meant(job, one, terms)]
        now = self._clock.now()

        def work() -> Script[None]:
            missing: list[Parcel] = []
            for one in wanted:
                if not (yield from _is_known(endpoint, one)):
                    ordered = terms.ordering == "customer"
                    message = one.message(now)
                    missing.append(Parcel(endpoint.id, message, ordered, cause=job.id))
            if not job.dry_run:
                yield from enqueue(missing, now)
            going = replace(
                job,
                place=page.upto,
                seen=job.seen + len(page.records),
                found=job.found + len(missing),
            )
            yield from put(REDELIVERIES, going if page.more else self._ended(going))

        await self._store.carry(work())


def order_of(
    tenant: str,
    endpoint_id: str,
    *,
    since: str,
    until: str | None,
    statuses: Sequence[str],
    now: int,
    types: Sequence[str] = (),
    is_dry: bool = False,
) -> Redelivery:
    """Return the order of a job, not begun yet; times are dates (UTC) or RFC 3339.

    Raises:
        Problem: `validation_failed`.
    """
    strangers = set(statuses) - {*STATUSES, "missing"}
    if strangers:
        message = f"expected failed, held or missing, found {', '.join(sorted(strangers))}"
        raise Problem("validation_failed", message)
    return Redelivery(
        tenant=tenant,
        endpoint=endpoint_id,
        id="",
        since=_instant("since", since),
        until=now if until is None else _instant("until", until),
        statuses=",".join(dict.fromkeys(statuses)),
        types=",".join(dict.fromkeys(types)),
        dry_run=int(is_dry),
        status="running",
        stage="",
        place=0,
        seen=0,
        found=0,
        created_at=now,
    )


def _instant(name: str, text: str) -> int:
    try:
        return parse_date_or_instant(text, UTC)
    except ValueError as error:
        place = Place(f"/{name}", "bad_instant", str(error))
        raise Problem("validation_failed", f"{name}: {error}", errors=[place]) from None


def _is_asked(job: Redelivery, one: Delivery) -> bool:
    """Return whether a delivery of the log is to be made again."""
    statuses = {each for name in job.statuses.split(",") for each in STATUSES.get(name, ())}
    return (
        one.endpoint == job.endpoint
        and one.status in statuses
        and job.since <= one.created_at < job.until
        and _is_typed(job, one.type)
    )


def _is_meant(job: Redelivery, one: Told, terms: Terms) -> bool:
    """Return whether a message of the feed is one that the endpoint would be sent today."""
    in_time = job.since <= one.known_at < job.until
    return in_time and _is_typed(job, one.type) and terms.want(one.type, one.data)


def _is_typed(job: Redelivery, message_type: str) -> bool:
    patterns = tuple(filter(None, job.types.split(",")))
    return not patterns or Terms("", types=patterns).wants_type(message_type)


def _is_known(endpoint: Endpoint, one: Told) -> Script[bool]:
    equal = (("endpoint", endpoint.id), ("message_id", one.id))
    rows = yield from ask(AskEntries(DELIVERIES, (endpoint.tenant,), equal=equal, limit=1))
    return bool(rows)
