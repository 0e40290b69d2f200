"""Everybody in the demo and what they did: the same for the same seed and instant, always."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from domain.instants import DAY
from service.demo.journeys import SEGMENTS, Segment
from service.demo.life import Fact, Life
from service.demo.people import invent, invent_member

CUSTOMERS = 2_260
"""About two thousand of them have come by now; the others are yet to come."""

SEED = 20_260_101
MEMBERS_OF_A_COMPANY = 3


@dataclass(frozen=True, slots=True)
class Population:
    """All lives, cut at the present.

    Attributes:
        past: What has happened, in order of time.
        future: What would happen next, in order of time.
    """

    past: tuple[Fact, ...]
    future: tuple[Fact, ...]


def populate(now: int, *, customers: int = CUSTOMERS, seed: int = SEED) -> Population:
    """Return the lives of *customers*, dated relative to *now*."""
    facts = [fact for life in _lives(now, customers, seed) for fact in life.facts]
    facts.sort(key=lambda fact: (fact.at, fact.person.id, fact.number))
    return Population(
        past=tuple(fact for fact in facts if fact.at <= now),
        future=tuple(fact for fact in facts if fact.at > now),
    )


def _lives(now: int, customers: int, seed: int) -> Iterator[Life]:
    businesspeople = 0
    for number in range(1, customers + 1):
        chance = Random(f"{seed} {number}")  # noqa: S311 -- repeatable invention, no secret
        segment = _segment_of(number)
        began = round(chance.uniform(segment.newest, segment.oldest) * DAY)
        if segment.is_business:
            account = businesspeople // MEMBERS_OF_A_COMPANY + 1
            businesspeople += 1
            # Colleagues come within days of each other, because their company does.
            of_company = Random(f"{seed} company {account}")  # noqa: S311 -- as above
            began = round(of_company.uniform(segment.newest, segment.oldest) * DAY)
            person = invent_member(number, account, chance)
        else:
            person = invent(number, chance)
        life = Life(person, chance, begins_at=now - began)
        segment.journey(life)
        yield life


def _segment_of(number: int) -> Segment:
    """Return the segment of customer *number*: shares hold in every hundred numbers."""
    # 37 and 100 have no common divisor, so a hundred neighbours meet every place once.
    place = number * 37 % 100
    for segment in SEGMENTS:
        if place < segment.share:
            return segment
        place -= segment.share
    return SEGMENTS[-1]
