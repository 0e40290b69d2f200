"""One customer's life, told forwards: a clock that passes and facts that are noted.

A life does not know the present. It is told to its end, and what lies beyond the present has simply
not happened yet: so everybody stands somewhere in the middle of a story, as real customers do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from domain.events import IDENTIFY
from domain.instants import DAY, MINUTE, format_instant
from service.demo.people import Person

_CAMPAIGNS = {
    "en": ("Spring table", "Midsummer picnic", "Winter gifts", "Bring a friend"),
    "ja": ("春の新生活フェア", "夏のピクニック便", "冬の贈りもの", "お友だち紹介"),
}
_PRODUCTS = (
    ("Morning blend, 500 g", "朝のブレンド 500g", 2_480),
    ("Hand-thrown cup", "手びねりのカップ", 4_200),
    ("Sencha, spring harvest", "新茶 春摘み", 3_300),
    ("Cast iron kettle", "鋳鉄の鉄瓶", 13_800),
    ("Tasting box", "お試しセット", 1_980),
    ("Gift hamper", "贈答の詰め合わせ", 8_900),
)
_SPREAD = (0.6, 1.4)
_TERMS = ("plan", "contract_ends_at")
"""What a member says of the company, not of himself."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that a customer did, before it is sent.

    Attributes:
        at: When, microseconds since the epoch.
        number: Which fact of this life it is, from 1.
        anonymous_id: Set where the visitor is not, or only just, known by name.
        is_known: Whether the customer's id is sent.
    """

    at: int
    number: int
    type: str
    person: Person
    properties: Mapping[str, object]
    anonymous_id: str | None = None
    is_known: bool = True

    def text(self, *, event_id: str | None = None, at: int | None = None) -> str:
        """Return the event as a producer would send it; id and time may be others."""
        members: dict[str, object] = {
            "id": event_id or f"{self.person.id}-{self.number}",
            "type": self.type,
            "occurred_at": format_instant(self.at if at is None else at),
        }
        if self.is_known:
            members["customer_id"] = self.person.id
        if self.anonymous_id is not None:
            members["anonymous_id"] = self.anonymous_id
        if self.person.account_id is not None:
            members["account_id"] = self.person.account_id
        key = "traits" if self.type == IDENTIFY else "properties"
        if self.properties:
            members[key] = dict(self.properties)
        if self.type == IDENTIFY and self.person.company is not None:
            terms = {name: self.properties[name] for name in _TERMS if name in self.properties}
            members["account_traits"] = {"name": self.person.company, **terms}
        return json.dumps(members, ensure_ascii=False, separators=(",", ":"))


class Life:
    """A customer on the way through time."""

    def __init__(self, person: Person, chance: Random, *, begins_at: int) -> None:
        self.person = person
        self.chance = chance
        self.now = begins_at
        self.facts: list[Fact] = []
        self._is_known = True
        self._anonymous_id: str | None = None

    def wait(self, days: float) -> None:
        """Let about *days* pass."""
        self.now += round(days * self.chance.uniform(*_SPREAD) * DAY)

    def did(self, event_type: str, /, **properties: object) -> None:
        """Note that the customer did this, and a few minutes more pass."""
        self.now += self.chance.randint(1, 25) * MINUTE + self.chance.randint(0, 59_999) * 1_000
        fact = Fact(
            at=self.now - self.now % 1_000,
            number=len(self.facts) + 1,
            type=event_type,
            person=self.person,
            properties=properties,
            anonymous_id=self._anonymous_id,
            is_known=self._is_known,
        )
        self.facts.append(fact)
        if self._is_known:
            self._anonymous_id = None

    def perhaps(self, chance: float) -> bool:
        """Return true in that share of lives."""
        return self.chance.random() < chance

    def begin_unknown(self) -> None:
        """Be a visitor without a name until `introduce`."""
        self._is_known = False
        self._anonymous_id = f"v-{self.person.id.removeprefix('c-')}"

    def introduce(self, **traits: object) -> None:
        """Say who the customer is; what the visitor did before is theirs from then on."""
        self._is_known = True
        person = self.person
        known: dict[str, object] = {
            "name": person.name,
            "language": person.language,
            "city": person.city,
        }
        if person.company is not None:
            known["company"] = person.company
        self.did(IDENTIFY, **known, **traits)

    def campaign(self) -> str:
        """Return a campaign in the customer's language."""
        return self.chance.choice(_CAMPAIGNS[self.person.language])

    def product(self) -> tuple[str, int]:
        """Return a product's name in the customer's language, and its price in yen."""
        english, japanese, price = self.chance.choice(_PRODUCTS)
        return (japanese if self.person.language == "ja" else english), price
