"""Deliveries and redeliveries of webhooks over HTTP."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from projections.webhooks.rows import Attempt, Delivery, Redelivery
from service.http.answers.values import Members, answer, instant, listed
from service.http.requests.calls import MayManageWebhooks, only_known_parameters
from service.http.requests.parameters import Cursor, InstantText, Limit, instant_of
from service.http.requests.strict_route import StrictRoute
from service.http.telling.webhooks import EndpointId, Pattern
from service.webhooks.deliveries import DeliveryQuery, delivery_id, is_held
from service.webhooks.redeliveries import order_of

router = APIRouter(
    tags=["webhooks"], dependencies=[Depends(only_known_parameters)], route_class=StrictRoute
)

DeliveryId = Annotated[str, Path(max_length=40)]
Missed = Literal["failed", "held", "missing"]
Asked = Literal["pending", "held", "delivered", "failed", "exhausted", "superseded", "canceled"]
Word = Annotated[str | None, Query(max_length=256)]
InstantIn = Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})]


class RedeliveryOrder(BaseModel):
    """What is to be sent again: of which stretch of time, and what became of it before."""

    model_config = ConfigDict(extra="forbid", strict=True)

    since: InstantIn
    until: InstantIn | None = None
    status: Annotated[list[Missed], Field(min_length=1, max_length=3)]
    types: Annotated[list[Pattern], Field(max_length=50)] = []
    dry_run: Annotated[bool, Field(description="Count, and send nothing.")] = False


@router.get("/v1/deliveries", summary="Deliveries")
async def list_deliveries(
    *,
    call: MayManageWebhooks,
    endpoint: Word = None,
    status: Annotated[Asked | None, Query()] = None,
    customer: Word = None,
    type_: Annotated[str | None, Query(alias="type", max_length=256)] = None,
    message_id: Word = None,
    since: InstantText = None,
    until: InstantText = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Return deliveries, newest first. `held` is what waits for an endpoint to be enabled."""
    given = {"endpoint": endpoint, "customer": customer, "type": type_, "message_id": message_id}
    cursors = call.cursors(**given, status=status, since=since, until=until)
    after = cursors.read(cursor)
    query = DeliveryQuery(
        call.tenant,
        equal=tuple((name, value) for name, value in given.items() if value),
        status=status,
        since=instant_of("since", since),
        until=instant_of("until", until),
        after=None if after is None else int(after[0]),
        limit=limit,
    )
    page, enabled = await call.services.hooks.deliveries.page(query)
    rows = [delivery_of(one, held=is_held(one, enabled)) for one in page.rows]
    return answer(listed(rows, cursors.write(page.next_after)))


@router.get("/v1/deliveries/{delivery_id}", summary="One delivery")
async def get_delivery(*, call: MayManageWebhooks, delivery_id: DeliveryId) -> Response:
    """Return a delivery with its message."""
    found, message, held = await call.services.hooks.deliveries.find(call.tenant, delivery_id)
    body = None if message is None else msgspec.Raw(message.body)
    return answer({**delivery_of(found, held=held), "message": body})


@router.get("/v1/deliveries/{delivery_id}/attempts", summary="How a delivery went")
async def list_attempts(*, call: MayManageWebhooks, delivery_id: DeliveryId) -> Response:
    """Return the attempts of a delivery in order, at most 100."""
    found = await call.services.hooks.deliveries.attempts(call.tenant, delivery_id)
    return answer(listed([attempt_of(each) for each in found], None))


@router.post("/v1/deliveries/{delivery_id}/retry", status_code=202, summary="Try again")
async def retry_delivery(*, call: MayManageWebhooks, delivery_id: DeliveryId) -> Response:
    """Try a delivery again as soon as its customer's turn allows, whatever became of it."""
    found = await call.services.hooks.deliveries.retry(call.tenant, delivery_id)
    return answer(delivery_of(found, held=False), status=202)


