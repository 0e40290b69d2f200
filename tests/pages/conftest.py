"""Pages over a small shop in memory, with a clock that tests turn."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI

from domain.instants import DAY, format_instant
from service import logs
from service.adapters.memory import memory_store
from service.app import create_app
from service.bootstrap import assemble, close, prepare
from service.door.events import Origin
from service.services import Services
from service.settings import Settings
from tests.http.conftest import SeededRandomness, TurnedClock

ADMIN_KEY = "a-bootstrap-key-for-tests-that-opens-nothing-else"
SHOP = """
model: shop
title: {en: The <shop>, ja: お店}
initial: visitor
events: {order_completed: [Order Completed]}
signals:
  orders: {count: order_completed}
  last_order: {last: order_completed}
stages:
  - {id: visitor, title: {en: Visitor, ja: 訪問者}}
  - {id: buyer, title: {en: Buyer, ja: 購入者}}
  - {id: dormant, kind: stopped, title: {en: Dormant, ja: 休眠}}
transitions:
  - {id: first-order, from: visitor, to: buyer, on: order_completed}
  - {id: silence, from: buyer, to: dormant, after: 60d, since: last_order}
  - {id: won-back, from: dormant, to: buyer, on: order_completed}
alerts:
  - id: big-order
    title: {en: A big order, ja: 大口}
    on: order_completed
    when: properties.amount > 1000.0
personas:
  - {id: regular, title: {en: Regular guest, ja: 常連}, when: signals.orders >= 2}
"""


@dataclass(frozen=True, slots=True)
class Shop:
    """The application with its pages, and a browser that is signed in."""

    app: FastAPI
    client: httpx.AsyncClient
    services: Services
    clock: TurnedClock

    async def did(
        self, event_type: str, customer: str, days_ago: float, **properties: object
    ) -> None:
        """Let a customer have done something."""
        traits = properties.pop("traits", None)
        event: dict[str, object] = {
            "type": event_type,
            "customer_id": customer,
            "occurred_at": format_instant(self.clock.now() - round(days_ago * DAY)),
            "properties": properties,
        }
        await self.send(event if traits is None else {**event, "traits": traits})

    async def send(self, event: dict[str, object]) -> None:
        """Let an event arrive."""
        origin = Origin("default", "test", self.clock.now(), self._new_id)
        (outcome,) = await self.services.intake.take([json.dumps(event)], origin)
        assert outcome.status == "accepted", outcome

    def _new_id(self) -> str:
        return self.services.randomness.token(8).hex()

    async def sign_in(self) -> None:
        """Begin a session of twelve hours."""
        form = {"key": ADMIN_KEY, "next": "/"}
        headers = {"Origin": "http://shop.test"}
        answer = await self.client.post("/login", data=form, headers=headers)
        assert answer.status_code == 303, answer.text

    async def page(self, path: str, **headers: str) -> str:
        """Return the text of a page that is there."""
        answer = await self.client.get(path, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.text


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """Return an open shop without customers, seen by somebody who is signed in."""
    clock = TurnedClock("2026-03-02T09:30:00Z")
    environ = {"STAGEFOLD_API_KEY": ADMIN_KEY, "STAGEFOLD_MODELS": "none"}
    logs.configure(Settings(log_level="error", log_format="json"))
    services = assemble(
        Settings.from_environment(environ), memory_store(), clock, SeededRandomness()
    )
    services.appender.start()
    await prepare(services)
    draft = services.catalogue.read(SHOP.encode(), "application/yaml")
    version = await services.catalogue.put(draft, tenant="default", author="test")
    await services.catalogue.activate_and_wait(version)
    app = create_app(services)
    transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 50_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        shop = Shop(app, client, services, clock)
        await shop.sign_in()
        yield shop
    await close(services)
