"""The HTTP application: routers, one shape of refusal, and the layers that every request passes."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version

from fastapi import FastAPI
from starlette.routing import Route

from service.bootstrap import build, close
from service.http import problems
from service.http.describing import documents
from service.http.events import compat, event_schemas, imports, log, rejected
from service.http.events.events_in import PATH, post_events
from service.http.layers import health
from service.http.layers.edge import Edge, Gate
from service.http.layers.managed import Managed
from service.http.management import admin, audit, seals, tenants, usage
from service.http.models import backtests, rebuilds
from service.http.models import model as models
from service.http.subjects import customers, erasures
from service.http.subjects import subject as subjects
from service.http.subjects.short_way import ShortWay, plain_read
from service.http.subjects.subject import KeyOf
from service.http.telling import deliveries, stream, webhooks
from service.loops import start_loops
from service.pages import routes as pages
from service.ports import SubjectKey
from service.services import Services
from service.settings import Settings

TITLE = "stagefold"
_account_key = partial(SubjectKey, "account")
ABOUT = "An event-sourced lifecycle stage engine: a stage is a pure function of its history."


def create_app(services: Services | None = None) -> FastAPI:
    """Return the application over *services*; without them it builds its own from the environment.

    Who passes services in starts and closes them; otherwise the application does, at its lifespan.
    """
    app = FastAPI(
        title=TITLE,
        summary=ABOUT,
        version=version("stagefold"),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=_lifespan,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # /metrics tells
    )
    app.state.services = services
    problems.install(app)
    _route(app)

    def current() -> Services:
        found: Services = app.state.services
        return found

    app.add_middleware(Managed, services=current)
    _shorten(app)
    app.add_middleware(Gate)
    app.add_middleware(problems.LastResort)
    app.add_middleware(Edge, services=current)
    return app


def _route(app: FastAPI) -> None:
    app.router.routes.append(Route(PATH, post_events, methods=["POST"]))
    app.router.routes.extend(compat.routes())
    for router in (
        customers.router,
        erasures.router,
        subjects.router_of("/v1/customers", "customers", SubjectKey.of_customer),
        subjects.router_of("/v1/accounts", "accounts", _account_key),
        models.router,
        rebuilds.router,
        backtests.router,
        log.router,
        stream.router,
        admin.router,
        rejected.router,
        imports.router,
        seals.router,
        tenants.router,
        webhooks.router,
        deliveries.router,
        audit.router,
        usage.router,
        event_schemas.router,
        health.router,
        documents.router,
    ):
        app.include_router(router)
    app.router.routes.extend(pages.routes())


def _shorten(app: FastAPI) -> None:
    """Let what carries the load be answered before the routes are looked through."""
    app.state.short_ways = {("POST", PATH): post_events}
    keys_of: dict[str, KeyOf] = {
        "/v1/customers": SubjectKey.of_customer,
        "/v1/accounts": _account_key,
    }
    plain_reads = {prefix: plain_read(prefix, key_of) for prefix, key_of in keys_of.items()}
    app.add_middleware(ShortWay, exact=app.state.short_ways, plain_reads=plain_reads)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    if app.state.services is not None:
        yield
        return
    services = app.state.services = await build(Settings.from_environment(os.environ))
    start_loops(services)
    try:
        yield
    finally:
        await close(services)