@router.get("/v1/webhook-endpoints/{endpoint_id}/attempts", summary="Attempts at an endpoint")
async def list_endpoint_attempts(
    *, call: MayManageWebhooks, endpoint_id: EndpointId, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """Return attempts, those of the newest deliveries first."""
    hooks = call.services.hooks
    await hooks.endpoints.find(call.tenant, endpoint_id)
    cursors = call.cursors()
    after = cursors.read(cursor)
    place = None if after is None else (int(after[0]), int(after[1]))
    page = await hooks.deliveries.attempts_of(call.tenant, endpoint_id, after=place, limit=limit)
    rows = [attempt_of(each) for each in page.rows]
    return answer(listed(rows, cursors.write(page.next_after)))


@router.post(
    "/v1/webhook-endpoints/{endpoint_id}/redeliveries", status_code=202, summary="Send again"
)
async def begin_redelivery(
    *, call: MayManageWebhooks, endpoint_id: EndpointId, body: RedeliveryOrder
) -> Response:
    """Begin to send again what an endpoint missed; `missing` is what it was never sent."""
    hooks = call.services.hooks
    await hooks.endpoints.find(call.tenant, endpoint_id)
    order = order_of(
        call.tenant,
        endpoint_id,
        since=body.since,
        until=body.until,
        statuses=body.status,
        types=body.types,
        now=call.now,
        is_dry=body.dry_run,
    )
    begun = await hooks.redeliveries.begin(order)
    headers = {"Location": f"/v1/webhook-endpoints/{endpoint_id}/redeliveries/{begun.id}"}
    return answer(redelivery_of(begun), status=202, headers=headers)


@router.get("/v1/webhook-endpoints/{endpoint_id}/redeliveries", summary="Redeliveries")
async def list_redeliveries(*, call: MayManageWebhooks, endpoint_id: EndpointId) -> Response:
    """Return the redeliveries of an endpoint, newest first."""
    hooks = call.services.hooks
    await hooks.endpoints.find(call.tenant, endpoint_id)
    found = await hooks.redeliveries.all(call.tenant, endpoint_id)
    return answer(listed([redelivery_of(each) for each in found], None))


@router.get(
    "/v1/webhook-endpoints/{endpoint_id}/redeliveries/{redelivery_id}",
    summary="Progress of a redelivery",
)
async def get_redelivery(
    *, call: MayManageWebhooks, endpoint_id: EndpointId, redelivery_id: DeliveryId
) -> Response:
    """Return how far it has come and how many it has found."""
    redeliveries = call.services.hooks.redeliveries
    return answer(redelivery_of(await redeliveries.find(call.tenant, endpoint_id, redelivery_id)))


def delivery_of(one: Delivery, *, held: bool) -> Members:
    """Return a delivery; *held* where it only waits for its endpoint."""
    return {
        "id": delivery_id(one.number),
        "endpoint_id": one.endpoint,
        "message_id": one.message_id,
        "type": one.type,
        "customer": one.customer or None,
        "model": one.model or None,
        "status": "held" if held else one.status,
        "attempts": one.attempts,
        "created_at": instant(one.created_at),
        "next_attempt_at": instant(one.next_at),
        "last_attempt_at": instant(one.last_at),
        "failure": one.failure or None,
        "http_status": one.http_status,
        "cause": one.cause,
    }


def attempt_of(one: Attempt) -> Members:
    """Return how an attempt went."""
    return {
        "delivery_id": delivery_id(one.delivery),
        "attempt": one.nth,
        "endpoint_id": one.endpoint,
        "at": instant(one.at),
        "duration_ms": one.milliseconds,
        "status": one.status,
        "failure": one.failure or None,
        "reason": one.reason,
        "address": one.address,
        "headers": msgspec.Raw(one.headers.encode()),
        "body": one.answer.decode("utf-8", "replace"),
    }


def redelivery_of(one: Redelivery) -> Members:
    """Return a job that sends again."""
    return {
        "id": one.id,
        "endpoint_id": one.endpoint,
        "since": instant(one.since),
        "until": instant(one.until),
        "status": one.status,
        "statuses": one.statuses.split(","),
        "types": list(filter(None, one.types.split(","))),
        "dry_run": bool(one.dry_run),
        "looked_at": one.seen,
        "count": one.found,
        "created_at": instant(one.created_at),
        "finished_at": instant(one.finished_at),
    }
