"""What was refused is kept for thirty days: to be seen, mended elsewhere, and tried again.

A second try goes through the same door as the first, as if it came with the same key at the time
of the first. Its id is its own, or that of its place in the list, so trying again and again stores
it once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from domain.instants import DAY
from projections.registers.rejected import (
    RejectedEvent,
    RejectedQuery,
    forget,
    keep,
    listed,
    numbered,
    rewrite,
)
from service.door.events import Origin, Refused
from service.door.faults import Fault
from service.door.formats import format_of, inherited_by, reading_of
from service.intake.ingest import Intake, Outcome
from service.ports import Clock, Page, Store

KEPT_DAYS = 30
RETRIED_MAX = 500
"""Most that one call tries again."""
FORGOTTEN_AT_ONCE = 1_000

IMPORTS_ROUTE = "/v1/imports"
"""What came by it is of the past, also when it is tried again."""

_ID_PREFIX = "rej_"
_NOBODYS = frozenset({"batch_rejected", "projection_behind", "sequence_mismatch"})
"""Codes that say nothing of the event: whoever sent it is told to send it again."""
_DIGEST_LENGTH = 32
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of a rejected event that was tried again."""

    event: RejectedEvent
    outcome: Outcome | None

    @property
    def status(self) -> str:
        """`accepted`, `duplicate` or `rejected`; what it was, if it had been settled before."""
        return self.event.outcome or "rejected"


def id_of(event: RejectedEvent) -> str:
    """Return the id by which people name *event*."""
    return f"{_ID_PREFIX}{event.number}"


def number_of(text: str) -> int | None:
    """Return the number that the id *text* stands for; None if it is none."""
    digits = text.removeprefix(_ID_PREFIX)
    is_one = text != digits and digits.isascii() and digits.isdigit() and len(digits) < _DIGITS_MAX
    return int(digits) if is_one else None


_DIGITS_MAX = 19


class Rejections:
    """Keeps what was refused."""

    def __init__(
        self, store: Store, clock: Clock, intake: Intake, *, customer_pointer: str = ""
    ) -> None:
        """Keep in *store*; try again by *intake*."""
        self._store = store
        self._clock = clock
        self.intake = intake
        self._customer_pointer = customer_pointer

    async def note(
        self, texts: Sequence[str], outcomes: Sequence[Outcome], origin: Origin, route: str
    ) -> None:
        """Keep those of *texts* that were rejected."""
        refused = [
            self.rejected(text.encode("utf-8", "surrogatepass"), outcome, origin, route)
            for text, outcome in zip(texts, outcomes, strict=True)
            if outcome.status == "rejected" and outcome.faults[0].code not in _NOBODYS
        ]
        if refused:
            await self._store.keep(keep(refused))

    def rejected(
        self,
        whole: bytes,
        outcome: Outcome,
        origin: Origin,
        route: str,
        *,
        record: str | None = None,
    ) -> RejectedEvent:
        """Return what is kept of an event that was refused; *record* tells where it was, if so."""
        kept = whole[: self.intake.bounds.event_bytes_max]
        api_format, inherited = format_of(origin.reading), inherited_by(origin.reading)
        marks = (
            api_format,
            inherited,
            origin.source,
            origin.key_id or "",
            *(() if record is None else (record,)),
        )
        digest = hashlib.sha256("\0".join(marks).encode() + b"\0" + whole).hexdigest()
        fault = outcome.faults[0]
        return RejectedEvent(
            tenant=origin.tenant,
            number=0,
            digest=digest[:_DIGEST_LENGTH],
            received_at=origin.now,
            last_at=origin.now,
            times=1,
            route=route,
            api_format=api_format,
            inherited=inherited,
            source=origin.source,
            is_forced=int(origin.forced_source),
            code=fault.code,
            pointer=fault.pointer,
            message=fault.message,
            faults=_told(outcome.faults),
            text=kept,
            is_whole=int(len(kept) == len(whole)),
            key_id=origin.key_id,
            event_id=outcome.event_id,
            record=record,
        )

    async def page(self, query: RejectedQuery) -> Page[RejectedEvent]:
        """Return what meets *query*."""
        return await self._store.look(listed(query), of=query.tenant)

    async def numbered(self, tenant: str, numbers: Sequence[int]) -> list[RejectedEvent]:
        """Return the tenant's rejected events with those *numbers*, as far as they exist."""
        return await self._store.look(numbered(tenant, numbers), of=tenant)

    async def retry(self, events: Sequence[RejectedEvent]) -> list[Retried]:
        """Return what became of *events*, sent through the door again in their order.

        What has been settled, was too long to be kept whole, or has no text, is left as it is.
        """
        tried: list[Retried] = []
        try:
            for one in events:
                is_over = one.is_settled or not one.is_whole or not one.text
                tried.append(Retried(one, None) if is_over else await self._retry(one))
        finally:
            changed = [each.event for each in tried if each.outcome is not None]
            if changed:
                await self._store.keep(rewrite(changed))
        return tried

    async def _retry(self, event: RejectedEvent) -> Retried:
        origin = Origin(
            tenant=event.tenant,
            source=event.source,
            now=self._clock.now(),
            new_id=lambda: event.event_id or id_of(event),
            forced_source=bool(event.is_forced),
            key_id=event.key_id,
            historical=event.route.startswith(IMPORTS_ROUTE),
            reading=reading_of(
                event.api_format, event.inherited, customer_pointer=self._customer_pointer
            ),
            received_at=event.received_at,
            event_types=await self._allowed(event.key_id),
        )
        outcome = await self._judged_again(event.text, origin)
        again = replace(event, attempts=event.attempts + 1, last_at=origin.now)
        if outcome.status == "rejected":
            fault = outcome.faults[0]
            again = replace(
                again,
                code=fault.code,
                pointer=fault.pointer,
                message=fault.message,
                faults=_told(outcome.faults),
            )
        else:
            position = None if outcome.receipt is None else outcome.receipt.position
            again = replace(again, is_settled=1, outcome=outcome.status, position=position)
        return Retried(again, outcome)

    async def _allowed(self, key_id: str | None) -> tuple[str, ...]:
        """Return the patterns of what the key may send, also where it opens nothing any more."""
        key = None if key_id is None else await self._store.key(key_id)
        return () if key is None else key.event_types

    async def _judged_again(self, whole: bytes, origin: Origin) -> Outcome:
        try:
            text = whole.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            fault = Fault("", "malformed_utf8", f"it is not UTF-8 at byte {error.start}")
            return Outcome(None, refused=Refused(None, (fault,)))
        return (await self.intake.take([text], origin))[0]

    async def forget_old(self) -> bool:
        """Remove some of what has been kept long enough; return whether more waits."""
        until = self._clock.now() - KEPT_DAYS * DAY
        return await self._store.keep(forget(until, FORGOTTEN_AT_ONCE)) == FORGOTTEN_AT_ONCE


def _told(faults: Sequence[Fault]) -> str:
    members = [
        {"code": each.code, "message": each.message, "pointer": each.pointer} for each in faults
    ]
    return _encode(members).decode()
