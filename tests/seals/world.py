"""A small sealed log: who sent what, who seals it, and what a verification says."""

from __future__ import annotations

import random
from dataclasses import dataclass

from service.ports import Store
from service.safekeeping.seals import Sealer
from service.safekeeping.verifying import LogVerdict, verify_log
from tests.contract.saying import LATER, post, sent

CUSTOMERS = ("ann", "bob", "cyd")
RANGE = 10


@dataclass(frozen=True, slots=True)
class Watch:
    """A clock that stands."""

    instant: int

    def now(self) -> int:
        """Return where it stands."""
        return self.instant


class Dice:
    """Chance that repeats."""

    def __init__(self) -> None:
        self._chance = random.Random(1)  # noqa: S311 -- a test repeats

    def token(self, octets: int) -> bytes:
        """Return bytes."""
        return self._chance.randbytes(octets)


def sealer(store: Store, now: int = LATER, *, range_events: int = RANGE) -> Sealer:
    """Return what seals *store* in ranges of ten, unless told otherwise, as of *now*."""
    return Sealer(store, Watch(now), Dice(), range_events=range_events)


async def fill(store: Store, count: int) -> None:
    """Append *count* events of three customers, some of them with an account."""
    for number in range(1, count + 1):
        account = "acme" if number % 3 == 0 else None
        name = "ordered" if number % 4 == 0 else "visited"
        customer = CUSTOMERS[number % 3]
        await post(store, sent(f"e{number}", name, number / 2, customer, account_id=account))


async def verify(store: Store, anchor: tuple[int, bytes] | None = None) -> LogVerdict:
    """Return what of the log is not as it was written."""
    return await verify_log(store, lambda *_: None, anchor=anchor)


async def verdict(store: Store, anchor: tuple[int, bytes] | None = None) -> list[str]:
    """Return the codes of what is wrong with the log, each once, in order."""
    found = await verify(store, anchor)
    return list(dict.fromkeys(fault.code for fault in found.faults))
