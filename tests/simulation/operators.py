"""An operator: puts versions of a model, activates them, rolls them back, rebuilds, gives up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import httpx

from tests.contract.saying import SHOP, VIPS

Ask = Callable[..., Awaitable[httpx.Response | None]]
"""Asks the service; None where there was no answer, or one that tells to come again."""

HASTY = {
    **SHOP,
    "signals": {**SHOP["signals"], "orders_30d": {"count": "ordered", "within": "7d"}},
}
DOCUMENTS = (SHOP, VIPS, HASTY)
MAPS: tuple[dict[str, str], ...] = (
    {},
    {"loyal": "vip"},
    {"loyal": "vip", "buyer": "fan"},
    {"fan": "lead", "vip": "loyal"},
    {"loyal": "buyer"},
)
PAUSES = (0.0, 1.0, 600.0, 100_000.0)


class Operator:
    """Somebody who changes models while everybody else goes on."""

    def __init__(self, ask: Ask, chance: random.Random) -> None:
        """Speak to the service by *ask*."""
        self._ask = ask
        self._chance = chance
        self._begun: list[str] = []

    async def act(self) -> None:
        """Do one thing."""
        acts = (self._put, self._activate, self._activate, self._roll_back, self._rebuild)
        await self._chance.choice((*acts, self._cancel))()
        await asyncio.sleep(self._chance.choice(PAUSES) * self._chance.random())

    async def _put(self) -> None:
        found = await self._ask("GET", "/v1/models/shop")
        if found is not None and "etag" in found.headers:
            headers = {"If-Match": found.headers["etag"]}
            document = self._chance.choice(DOCUMENTS)
            await self._ask("PUT", "/v1/models/shop", json=document, headers=headers)

    async def _activate(self) -> None:
        number = self._chance.randint(1, len(DOCUMENTS))
        order: dict[str, object] = {}
        if self._chance.random() < 0.6:
            order |= {"mode": "from_now", "stage_map": self._chance.choice(MAPS)}
        path = f"/v1/models/shop/versions/{number}/activate"
        self._note(await self._ask("POST", path, json=order))

    async def _roll_back(self) -> None:
        self._note(await self._ask("POST", "/v1/models/shop/rollback"))

    async def _rebuild(self) -> None:
        order = {"model": self._chance.choice(("shop", "team"))}
        self._note(await self._ask("POST", "/v1/rebuilds", json=order))

    async def _cancel(self) -> None:
        if self._begun:
            await self._ask("DELETE", self._chance.choice(self._begun))

    def _note(self, answer: httpx.Response | None) -> None:
        if answer is not None and "location" in answer.headers:
            self._begun.append(answer.headers["location"])
