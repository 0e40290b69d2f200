"""The event catalogue: schemas of event types, put, listed and removed."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from domain.machine.upcasting import FIRST_VERSION
from projections.registers.event_schemas import EventSchema
from service.door.bounds import Bounds
from service.http.answers.values import answer, event_schema_of, listed
from service.http.requests.calls import (
    Call,
    MayChangeModels,
    MaySeeCustomers,
    only_known_parameters,
)
from service.http.requests.strict_route import StrictRoute
from service.intake.event_schemas import VERSION_MAX, not_found

router = APIRouter(
    tags=["events"], dependencies=[Depends(only_known_parameters)], route_class=StrictRoute
)

PATH = "/v1/event-schemas"
Type = Annotated[str, Path(min_length=1, max_length=Bounds().id_length_max)]
Version = Annotated[int, Path(ge=1, le=VERSION_MAX)]


class NewEventSchema(BaseModel):
    """A schema, and what becomes of events that do not fit it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    schema_: dict[str, Any] = Field(
        alias="schema", description="JSON Schema 2020-12 of the properties; $ref only to $defs."
    )
    mode: Literal["strict", "warn", "off"] = "strict"


@router.get(PATH, summary="Schemas of event types")
async def list_schemas(*, call: MaySeeCustomers) -> Response:
    """Return every schema, by type and version."""
    found = await call.services.event_schemas.all(call.tenant)
    return answer(listed([event_schema_of(each) for each in found], None))


@router.get(f"{PATH}/{{event_type}}", summary="Schemas of an event type")
async def get_schemas(*, call: MaySeeCustomers, event_type: Type) -> Response:
    """Return the schema of each version."""
    return _told(await call.services.event_schemas.all(call.tenant, event_type), event_type)


@router.get(f"{PATH}/{{event_type}}/versions/{{version}}", summary="One version's schema")
async def get_schema(*, call: MaySeeCustomers, event_type: Type, version: Version) -> Response:
    """Return the schema of that version, as a list of one."""
    found = await call.services.event_schemas.find(call.tenant, event_type, version)
    return _told([] if found is None else [found], event_type, version)


def _told(found: list[EventSchema], event_type: str, version: int | None = None) -> Response:
    if not found:
        raise not_found(event_type, version)
    return answer(listed([event_schema_of(each) for each in found], None))


@router.put(f"{PATH}/{{event_type}}", summary="Put the schema of an event type")
async def put_first(*, call: MayChangeModels, event_type: Type, body: NewEventSchema) -> Response:
    """Keep the schema of version 1, which events without `schema_version` are of."""
    return await _put(call, event_type, FIRST_VERSION, body)


@router.put(f"{PATH}/{{event_type}}/versions/{{version}}", summary="Put one version's schema")
async def put_version(
    *, call: MayChangeModels, event_type: Type, version: Version, body: NewEventSchema
) -> Response:
    """Keep the schema of that version, in place of the one before."""
    return await _put(call, event_type, version, body)


async def _put(call: Call, event_type: str, version: int, body: NewEventSchema) -> Response:
    schema = EventSchema(
        tenant=call.tenant,
        type=event_type,
        version=version,
        mode=body.mode,
        schema=json.dumps(body.schema_, separators=(",", ":"), ensure_ascii=False),
        created_at=call.now,
        created_by=call.principal.key_id,
    )
    is_new = await call.services.event_schemas.put(schema)
    return answer(event_schema_of(schema), status=201 if is_new else 200)


@router.delete(f"{PATH}/{{event_type}}", summary="Remove the schemas of an event type")
async def delete_schemas(*, call: MayChangeModels, event_type: Type) -> Response:
    """Return what was removed; events of the type are held to nothing from then on."""
    removed = await call.services.event_schemas.remove(call.tenant, event_type)
    return answer(listed([event_schema_of(each) for each in removed], None))


@router.delete(f"{PATH}/{{event_type}}/versions/{{version}}", summary="Remove one version's schema")
async def delete_schema(*, call: MayChangeModels, event_type: Type, version: Version) -> Response:
    """Return what was removed."""
    removed = await call.services.event_schemas.remove(call.tenant, event_type, version)
    return answer(listed([event_schema_of(each) for each in removed], None))
