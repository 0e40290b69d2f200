"""Models: read, checked, put, made active; and the board of each."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from service.errors import Problem
from service.http.answers.values import answer, instant, listed, model_version_of, rebuild_of
from service.http.events.event_answers import POSITION_HEADER
from service.http.requests.bodies import read_body
from service.http.requests.calls import (
    Call,
    MayChangeModels,
    MaySeeCustomers,
    MaySeeMetrics,
    only_known_parameters,
)
from service.http.requests.parameters import (
    InstantText,
    KnownAt,
    MinPosition,
    Wait,
    instant_of,
    known_position,
    reach,
)
from service.http.requests.strict_route import StrictRoute
from service.modelling.activation import Plan
from service.ports import BoardQuery, ModelVersion

router = APIRouter(
    tags=["models"], dependencies=[Depends(only_known_parameters)], route_class=StrictRoute
)

StageName = Annotated[str, Field(min_length=1, max_length=64)]
STAGES_MAX = 64
Key = Annotated[str, Path(max_length=64, description="Key of the model.")]
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="Version of the model.")]
DOCUMENT = {
    "requestBody": {
        "required": True,
        "description": "A model document, see `openapi/model.schema.json`.",
        "content": {
            "application/yaml": {"schema": {"type": "string"}},
            "application/json": {"schema": {"type": "object"}},
        },
    }
}
_TAG = re.compile(r'(?:W/)?"(\d{1,9})(?:-[0-9a-f]+)?"')


class Activation(BaseModel):
    """How a version becomes the active one.

    `rebuild` tells all of history anew. `from_now` leaves everybody where the active version has
    them; `stage_map` says where those go whose stage the new version does not have. Nobody is told.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    mode: Literal["rebuild", "from_now"] = "rebuild"
    stage_map: Annotated[dict[StageName, StageName], Field(max_length=STAGES_MAX)] = {}


def tag_of(version: ModelVersion) -> str:
    """Return the entity tag of a model: its newest version and the beginning of its hash."""
    return f'"{version.version}-{version.hash[:16]}"'


@router.get("/v1/models", summary="Models")
async def list_models(*, call: MaySeeCustomers) -> Response:
    """Return of each model the active version, or the newest where none is active."""
    found = await call.services.store.models(call.tenant)
    return answer(listed([model_version_of(each) for each in found], None))


@router.post(
    "/v1/models/validate",
    summary="What a model document would be refused for",
    openapi_extra=DOCUMENT,
)
async def validate(*, call: MaySeeCustomers) -> Response:
    """Return every finding on a document, which is not stored."""
    text = await read_body(call.request, call.services.settings)
    try:
        draft = call.services.catalogue.read(text, kind_of(call.request))
    except Problem as problem:
        findings = [
            {"severity": "error", "path": each.pointer, "code": each.code, "message": each.message}
            for each in problem.errors
        ]
        return answer({"valid": False, "model": None, "hash": None, "findings": findings})
    findings = [
        {"severity": "warning", "path": each.path, "code": each.code, "message": each.message}
        for each in draft.findings
    ]
    model = draft.model
    return answer({"valid": True, "model": model.key, "hash": model.hash, "findings": findings})


@router.get("/v1/models/{key}", summary="One model")
async def get_model(
    *,
    call: MaySeeCustomers,
    key: Key,
    if_none_match: Annotated[str | None, Header(max_length=1_000)] = None,
) -> Response:
    """Return the active version, or the newest where none is active; the tag is the newest's."""
    found = await call.services.catalogue.find(call.tenant, key)
    newest = await _newest(call, key)
    tag = tag_of(newest or found)
    headers = {"ETag": tag}
    if if_none_match is not None and tag in if_none_match:
        return Response(status_code=304, headers=headers)
    members = model_version_of(found, whole=True)
    members["newest_version"] = (newest or found).version
    standby = await call.services.catalogue.standby(call.tenant, key)
    members["standby"] = standby and {
        "version": standby.version,
        "until": instant(standby.standby_until),
    }
    return answer(members, headers=headers)


async def _newest(call: Call, key: str) -> ModelVersion | None:
    versions = await call.services.store.model_versions(call.tenant, key)
    return versions[0] if versions else None


