"""Customers as a list: those of a stage, or those that a search finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.pages.board import Card, card_of
from service.pages.catalogue import ModelLabel, StageLabel
from service.ports import CustomerQuery, CustomerRow, Subject, SubjectKey
from service.services import Services

ROWS_MAX = 50


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to list: of *label*, those in *stage*, or those that *text* names; empty for all."""

    label: ModelLabel
    stage: str
    text: str

    @property
    def stage_label(self) -> StageLabel | None:
        """The stage asked for, if the model has it."""
        return next((each for each in self.label.stages if each.id == self.stage), None)


@dataclass(frozen=True, slots=True)
class Listing:
    """A part of a list, and where it goes on."""

    cards: tuple[Card, ...]
    next_after: tuple[int | str, ...] | None


async def named(services: Services, tenant: str, text: str) -> Subject | None:
    """Return the customer, visitor or company whose id is *text*."""
    for key in (SubjectKey.of_customer(text), SubjectKey("account", text)):
        found = await services.store.snapshot(tenant, key)
        if found is not None:
            return found.subject
    return None


async def listing(
    services: Services, tenant: str, wanted: Wanted, *, after: tuple[int | str, ...] | None
) -> Listing:
    """Return whom a search finds by name, else the newest arrivals in a stage."""
    now = services.clock.now()
    label, stage = wanted.label, wanted.stage_label
    if wanted.text:
        return Listing(await _called(services, tenant, wanted, now=now), None)
    query = CustomerQuery(
        tenant=tenant,
        now=now,
        model=label.key,
        stages=() if stage is None else (stage.id,),
        sort="entered_at",
        descending=True,
        after=after,
        limit=ROWS_MAX,
    )
    page = await services.store.customers(query)
    return Listing(_cards(page.rows, label, now), page.next_after)


async def _called(services: Services, tenant: str, wanted: Wanted, *, now: int) -> tuple[Card, ...]:
    for trait in ("name", "email", "company"):
        query = CustomerQuery(tenant=tenant, now=now, traits={trait: wanted.text}, limit=ROWS_MAX)
        page = await services.store.customers(query)
        if page.rows:
            return _cards(page.rows, wanted.label, now)
    return ()


def _cards(rows: Sequence[CustomerRow], label: ModelLabel, now: int) -> tuple[Card, ...]:
    return tuple(card for row in rows if (card := card_of(row, label, now)) is not None)
