"""Events come in: texts are judged by the door, offered to the log, and each gets its answer.

An answer is per event. A bad event does not keep the good ones out, unless the caller asked for
all or nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from projections.events.log import Companion
from service.door.bounds import Bounds
from service.door.events import Door, Origin, Refused
from service.door.faults import Fault
from service.door.screen import UNFIT, SchemaOf, screen
from service.ports import NewEvent, Receipt, Submission

DEFAULT_SOURCE = "http"
"""Source of events that name none, whichever way they come: so a repeat by another is a repeat."""

_BYTES_AT_ONCE = 256 << 10
"""Text judged before other requests get their turn: a few milliseconds of the event loop."""


Charge = Callable[[str | None, int], None]
"""Takes a number of events from the quota of a key."""


Count = Callable[[str, str | None, Iterable[str]], None]
"""Takes note of what became of the events of a tenant's key."""


class Catalogue(Protocol):
    """Knows the schemas that events are held to."""

    async def rules(self, tenant: str) -> Mapping[str, SchemaOf]:
        """Return them by event type."""
        ...


class Appends(Protocol):
    """Takes submissions of many callers and stores them in batches."""

    async def append(self, submission: Submission) -> list[Receipt]:
        """Return a receipt for each event once it is durable.

        Raises:
            Overloaded: Too many events are waiting.
            StoreUnavailable: Nothing was stored.
        """
        ...


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What became of one text: a receipt, or why the door refused it.

    Attributes:
        warning: What is odd about an accepted event.
    """

    receipt: Receipt | None
    refused: Refused | None = None
    warning: str | None = None

    @property
    def is_usual(self) -> bool:
        """Whether it was accepted and there is nothing more to say."""
        receipt = self.receipt
        return receipt is not None and receipt.status == "accepted" and self.warning is None

    @property
    def status(self) -> str:
        """`accepted`, `duplicate` or `rejected`."""
        if self.receipt is None or self.receipt.status == "conflict":
            return "rejected"
        return self.receipt.status

    @property
    def event_id(self) -> str | None:
        """The event's id, if it has one."""
        if self.receipt is not None:
            return self.receipt.event_id
        return self.refused.event_id if self.refused else None

    @property
    def violates(self) -> str | None:
        """The mode of a schema that it does not fit, if so."""
        if self.refused is not None and self.refused.faults[0].code == "schema_violation":
            return "strict"
        is_warned = self.warning is not None and self.warning.startswith(UNFIT)
        return "warn" if is_warned else None

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Why it was rejected; empty when it was not."""
        if self.refused is not None:
            return self.refused.faults
        if self.receipt is None or self.receipt.code is None:
            return ()
        return (Fault("", self.receipt.code, self.receipt.message or self.receipt.code),)


def _free_of_charge(key_id: str | None, events: int) -> None:
    """Take nothing: for whoever judges events without keys."""


def _uncounted(tenant: str, key_id: str | None, statuses: Iterable[str]) -> None:
    """Count nothing."""


class Intake:
    """Takes events in."""

    def __init__(
        self,
        appender: Appends,
        bounds: Bounds,
        *,
        charge: Charge | None = None,
        catalogue: Catalogue | None = None,
        count: Count = _uncounted,
    ) -> None:
        self._appender = appender
        self.bounds = bounds
        self._charge = charge or _free_of_charge
        self._catalogue = catalogue
        self._count = count

    async def take(
        self, texts: Sequence[str], origin: Origin, *, atomic: bool = False
    ) -> list[Outcome]:
        """Return what became of each of *texts*, in their order.

        With *atomic*, one bad event keeps all out. All count against the key's quota.
        """
        self._charge(origin.key_id, len(texts))
        outcomes = await self._taken(texts, origin, atomic=atomic)
        self._count(origin.tenant, origin.key_id, (each.status for each in outcomes))
        return outcomes

    async def take_usual(self, text: str, origin: Origin) -> Outcome | None:
        """Return what became of the event *text* if it says only what most say.

        None for every other, with nothing done: `take` is for those. Where a catalogue or a key
        holds events to more than the door does, none is usual.
        """
        rules = {} if self._catalogue is None else await self._catalogue.rules(origin.tenant)
        if rules or origin.event_types:
            return None
        door = Door(self.bounds, origin)
        event = door.usual(text)
        if event is None:
            return None
        self._charge(origin.key_id, 1)
        (receipt,) = await self._appender.append(Submission((event,)))
        outcome = Outcome(receipt, warning=door.warning(event))
        self._count(origin.tenant, origin.key_id, (outcome.status,))
        return outcome

    async def _taken(self, texts: Sequence[str], origin: Origin, *, atomic: bool) -> list[Outcome]:
        door = Door(self.bounds, origin)
        judged = await _judge(door, texts)
        judged, warnings = await self.screened(judged, origin)
        good = [each for each in judged if isinstance(each, NewEvent)]
        if atomic and len(good) < len(judged):
            return [_kept_out(each) for each in judged]
        receipts = iter(await self._append(good, atomic=atomic))
        return [
            Outcome(None, refused=each)
            if isinstance(each, Refused)
            else Outcome(next(receipts), warning=warnings.get(place) or door.warning(each))
            for place, each in enumerate(judged)
        ]

    async def screened(
        self, judged: Sequence[NewEvent | Refused], origin: Origin
    ) -> tuple[list[NewEvent | Refused], dict[int, str]]:
        """Return *judged* after the screen, and warnings by place.

        For every way in, also one that makes its events without this door.
        """
        found, warnings = list(judged), dict[int, str]()
        rules = {} if self._catalogue is None else await self._catalogue.rules(origin.tenant)
        if not rules and not origin.event_types:
            return found, warnings
        for place, each in enumerate(judged):
            if isinstance(each, NewEvent):
                verdict = screen(each, origin, rules)
                if verdict.refused is not None:
                    found[place] = _in_words_of(origin, verdict.refused)
                elif verdict.warning is not None:
                    warnings[place] = verdict.warning
        return found, warnings

    async def append_with(self, events: Sequence[NewEvent], companion: Companion) -> list[Receipt]:
        """Return the receipts of *events* that were judged, stored together with *companion*."""
        return await self._appender.append(Submission(events, companion=companion))

    async def append(self, events: Sequence[NewEvent], *, atomic: bool = False) -> list[Receipt]:
        """Return the receipts of *events* that need no judging, because we made them.

        Those of the past cost nothing of the key's quota: a file was let in as a whole, waits its
        turn in the log, and would keep out for hours what happens now.
        """
        if not events:
            return []
        first = events[0]
        if not first.historical:
            self._charge(first.key_id, len(events))
        receipts = await self._append(events, atomic=atomic)
        self._count(first.tenant, first.key_id, (each.status for each in receipts))
        return receipts

    async def _append(self, events: Sequence[NewEvent], *, atomic: bool) -> list[Receipt]:
        if not events:
            return []
        return await self._appender.append(Submission(events, atomic=atomic))


async def _judge(door: Door, texts: Sequence[str]) -> list[NewEvent | Refused]:
    judged: list[NewEvent | Refused] = []
    since_pause = 0
    for text in texts:
        since_pause += len(text)
        if since_pause > _BYTES_AT_ONCE:
            since_pause = 0
            await asyncio.sleep(0)
        judged.append(door.check(text))
    return judged


def _in_words_of(origin: Origin, refused: Refused) -> Refused:
    """Return *refused* with pointers into the item as its sender wrote it."""
    reading = origin.reading
    if reading is None:
        return refused
    return Refused(refused.event_id, tuple(map(reading.told, refused.faults)))


def _kept_out(judged: NewEvent | Refused) -> Outcome:
    if isinstance(judged, Refused):
        return Outcome(None, refused=judged)
    fault = Fault("", "batch_rejected", "another event of this atomic batch is bad")
    return Outcome(None, refused=Refused(judged.event_id, (fault,)))
