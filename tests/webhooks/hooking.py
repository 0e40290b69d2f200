"""An application and its webhooks, moved on by the test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from projections.asking import EVERYBODY
from projections.registers.register import entries
from projections.webhooks.rows import DUE
from tests.http.conftest import Api

ROUNDS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Hooked:
    """The application; nothing is delivered but by `deliver`."""

    api: Api

    async def endpoint(self, url: str, **terms: object) -> dict[str, Any]:
        """Return an endpoint made for *url*."""
        made = await self.api.client.post("/v1/webhook-endpoints", json={"url": url, **terms})
        assert made.status_code == 201, made.text
        found: dict[str, Any] = made.json()
        return found

    async def post(self, path: str, body: object = None, **options: Any) -> dict[str, Any]:  # noqa: ANN401 -- httpx's options
        """Return the answer to a POST that is to succeed."""
        answered = await self.api.client.post(path, json=body, **options)
        assert answered.status_code < 300, answered.text
        found: dict[str, Any] = answered.json()
        return found

    async def get(self, path: str, **parameters: str) -> dict[str, Any]:
        """Return the answer to a GET that is to succeed."""
        answered = await self.api.client.get(path, params=parameters)
        assert answered.status_code == 200, answered.text
        found: dict[str, Any] = answered.json()
        return found

    async def deliver(self) -> None:
        """Let everything that is due by now be attempted, and what follows from it."""
        hooks, now = self.api.services.hooks, self.api.clock.now
        while await hooks.fan_out.pages():
            pass
        hooks.courier.wake()
        for _ in range(ROUNDS_MAX):
            await hooks.courier.round()
            if hooks.courier.is_idle and not await self._is_due(now()):
                return
        raise AssertionError("deliveries do not come to an end")

    async def deliver_at_pace(self) -> None:
        """Let be attempted what the endpoints' pace lets out now, and no more."""
        hooks = self.api.services.hooks
        while await hooks.fan_out.pages():
            pass
        hooks.courier.wake()
        await hooks.courier.round()
        while not hooks.courier.is_idle:
            await hooks.courier.round()

    async def _is_due(self, now: int) -> bool:
        endpoints = await self.api.services.hooks.endpoints.all("default")
        enabled = {one.id for one in endpoints if one.state == "enabled"}
        open_ones = {each for each in enabled if self.api.services.hooks.courier.may_send(each)}
        due = await self.api.services.store.look(entries(DUE), of=EVERYBODY)
        return any(one.next_at <= now and one.endpoint in open_ones for one in due)
