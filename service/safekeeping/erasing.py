"""Erasing: a person is forgotten here, whoever asked is told to do the same, and the traces go.

The store erases in one transaction. What webhooks hold is removed behind it: the names wait in one
row until every endpoint that asked for `customer.erased` has been told, or a month has passed. A
process that dies in between leaves that row, and the next round goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from domain.instants import DAY, MINUTE, format_instant
from projections.asking import EVERYBODY
from projections.registers.erasure import (
    UNFINISHED,
    Erasure,
    ErasureMode,
    Order,
    Unfinished,
    erasures_of,
    is_erased_name,
    mode_of,
)
from projections.registers.register import entries
from projections.webhooks.erasing import forget_at_last, tell_and_forget
from service import notes
from service.webhooks import terms
from service.webhooks.news import Told

if TYPE_CHECKING:
    from projections.erasing.erase import Erased
    from projections.events.log import Companion
    from service.ports import Clock, Page, Randomness, Store, SubjectKey
    from service.progress import Progress
    from service.webhooks.fan_out import FanOut

TOLD_WITHIN = 30 * DAY
"""So long an endpoint that cannot be reached keeps the names in the database."""

SETTLED_AFTER = MINUTE
"""By then no message is under way any more that was made of the feed as it was before."""

SECRET_OCTETS = 32
TARGET = "/v1/customers/{erased}"
"""What the audit log says instead of a name."""

PAGE = 1_000
_log = structlog.get_logger("stagefold.erasing")


class Erasing:
    """Erases persons, and removes what is left of them."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        randomness: Randomness,
        *,
        fan_out: FanOut,
        progress: Progress,
    ) -> None:
        """Erase from *store*; *fan_out* tells endpoints, *progress* whoever follows."""
        self._store = store
        self._clock = clock
        self._randomness = randomness
        self._fan_out = fan_out
        self._progress = progress

    async def erase(
        self,
        tenant: str,
        key: SubjectKey,
        mode: ErasureMode,
        *,
        companion: Companion | None = None,
    ) -> Erased:
        """Erase whom *key* names, under all names; return what was done.

        *companion* is checked and written in the same transaction.

        Raises:
            ErasureRefused: Nobody is there, is erased already, or cannot be anonymised; nothing
                was changed.
        """
        note = notes.pending()
        if note is not None:
            note.entry = replace(note.entry, target=TARGET)
            note.tell(after={"mode": mode})
        order = Order(tenant, key, mode, self._randomness.token(SECRET_OCTETS), companion)
        erased = await self._store.erase(order, self._clock.now())
        self._progress.note()
        _log.info("customer_erased", mode=mode, position=erased.erasure.position)
        await self.finish()
        return erased

    async def erasures(self, tenant: str, *, after: int, limit: int) -> Page[Erasure]:
        """Return the tenant's erasures behind position *after*, oldest first."""
        return await self._store.look(erasures_of(tenant, after=after, limit=limit), of=tenant)

    async def every_erasure(self, tenant: str) -> list[Erasure]:
        """Return all of the tenant's erasures, oldest first."""
        listed: list[Erasure] = []
        after: int | None = 0
        while after is not None:
            page = await self.erasures(tenant, after=after, limit=PAGE)
            listed += page.rows
            after = None if page.next_after is None else int(page.next_after[0])
        return listed

    async def repeat(self, listed: Sequence[Erasure]) -> int:
        """Erase again whom *listed* erased, where they stand as they stood; return how many.

        Raises:
            ErasureRefused: One cannot be anonymised; those before are erased.
        """
        count = 0
        for one in listed:
            for position, recorded_at in one.every_mark:
                event = await self._store.event(one.tenant, position)
                if event is None or event.recorded_at != recorded_at:
                    continue  # not in the backup, or in that of another log
                if not is_erased_name(event.subject.id):
                    await self.erase(one.tenant, event.subject, mode_of(one.mode))
                    count += 1
        return count

    async def round(self) -> bool:
        """Go on with what is not finished; return False, as nothing is urgent.

        Raises:
            StoreUnavailable: The database cannot be read or written now.
        """
        await self.finish()
        return False

    async def finish(self) -> int:
        """Remove what can be removed by now; return how many erasures are still unfinished."""
        unfinished = await self._store.look(entries(UNFINISHED), of=EVERYBODY)
        left = 0
        for one in unfinished:
            left += not await self._finish(one)
        if left < len(unfinished):
            await self._store.wipe()
        return left

    async def _finish(self, one: Unfinished) -> bool:
        now = self._clock.now()
        parcels = await self._fan_out.parcels(_told(one))
        if not one.is_told:
            await self._store.carry(tell_and_forget(one, parcels or (), now))
            self._fan_out.wake()
        if parcels is not None and one.at > now - SETTLED_AFTER:
            return False
        is_over = one.at < now - TOLD_WITHIN
        return await self._store.carry(forget_at_last(one, whatever=is_over))


def _told(one: Unfinished) -> Told:
    """Return the message that tells receivers whom to forget."""
    name, *others = one.every_name
    return Told(
        tenant=one.tenant,
        id=f"er_{one.position}",
        type=terms.CUSTOMER_ERASED,
        at=one.at,
        known_at=one.at,
        data={
            "customer_id": name,
            "aliases": others,
            "mode": one.mode,
            "erased_at": format_instant(one.at),
            "position": one.position,
        },
        lane=name,
    )
