"""An application over the memory store, in this process, with a clock that tests turn."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from domain.instants import format_instant, parse_instant
from service import logs
from service.adapters.memory import memory_store
from service.app import create_app
from service.bootstrap import assemble, close, prepare
from service.loops import start_tail
from service.ports import Store
from service.services import Services
from service.settings import Settings

ADMIN_KEY = "a-bootstrap-key-for-tests-that-opens-nothing-else"
SHOP = b"""
model: shop
initial: visitor
signals:
  orders: {count: ordered}
  spent: {sum: properties.amount, on: ordered}
  last_order: {last: ordered}
stages:
  - {id: visitor}
  - {id: customer}
  - {id: loyal}
  - {id: dormant, kind: stopped}
transitions:
  - {id: first-order, from: visitor, to: customer, on: ordered}
  - {id: third-order, from: customer, to: loyal, when: signals.orders >= 3}
  - {id: silence, from: [customer, loyal], to: dormant, after: 30d, since: last_order}
  - {id: won-back, from: dormant, to: customer, on: ordered}
alerts:
  - {id: big-order, on: ordered, when: properties.amount > 1000.0}
personas:
  - {id: big-spender, when: signals.spent > 500.0}
"""


class TurnedClock:
    """A clock that stands until a test turns it."""

    def __init__(self, at: str = "2026-03-02T00:00:00Z") -> None:
        self.instant = parse_instant(at)

    def now(self) -> int:
        """Return where the clock stands."""
        return self.instant

    def turn(self, *, days: float = 0, seconds: float = 0) -> None:
        """Let time pass."""
        self.instant += round((days * 86_400 + seconds) * 1_000_000)


class SeededRandomness:
    """Chance that repeats."""

    def __init__(self) -> None:
        self._chance = random.Random(1)  # noqa: S311 -- a test repeats

    def token(self, octets: int) -> bytes:
        """Return bytes."""
        return self._chance.randbytes(octets)


@dataclass(frozen=True, slots=True)
class Api:
    """The application, and a client that holds the admin key."""

    client: httpx.AsyncClient
    services: Services
    clock: TurnedClock

    async def get(self, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 -- httpx's options
        """Return the answer to a GET."""
        return await self.client.get(path, **options)

    async def send(self, *events: dict[str, object], **options: Any) -> httpx.Response:  # noqa: ANN401 -- httpx's options
        """Return the answer to *events*, posted as a batch."""
        return await self.client.post("/v1/events", json=list(events), **options)

    async def key(self, *scopes: str, **options: object) -> dict[str, str]:
        """Return the header of a new key."""
        body = {"name": "test", "scopes": list(scopes), **options}
        made = await self.client.post("/v1/api-keys", json=body)
        assert made.status_code == 201, made.text
        return {"Authorization": f"Bearer {made.json()['key']}"}


def did(
    event_type: str, customer: str, at: str | int | None = None, **properties: object
) -> dict[str, object]:
    """Return an event as a producer sends it."""
    event: dict[str, object] = {"type": event_type, "customer_id": customer}
    if at is not None:
        event["occurred_at"] = at if isinstance(at, str) else format_instant(at)
    if properties:
        event["properties"] = properties
    return event


async def services_over_memory(clock: TurnedClock, **variables: str) -> Services:
    """Return services over an empty store in memory, prepared for requests."""
    return await services_over(memory_store(), clock, **variables)


async def services_over(store: Store, clock: TurnedClock, **variables: str) -> Services:
    """Return services over *store*, prepared for requests."""
    environ = {"STAGEFOLD_API_KEY": ADMIN_KEY, "STAGEFOLD_MODELS": "none", **variables}
    settings = Settings.from_environment(environ)
    logs.configure(Settings(log_level="error", log_format="json"))
    services = assemble(settings, store, clock, SeededRandomness())
    services.appender.start()
    await prepare(services)
    start_tail(services)
    draft = services.catalogue.read(SHOP, "application/yaml")
    version = await services.catalogue.put(draft, tenant="default", author="test")
    await services.catalogue.activate_and_wait(version)
    return services


@cache
def _application() -> FastAPI:
    """Return the one application of all tests: making its routes takes longer than a test."""
    return create_app()


def client_of(services: Services, **headers: str) -> httpx.AsyncClient:
    """Return a client of the application in this process."""
    app = _application()
    app.state.services = services
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    authorization = {"Authorization": f"Bearer {ADMIN_KEY}"}
    return httpx.AsyncClient(
        transport=transport, base_url="http://test", headers={**authorization, **headers}
    )


MakeApi = Callable[..., Awaitable[Api]]


@pytest.fixture
async def make_api(anyio_backend: str) -> AsyncIterator[MakeApi]:
    """Return what makes an application under given settings."""
    del anyio_backend
    made: list[Api] = []

    async def make(**variables: str) -> Api:
        clock = TurnedClock()
        services = await services_over_memory(clock, **variables)
        made.append(Api(client_of(services), services, clock))
        return made[-1]

    yield make
    for each in made:
        await each.client.aclose()
        await close(each.services)


@pytest.fixture
async def api(make_api: MakeApi) -> Api:
    """Return an application with the model `shop`."""
    return await make_api()
