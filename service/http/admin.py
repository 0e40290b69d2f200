"""Keys and limits: what an administrator hands out, and what everybody is held to."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from domain.instants import parse_instant
from service.door.bounds import Bounds
from service.errors import Place, Problem
from service.http.answers import answer, api_key_of, listed
from service.http.events_in import LINES_AT_ONCE
from service.http.parameters import LIMIT_MAX
from service.http.requests import MayAdminister, MaySeeAnything, only_known_parameters
from service.http.strict_route import StrictRoute

router = APIRouter(
    tags=["admin"], dependencies=[Depends(only_known_parameters)], route_class=StrictRoute
)

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Scope = Literal[
    "events:write",
    "events:import",
    "customers:read",
    "customers:write",
    "metrics:read",
    "models:write",
    "webhooks:manage",
    "rebuilds:run",
    "admin",
]


class NewApiKey(BaseModel):
    """What a new key is called and may do."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Name
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=9)]
    source: Name | None = None
    expires_at: (
        Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})] | None
    ) = None


@router.post("/v1/api-keys", status_code=201, summary="Make an API key")
async def create_key(*, call: MayAdminister, body: NewApiKey) -> Response:
    """Return the key with its secret, which is shown this once."""
    key, token = await call.services.keys.create(
        tenant=call.tenant,
        name=body.name,
        scopes=tuple(dict.fromkeys(body.scopes)),
        source=body.source,
        expires_at=_expiry(body.expires_at),
    )
    headers = {"Location": f"/v1/api-keys/{key.id}"}
    return answer({**api_key_of(key), "key": token}, status=201, headers=headers)


def _expiry(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_instant(text)
    except ValueError as error:
        place = Place("/expires_at", "bad_instant", str(error))
        raise Problem("validation_failed", f"expires_at: {error}", errors=[place]) from None


@router.get("/v1/api-keys", summary="API keys")
async def list_keys(*, call: MayAdminister) -> Response:
    """Return the keys, revoked ones too; secrets are known to nobody but their owners."""
    found = await call.services.store.keys(call.tenant)
    return answer(listed([api_key_of(each) for each in found], None))


@router.delete("/v1/api-keys/{key_id}", summary="Revoke an API key")
async def revoke_key(*, call: MayAdminister, key_id: str) -> Response:
    """Revoke the key; other processes may take it for 30 more seconds."""
    revoked = await call.services.store.revoke_key(call.tenant, key_id, call.now)
    if revoked is None:
        raise Problem("api_key_not_found", f"there is no API key {key_id[:40]!a}")
    call.services.keys.forget(key_id)
    return answer(api_key_of(revoked))


@router.get("/v1/limits", summary="What every request is held to")
async def limits(*, call: MaySeeAnything) -> Response:
    """Return every limit in force."""
    settings = call.services.settings
    bounds = asdict(Bounds.of(settings))
    for name in ("ahead_warned", "ahead_max"):
        bounds[f"{name}_seconds"] = bounds.pop(name) // 1_000_000
    return answer(
        {
            "body": {
                "bytes_max": settings.body_bytes_max,
                "inflated_bytes_max": settings.inflated_bytes_max,
                "inflate_ratio_max": settings.inflate_ratio_max,
                "events_max": settings.batch_events_max,
            },
            "stream": {
                "bytes_max": settings.stream_bytes_max,
                "lines_max": settings.stream_lines_max,
                "lines_per_transaction": LINES_AT_ONCE,
            },
            "event": bounds,
            "request": {
                "header_bytes_max": settings.header_bytes_max,
                "header_seconds": settings.header_seconds,
                "idle_seconds": settings.idle_seconds,
                "request_seconds": settings.request_seconds,
                "stream_seconds": settings.stream_seconds,
            },
            "page": {"limit_max": LIMIT_MAX},
        }
    )