@router.put(
    "/v1/models/{key}", summary="Store a document as the next version", openapi_extra=DOCUMENT
)
async def put_model(
    *,
    call: MayChangeModels,
    key: Key,
    activate: Annotated[
        bool, Query(description="false: keep the first version of a new model as a draft.")
    ] = True,
    draft: Annotated[
        bool, Query(description="true: store it with errors, too; it cannot be activated then.")
    ] = False,
    if_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Store a YAML or JSON document; the same document again changes nothing.

    The first version of a new model becomes active at once. A model that exists is changed with
    If-Match only, and nobody sees the new version until it is activated.
    """
    text = await read_body(call.request, call.services.settings)
    read = call.services.catalogue.read(text, kind_of(call.request), key=key, is_draft=draft)
    newest = await _newest(call, key)
    same = newest is not None and newest.hash == read.model.hash
    expected = None if same else _expected_version(newest, if_match)
    stored = await call.services.catalogue.put(
        read, tenant=call.tenant, author=call.principal.key_id, expected_version=expected
    )
    if newest is None and activate and read.is_valid:
        stored = await call.services.catalogue.activate_first(stored)
    members = model_version_of(stored)
    members["warnings"] = [
        {"path": each.path, "code": each.code, "message": each.message} for each in read.findings
    ]
    headers = {
        "ETag": tag_of(stored),
        "Location": f"/v1/models/{stored.model}/versions/{stored.version}",
    }
    return answer(members, status=200 if same else 201, headers=headers)


def _expected_version(newest: ModelVersion | None, if_match: str | None) -> int | None:
    """Return the version that the caller believes to be the newest; 0 for a new model.

    Raises:
        Problem: `precondition_required` or `precondition_failed`.
    """
    if newest is None:
        if if_match is not None:
            raise Problem("precondition_failed", "If-Match: there is no such model yet")
        return 0
    if if_match is None:
        message = f"the model has version {newest.version}; send If-Match: {tag_of(newest)}"
        raise Problem("precondition_required", message)
    if if_match.strip() == "*":
        return newest.version
    numbers = [int(found) for found in _TAG.findall(if_match)]
    if newest.version not in numbers:
        message = f"If-Match: expected {if_match[:60]}, found {tag_of(newest)}"
        raise Problem("precondition_failed", message)
    return newest.version


def kind_of(request: Request) -> str:
    """Return the media type of a model document.

    Raises:
        Problem: `unsupported_media_type`.
    """
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip()
    if not kind.lower().endswith(("json", "yaml", "yml")):
        message = (
            f"Content-Type: expected application/yaml or application/json, found {kind[:60]!a}"
        )
        raise Problem("unsupported_media_type", message)
    return kind


@router.get("/v1/models/{key}/versions", summary="All versions of a model")
async def list_versions(*, call: MaySeeCustomers, key: Key) -> Response:
    """Return the versions, newest first."""
    found = await call.services.store.model_versions(call.tenant, key)
    if not found:
        raise Problem("model_not_found", f"there is no model {key!a}")
    return answer(listed([model_version_of(each) for each in found], None))


@router.get("/v1/models/{key}/versions/{number}", summary="One version of a model")
async def get_version(*, call: MaySeeCustomers, key: Key, number: Number) -> Response:
    """Return the version with its document and the text it was put as."""
    found = await call.services.catalogue.find(call.tenant, key, number)
    return answer(model_version_of(found, whole=True), headers={"ETag": tag_of(found)})


@router.post(
    "/v1/models/{key}/versions/{number}/activate", status_code=202, summary="Make it the active one"
)
async def activate(
    *, call: MayChangeModels, key: Key, number: Number, body: Activation | None = None
) -> Response:
    """Begin a rebuild by that version; readers see it once history has been folded."""
    wanted = body or Activation()
    plan = Plan(wanted.mode, wanted.stage_map)
    begun = await call.services.catalogue.activate(call.tenant, key, number, plan)
    headers = {"Location": f"/v1/rebuilds/{begun.generation}"}
    return answer(rebuild_of(begun, call.now), status=202, headers=headers)


@router.post("/v1/models/{key}/rollback", status_code=202, summary="Go back to the version before")
async def rollback(*, call: MayChangeModels, key: Key) -> Response:
    """Make the version active again that was so before; nothing is announced.

    At once where it stands by, which is answered with 200. Otherwise 202 and a rebuild of it.
    """
    begun = await call.services.catalogue.rollback(call.tenant, key)
    headers = {"Location": f"/v1/rebuilds/{begun.generation}"}
    at_once = begun.status == "active"
    members = {**rebuild_of(begun, call.now), "at_once": at_once}
    return answer(members, status=200 if at_once else 202, headers=headers)


@router.get("/v1/models/{key}/board", summary="How many are in each stage")
async def board(
    *,
    call: MaySeeMetrics,
    key: Key,
    as_of: InstantText = None,
    known_at: KnownAt = None,
    min_position: MinPosition = None,
    wait: Wait = None,
) -> Response:
    """Return counts and median times by stage, now or at another instant."""
    positions = await reach(call.services, min_position, wait)
    at = instant_of("as_of", as_of)
    query = BoardQuery(
        tenant=call.tenant,
        model=key,
        as_of=call.now if at is None else at,
        known_at=await known_position(call.services, known_at),
    )
    found = await call.services.store.board(query)
    members = {
        "model": found.model,
        "model_version": found.version,
        "as_of": instant(found.as_of),
        "stages": [
            {
                "stage": each.stage,
                "count": each.count,
                "median_seconds_in_stage": each.median_seconds_in_stage,
            }
            for each in found.stages
        ],
        "total": found.total,
    }
    return answer(members, headers={POSITION_HEADER: str(positions.applied)})
