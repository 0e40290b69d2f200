"""Probes and figures for whoever runs the service; open to all, and they tell no content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from service.http.answers.values import pace_of
from service.http.requests.calls import ServicesOf, only_known_parameters
from service.ports import Generation, StoreError
from service.services import Services

router = APIRouter(tags=["ops"], dependencies=[Depends(only_known_parameters)])

_DUE_ALARM = 10_000


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that has to be well for the process to take requests."""

    name: str
    ok: bool
    found: str


@router.get("/livez", summary="Whether the process runs", response_class=PlainTextResponse)
async def livez() -> Response:
    """Answer at once; the database is not asked, so its trouble restarts nobody."""
    return PlainTextResponse("ok\n")


@router.get("/startupz", summary="Whether the start is over", response_class=PlainTextResponse)
async def startupz(services: ServicesOf) -> Response:
    """Answer 503 until migrations and models are in place."""
    started = services.lifecycle.started
    return PlainTextResponse("ok\n" if started else "starting\n", 200 if started else 503)


@router.get("/readyz", summary="Whether requests are welcome", response_class=PlainTextResponse)
async def readyz(request: Request, services: ServicesOf, verbose: str | None = None) -> Response:
    """Answer 503 while starting, draining, behind or without a database.

    The status is the contract; `?verbose` names each check, as text or, if accepted, JSON.
    """
    checks = await readiness(services)
    if verbose is not None and all(check.ok for check in checks):
        checks += await _rebuilds(services)
    return told(request, checks, is_verbose=verbose is not None)


async def _rebuilds(services: Services) -> list[Check]:
    """Return how far each rebuild has come; none of them keeps a request away."""
    try:
        under_way = await services.store.generations_under_way()
    except StoreError as error:
        return [Check("store", ok=False, found=str(error))]
    now = services.clock.now()
    return [Check("rebuild", ok=True, found=_progress(one, now)) for one in under_way]


def _progress(one: Generation, now: int) -> str:
    pace = pace_of(one.done, one.total, one.started_at, one.finished_at, now)
    rate, left = pace["events_per_second"], pace["seconds_left"]
    told_left = "" if left is None else f", {rate} events/s, about {left} s left"
    return f"{one.generation} has folded {one.done} of {one.total} events{told_left}"


def told(request: Request, checks: Sequence[Check], *, is_verbose: bool = True) -> Response:
    """Return whether all *checks* are well, each named where *is_verbose*."""
    ready = all(check.ok for check in checks)
    status = 200 if ready else 503
    headers = {} if ready else {"Retry-After": "1"}
    if not is_verbose:
        return PlainTextResponse("ok\n" if ready else "not ready\n", status, headers)
    if "application/json" in request.headers.get("accept", ""):
        members = [{"name": each.name, "ok": each.ok, "found": each.found} for each in checks]
        return JSONResponse({"ready": ready, "checks": members}, status, headers)
    lines = [f"[{'+' if each.ok else '-'}] {each.name}: {each.found}\n" for each in checks]
    return PlainTextResponse("".join(lines), status, headers)


async def readiness(services: Services) -> list[Check]:
    """Return everything that has to be well before requests are welcome."""
    lifecycle = services.lifecycle
    checks = [
        Check("started", lifecycle.started, "yes" if lifecycle.started else "starting"),
        Check("serving", not lifecycle.draining, "draining" if lifecycle.draining else "yes"),
    ]
    try:
        positions = await services.store.positions()
    except StoreError as error:
        return [*checks, Check("store", ok=False, found=str(error))]
    lag = positions.head - positions.applied
    most = services.settings.lag_events_max
    if services.consumer is not None:  # whose trouble keeps no request away
        checks.append(Check("kafka", ok=True, found=services.consumer.figures.told()))
    checks += [
        Check(publisher.name, ok=True, found=publisher.figures.told())
        for publisher in services.publishers
    ]
    return [
        *checks,
        Check("store", ok=True, found=f"log position {positions.head}"),
        Check("projection", lag <= most, f"{lag} events behind, at most {most} allowed"),
    ]


@router.get("/metrics", summary="Figures for Prometheus", response_class=PlainTextResponse)
async def metrics(services: ServicesOf) -> Response:
    """Return every figure in the text format of Prometheus."""
    now = services.clock.now()
    measured = services.appender.measured
    services.metrics.count_batches(measured.popleft() for _ in range(len(measured)))
    health = await services.store.health(now)
    newest = await services.store.newest_seals(limit=1)
    await services.hooks.figures.observe()
    text = services.metrics.text(
        health,
        now=now,
        queued=services.appender.queued,
        sealed=newest[0].to_position if newest else 0,
    )
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")
