"""Endpoints of webhooks over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from projections.registers.register import entries
from projections.webhooks.rows import LANES, Endpoint
from service.errors import Problem
from service.http.answers.values import Members, answer, instant, listed
from service.http.requests.calls import (
    Call,
    MayManageWebhooks,
    MayOperate,
    ServicesOf,
    only_known_parameters,
)
from service.http.requests.overlaps import Overlapping
from service.http.requests.strict_route import StrictRoute
from service.webhooks.breaker import Breaker
from service.webhooks.checking import key_members
from service.webhooks.endpoints import Standing
from service.webhooks.posting import secrets_of
from service.webhooks.samples import data_of
from service.webhooks.sending import Outcome
from service.webhooks.terms import TEST, TYPES, Filter, Terms, terms_of

router = APIRouter(
    tags=["webhooks"], dependencies=[Depends(only_known_parameters)], route_class=StrictRoute
)

EndpointId = Annotated[str, Path(max_length=64)]
Pattern = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.:*-]+$")]
Patterns = Annotated[list[Pattern], Field(max_length=50)]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,100}$")]
HeaderValue = Annotated[str, Field(max_length=1_000, pattern=r"^[ -~]*$")]
_AS_GIVEN = (
    "url",
    "description",
    "format",
    "ordering",
    "on_backlog",
    "max_in_flight",
    "handshake",
)
_STRICT = ConfigDict(extra="forbid", strict=True, populate_by_name=True)


class FilterIn(BaseModel):
    """Which messages, beyond their types; `*` is any text."""

    model_config = _STRICT

    model: Patterns = []
    from_: Annotated[Patterns, Field(alias="from")] = []
    to: Patterns = []
    expression: Annotated[
        str | None, Field(max_length=2_000, description="CEL over `type` and `data`.")
    ] = None

    def filter(self) -> Filter:
        """Return the filter."""
        stages = tuple(self.from_), tuple(self.to)
        return Filter(tuple(self.model), *stages, self.expression or "")


class RateLimit(BaseModel):
    """How many deliveries a second at most."""

    model_config = _STRICT

    per_second: Annotated[int, Field(ge=1, le=100_000)]


class EndpointChange(BaseModel):
    """What is to be different; a member that is left out stays as it is."""

    model_config = _STRICT

    url: Annotated[str, Field(max_length=2_000)] | None = None
    description: Annotated[str, Field(max_length=500)] | None = None
    types: Annotated[Patterns, Field(min_length=1)] | None = None
    filter: FilterIn | None = None
    format: Literal["standard", "cloudevents", "cloudevents-binary"] | None = None
    signing: Annotated[list[Literal["v1", "v1a"]], Field(min_length=1, max_length=2)] | None = None
    ordering: Literal["customer", "none"] | None = None
    on_backlog: Literal["keep", "latest"] | None = None
    rate_limit: RateLimit | None = None
    max_in_flight: Annotated[int, Field(ge=1, le=100)] | None = None
    timeout_s: Annotated[float, Field(ge=1, le=30)] | None = None
    headers: Annotated[dict[HeaderName, HeaderValue], Field(max_length=20)] | None = None
    handshake: Annotated[
        bool | None, Field(description="Ask the receiver by OPTIONS whether it wants this.")
    ] = None

    def applied(self, terms: Terms) -> Terms:
        """Return *terms* with what is to be different."""
        told: dict[str, object] = {
            name: getattr(self, name) for name in _AS_GIVEN if getattr(self, name) is not None
        }
        for name in ("types", "signing"):
            if getattr(self, name) is not None:
                told[name] = tuple(dict.fromkeys(getattr(self, name)))
        if self.filter is not None:
            told["filter"] = self.filter.filter()
        if self.timeout_s is not None:
            told["timeout_seconds"] = self.timeout_s
        if self.headers is not None:
            told["headers"] = dict(self.headers)
        if "rate_limit" in self.model_fields_set:
            told["per_second"] = 0 if self.rate_limit is None else self.rate_limit.per_second
        return replace(terms, **told)  # type: ignore[arg-type]  # the fields that pydantic has checked


class NewEndpoint(EndpointChange):
    """Who is to be told, of what, and how."""

    url: Annotated[str, Field(min_length=1, max_length=2_000)]
    secret: Annotated[
        str | None, Field(max_length=200, description="`whsec_…`; without it one is made.")
    ] = None


class Enabling(BaseModel):
    """What becomes of what was held."""

    model_config = _STRICT

    resume: Literal["all", "latest", "none"]


class Trial(BaseModel):
    """Which sample to send."""

    model_config = _STRICT

    type: Literal[tuple(TYPES)] = TEST  # type: ignore[valid-type]  # the types of the table


class SecretRotation(Overlapping):
    """How an endpoint changes its secret."""

    secret: Annotated[str | None, Field(max_length=200)] = None


KEYS_KEPT_SECONDS = 300
"""For so long others may keep our public keys."""


@router.get("/v1/webhook-types", summary="What there is to be told of")
async def list_types(*, call: MayManageWebhooks) -> Response:
    """Return every type of message with an example."""
    rows: Sequence[Members] = [
        {"type": name, "description": about, "example": data_of(name, call.now)}
        for name, about in TYPES.items()
    ]
    return answer(listed(rows, None))


@router.get("/.well-known/webhook-keys.json", summary="Keys that sign v1a")
async def published_keys(*, services: ServicesOf) -> Response:
    """Return the public keys that a signature of the scheme `v1a` may be by."""
    found = await services.hooks.endpoints.published.live()
    keys = {"keys": [key_members(each) for each in found]}
    return answer(keys, headers={"Cache-Control": f"public, max-age={KEYS_KEPT_SECONDS}"})


@router.post("/v1/webhook-keys/rotate", status_code=201, summary="Change the key that signs v1a")
async def rotate_key(*, call: MayOperate, body: Overlapping) -> Response:
    """Return the public half of the new key; those before it sign as well for a while."""
    made = await call.services.hooks.endpoints.published.rotate(body.microseconds())
    call.services.hooks.courier.wake()
    return answer(key_members(made), status=201)


@router.post("/v1/webhook-endpoints", status_code=201, summary="Be told")
async def create_endpoint(*, call: MayManageWebhooks, body: NewEndpoint) -> Response:
    """Return the endpoint with its secret. The past is not told; a redelivery of `missing` is."""
    terms = body.applied(Terms(body.url))
    made, secret = await call.services.hooks.endpoints.create(call.tenant, terms, body.secret)
    headers = {"Location": f"/v1/webhook-endpoints/{made.id}", "ETag": _tag(made)}
    return answer({**endpoint_of(made), "secret": secret}, status=201, headers=headers)


@router.get("/v1/webhook-endpoints", summary="Endpoints")
async def list_endpoints(*, call: MayManageWebhooks) -> Response:
    """Return every endpoint, without secrets."""
    found = await call.services.hooks.endpoints.all(call.tenant)
    return answer(listed([endpoint_of(each) for each in found], None))


@router.get("/v1/webhook-endpoints/{endpoint_id}", summary="One endpoint")
async def get_endpoint(*, call: MayManageWebhooks, endpoint_id: EndpointId) -> Response:
    """Return the endpoint without its secrets."""
    return _told((await _standing(call, endpoint_id)).endpoint)


@router.patch("/v1/webhook-endpoints/{endpoint_id}", summary="Change an endpoint")
async def change_endpoint(
    *,
    call: MayManageWebhooks,
    endpoint_id: EndpointId,
    body: EndpointChange,
    if_match: Annotated[str | None, Header(max_length=100)] = None,
) -> Response:
    """Return the endpoint as it is from now on; what waits goes to the new address too."""
    standing = await _standing(call, endpoint_id)
    tag = _tag(standing.endpoint)
    if if_match is None:
        raise Problem("precondition_required", f"send If-Match: {tag}, the ETag of the endpoint")
    if if_match != tag:
        raise Problem("precondition_failed", f"If-Match: expected {tag}, found {if_match[:60]}")
    changed = await call.services.hooks.endpoints.change(
        call.tenant, endpoint_id, body.applied, standing.endpoint.version
    )
    return _told(changed)


@router.delete("/v1/webhook-endpoints/{endpoint_id}", summary="Remove an endpoint")
async def remove_endpoint(*, call: MayManageWebhooks, endpoint_id: EndpointId) -> Response:
    """Remove it; what waits for it is canceled."""
    return _told(await call.services.hooks.endpoints.remove(call.tenant, endpoint_id))


@router.post("/v1/webhook-endpoints/{endpoint_id}/enable", summary="Deliver again")
async def enable_endpoint(
    *, call: MayManageWebhooks, endpoint_id: EndpointId, body: Enabling
) -> Response:
    """Enable a paused or disabled endpoint."""
    endpoints = call.services.hooks.endpoints
    return _told(await endpoints.enable(call.tenant, endpoint_id, body.resume))


@router.post("/v1/webhook-endpoints/{endpoint_id}/pause", summary="Hold deliveries")
async def pause_endpoint(*, call: MayManageWebhooks, endpoint_id: EndpointId) -> Response:
    """Hold what is for the endpoint until it is enabled again."""
    return _told(await call.services.hooks.endpoints.pause(call.tenant, endpoint_id))


@router.post("/v1/webhook-endpoints/{endpoint_id}/test", summary="Send a sample")
async def test_endpoint(
    *, call: MayManageWebhooks, endpoint_id: EndpointId, body: Trial
) -> Response:
    """Send a sample now and return how it went; it is in no log and is not tried again."""
    told, outcome = await call.services.hooks.endpoints.test(call.tenant, endpoint_id, body.type)
    members: Members = {
        "delivery_id": None,
        "attempt": 1,
        "endpoint_id": endpoint_id,
        "at": instant(told.at),
        **_outcome(outcome),
        "message_id": told.id,
        "type": told.type,
        "delivered": outcome.verdict == "delivered",
    }
    return answer(members)


@router.post("/v1/webhook-endpoints/{endpoint_id}/rotate-secret", summary="Change the secret")
async def rotate_secret(
    *, call: MayManageWebhooks, endpoint_id: EndpointId, body: SecretRotation
) -> Response:
    """Return the endpoint with its new secret; the one before signs as well for a while."""
    found, secret = await call.services.hooks.endpoints.rotate(
        call.tenant, endpoint_id, body.secret, body.microseconds()
    )
    return answer({**endpoint_of(found), "secret": secret}, headers={"ETag": _tag(found)})


@router.get("/v1/webhook-endpoints/{endpoint_id}/secret", summary="The secret")
async def get_secret(*, call: MayManageWebhooks, endpoint_id: EndpointId) -> Response:
    """Return the secrets that sign now."""
    standing = await _standing(call, endpoint_id)
    live = [
        each
        for each in secrets_of(standing.endpoint.secrets)
        if each.until is None or each.until > call.now
    ]
    parts = [{"secret": each.text, "ends_at": instant(each.until)} for each in live]
    headers = {"Cache-Control": "no-store"}
    return answer({"secret": live[0].text, "secrets": parts}, headers=headers)


@router.get("/v1/webhook-endpoints/{endpoint_id}/stats", summary="How an endpoint fares")
async def get_stats(*, call: MayManageWebhooks, endpoint_id: EndpointId) -> Response:
    """Return what it has taken, what waits, and whether it is left alone."""
    standing = await _standing(call, endpoint_id)
    lanes = await call.services.store.look(
        entries(LANES, endpoint_id, limit=LANES_COUNTED), of=call.tenant
    )
    one = standing.condition
    breaker = Breaker(one.failures, one.failing_since, one.rests, one.until)
    members: Members = {
        "state": standing.endpoint.state,
        "delivered": one.delivered,
        "failed_attempts": one.failed,
        "last_delivered_at": instant(one.delivered_at),
        "last_failed_at": instant(one.failed_at),
        "lanes_waiting": len(lanes),
        "breaker": {
            "state": breaker.condition(call.now),
            "failures": one.failures,
            "failing_since": instant(one.failing_since),
            "until": instant(one.until),
        },
    }
    return answer(members)


LANES_COUNTED = 10_000
"""More waiting lanes than this are told as this many."""


async def _standing(call: Call, endpoint_id: str) -> Standing:
    return await call.services.hooks.endpoints.find(call.tenant, endpoint_id)


def _tag(endpoint: Endpoint) -> str:
    return f'"{endpoint.version}"'


def _told(endpoint: Endpoint) -> Response:
    return answer(endpoint_of(endpoint), headers={"ETag": _tag(endpoint)})


def _outcome(outcome: Outcome) -> Members:
    return {
        "duration_ms": round(outcome.seconds * 1_000),
        "status": outcome.status,
        "failure": outcome.failure,
        "reason": outcome.reason,
        "address": outcome.address,
        "headers": dict(outcome.headers),
        "body": outcome.answer.decode("utf-8", "replace"),
    }


def endpoint_of(endpoint: Endpoint) -> Members:
    """Return an endpoint, its secrets left out."""
    terms = terms_of(endpoint.terms)
    return {
        "id": endpoint.id,
        "url": terms.url,
        "description": terms.description,
        "state": endpoint.state,
        "reason": endpoint.reason or None,
        "types": list(terms.types),
        "filter": {
            "model": list(terms.filter.models),
            "from": list(terms.filter.sources),
            "to": list(terms.filter.targets),
            "expression": terms.filter.expression or None,
        },
        "format": terms.format,
        "signing": list(terms.signing),
        "ordering": terms.ordering,
        "on_backlog": terms.on_backlog,
        "rate_limit": {"per_second": terms.per_second} if terms.per_second else None,
        "max_in_flight": terms.max_in_flight,
        "timeout_s": terms.timeout_seconds,
        "headers": dict(terms.headers),
        "handshake": terms.handshake,
        "version": endpoint.version,
        "created_at": instant(endpoint.created_at),
        "updated_at": instant(endpoint.updated_at),
    }
