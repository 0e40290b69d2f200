"""Who lives in the demo: names put together from given names and family names that nobody has."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

_EN_GIVEN = [
    "Alma",
    "Bram",
    "Cleo",
    "Dario",
    "Elsie",
    "Finn",
    "Greta",
    "Hugo",
    "Iris",
    "Jonas",
    "Kira",
    "Linus",
    "Mina",
    "Nils",
    "Orla",
    "Pia",
    "Quinn",
    "Rosa",
    "Sami",
    "Tess",
    "Una",
    "Vito",
    "Wren",
    "Yara",
    "Zeno",
]
_EN_FAMILY = [
    "Amberlake",
    "Birchmore",
    "Cloverfen",
    "Dunmarsh",
    "Elderglen",
    "Fernhollow",
    "Goldmere",
    "Hazelwick",
    "Ivorydale",
    "Juniperhill",
    "Kestrelby",
    "Larkmead",
    "Mossbridge",
    "Northquill",
    "Oakenwell",
    "Pinecastle",
    "Quayharrow",
    "Rowanstead",
    "Silverbeck",
    "Thistledown",
]
_EN_CITIES = ("Port Lark", "New Hazel", "Amber Bay", "Silverbeck")

_JA_GIVEN = [
    "葵",
    "樹",
    "詩",
    "海",
    "奏",
    "灯",
    "千歳",
    "凪",
    "陽",
    "蛍",
    "結",
    "澪",
    "律",
    "蓮",
    "環",
    "楓",
    "湊",
    "朔",
    "杏",
    "柊",
]
_JA_FAMILY = [
    "星ヶ森",
    "風見原",
    "月ノ瀬",
    "花ノ宮",
    "雨宮川",
    "虹ヶ丘野",
    "森ノ瀬",
    "空ノ木",
    "海ノ辺",
    "霧ヶ里",
    "桜ヶ淵",
    "白鷺原",
    "朝霧崎",
    "夕凪浜",
    "若葉ヶ原",
    "雪見沢",
]
_JA_CITIES = ("星見市", "風待町", "月浜市", "花巻原市")

_EN_TRADES = ("Works", "Logistics", "Bakery", "Design", "Books")
_JA_TRADES = ("商会", "製作所", "物流", "製菓", "書房")

_JAPANESE_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody invented.

    Attributes:
        id: Customer id.
        language: `ja` or `en`; names and campaigns follow it.
        account_id: Company on whose behalf they act, if any.
        company: Its name.
    """

    id: str
    name: str
    language: str
    city: str
    account_id: str | None = None
    company: str | None = None


def invent(number: int, chance: Random) -> Person:
    """Return customer *number*."""
    language = "ja" if chance.random() < _JAPANESE_SHARE else "en"
    return _named(f"c-{number:04}", language, chance)


def invent_member(number: int, account: int, chance: Random) -> Person:
    """Return customer *number*, who acts for company *account*."""
    of_company = Random(f"company {account}")  # noqa: S311 -- repeatable invention, no secret
    language = "ja" if of_company.random() < _JAPANESE_SHARE else "en"
    if language == "ja":
        company = f"{of_company.choice(_JA_FAMILY)}{of_company.choice(_JA_TRADES)}"
    else:
        company = f"{of_company.choice(_EN_FAMILY)} {of_company.choice(_EN_TRADES)}"
    person = _named(f"c-{number:04}", language, chance)
    return Person(person.id, person.name, language, person.city, f"a-{account:03}", company)


def _named(customer_id: str, language: str, chance: Random) -> Person:
    if language == "ja":
        name = f"{chance.choice(_JA_FAMILY)} {chance.choice(_JA_GIVEN)}"
        return Person(customer_id, name, language, chance.choice(_JA_CITIES))
    name = f"{chance.choice(_EN_GIVEN)} {chance.choice(_EN_FAMILY)}"
    return Person(customer_id, name, language, chance.choice(_EN_CITIES))
