"""Keys and limits: what an administrator hands out, and what everybody is held to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from domain.instants import parse_instant
from service.access.keys import Scope, Terms
from service.access.networks import network_in
from service.door.bounds import Bounds
from service.errors import Place, Problem
from service.http.answers.values import answer, api_key_of, listed
from service.http.events.events_in import LINES_AT_ONCE
from service.http.requests.calls import MayAdminister, MaySeeAnything, only_known_parameters
from service.http.requests.overlaps import Overlapping
from service.http.requests.parameters import LIMIT_MAX
from service.http.requests.strict_route import StrictRoute

router = APIRouter(
    tags=["admin"], dependencies=[Depends(only_known_parameters)], route_class=StrictRoute
)

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Quota = Annotated[int | None, Field(ge=0, le=10**9, description="0: any number.")]
Parsed = TypeVar("Parsed")


class NewApiKey(BaseModel):
    """What a new key is called and may do."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Name
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=9)]
    key: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=512,
            description="A write key that clients have already; only with events:write alone.",
        ),
    ] = None
    source: Name | None = None
    expires_at: (
        Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})] | None
    ) = None
    event_types: Annotated[
        list[Name], Field(max_length=100, description="Patterns; `*` is any text.")
    ] = []
    networks: Annotated[
        list[Annotated[str, Field(max_length=50)]],
        Field(max_length=100, description="CIDR networks that it may be used from."),
    ] = []
    origins: Annotated[
        list[Annotated[str, Field(max_length=300)]],
        Field(max_length=100, description="Web origins whose pages may use it, if it only writes."),
    ] = []
    events_per_second: Quota = None
    requests_per_second: Quota = None

    def terms(self) -> Terms:
        """Return what the key is held to.

        Raises:
            Problem: `validation_failed`, with every place.
        """
        places: list[Place] = []
        expires_at = _checked(parse_instant, self.expires_at, "/expires_at", places)
        networks = [
            str(_checked(network_in, text, f"/networks/{at}", places))
            for at, text in enumerate(self.networks)
        ]
        if places:
            message = "; ".join(f"{each.pointer[1:]}: {each.message}" for each in places[:3])
            raise Problem("validation_failed", message, errors=places)
        return Terms(
            source=self.source,
            expires_at=expires_at,
            event_types=tuple(self.event_types),
            networks=tuple(networks),
            origins=tuple(self.origins),
            events_per_second=self.events_per_second,
            requests_per_second=self.requests_per_second,
        )


def _checked(
    parse: Callable[[str], Parsed], text: str | None, pointer: str, places: list[Place]
) -> Parsed | None:
    """Return what *parse* makes of *text*, or note at *pointer* why it makes nothing of it."""
    try:
        return None if text is None else parse(text)
    except ValueError as error:
        code = "bad_instant" if parse is parse_instant else "bad_value"
        places.append(Place(pointer, code, str(error)))
        return None


class Rotation(Overlapping):
    """How a key changes its secret."""


@router.post("/v1/api-keys", status_code=201, summary="Make an API key")
async def create_key(*, call: MayAdminister, body: NewApiKey) -> Response:
    """Return the key with its secret, which is shown this once."""
    key, token = await call.services.keys.create(
        tenant=call.tenant,
        name=body.name,
        scopes=tuple(dict.fromkeys(body.scopes)),
        terms=body.terms(),
        existing=body.key,
    )
    headers = {"Location": f"/v1/api-keys/{key.id}"}
    return answer({**api_key_of(key), "key": token}, status=201, headers=headers)


@router.get("/v1/api-keys", summary="API keys")
async def list_keys(*, call: MayAdminister) -> Response:
    """Return the keys, revoked ones too; secrets are known to nobody but their owners."""
    found = await call.services.store.keys(call.tenant)
    return answer(listed([api_key_of(each) for each in found], None))


@router.get("/v1/api-keys/{key_id}", summary="One API key")
async def get_key(*, call: MayAdminister, key_id: str) -> Response:
    """Return the key without its secret."""
    return answer(api_key_of(await call.services.keys.find(call.tenant, key_id)))


@router.post("/v1/api-keys/{key_id}/rotate", summary="Change the secret of an API key")
async def rotate_key(*, call: MayAdminister, key_id: str, body: Rotation) -> Response:
    """Return the key with a new secret, shown this once; both are good for a while."""
    key, token = await call.services.keys.rotate(call.tenant, key_id, body.microseconds())
    return answer({**api_key_of(key), "key": token})


@router.delete("/v1/api-keys/{key_id}", summary="Revoke an API key")
async def revoke_key(*, call: MayAdminister, key_id: str) -> Response:
    """Revoke the key; other processes may take it for 30 more seconds."""
    return answer(api_key_of(await call.services.keys.revoke(call.tenant, key_id)))


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
            "rate": {
                "events_per_second": settings.key_events_per_second,
                "requests_per_second": settings.key_requests_per_second,
                "streams_max": settings.streams_per_key_max,
            },
        }
    )
