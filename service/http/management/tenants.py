"""Tenants, as the operator makes and lists them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from service.access.tenants import ID_PATTERN
from service.http.answers.values import answer, api_key_of, listed, tenant_of
from service.http.management.admin import Name
from service.http.requests.calls import MayOperate, only_known_parameters
from service.http.requests.strict_route import StrictRoute

router = APIRouter(
    tags=["admin"], dependencies=[Depends(only_known_parameters)], route_class=StrictRoute
)


class NewTenant(BaseModel):
    """What a new tenant is called, by programs and by people."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: Annotated[str, Field(pattern=ID_PATTERN)]
    name: Name | None = None


@router.post("/v1/tenants", status_code=201, summary="Make a tenant")
async def create_tenant(*, call: MayOperate, body: NewTenant) -> Response:
    """Return the tenant with its first admin key, whose secret is shown this once."""
    tenant, key, token = await call.services.tenants.create(body.id, body.name or body.id)
    members = {**tenant_of(tenant), "admin_key": {**api_key_of(key), "key": token}}
    return answer(members, status=201)


@router.get("/v1/tenants", summary="Tenants")
async def list_tenants(*, call: MayOperate) -> Response:
    """Return every tenant, the operator's own first."""
    return answer(listed([tenant_of(each) for each in await call.services.tenants.all()], None))
