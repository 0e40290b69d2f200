"""The API about itself: its OpenAPI and AsyncAPI documents, and a page for each problem's code."""

from __future__ import annotations

from functools import cache

from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.responses import PlainTextResponse, Response

from service.door.faults import FAULTS
from service.errors import Problem
from service.http.problems import KINDS
from service.http.requests.calls import only_known_parameters

router = APIRouter(tags=["ops"], dependencies=[Depends(only_known_parameters)])


@router.get("/openapi.json", summary="This document")
async def openapi(request: Request) -> Response:
    """Return the OpenAPI document."""
    return Response(_text_of(request.app), media_type="application/json")


@router.get("/asyncapi.json", summary="The topics that events come from")
async def topics(request: Request) -> Response:
    """Return the AsyncAPI document."""
    from service.http.describing import asyncapi  # noqa: PLC0415 -- as below
    from service.http.describing.openapi import as_committed  # noqa: PLC0415 -- as below

    text = as_committed(asyncapi.document(request.app.version))
    return Response(text, media_type="application/json")


@cache
def _text_of(app: FastAPI) -> str:
    from service.http.describing.openapi import as_committed, document  # noqa: PLC0415 -- loads every schema

    return as_committed(document(app))


@router.get("/problems/{code}", summary="What a code means", response_class=PlainTextResponse)
async def problem(code: str) -> Response:
    """Return what a code of a problem, or of an event that was refused, means."""
    kind = KINDS.get(code)
    if kind is not None:
        return PlainTextResponse(f"{code} ({kind.status})\n\n{kind.title}.\n{kind.cure}\n")
    if code in FAULTS:
        return PlainTextResponse(f"{code}\n\nAn event was refused: {FAULTS[code]}.\n")
    raise Problem("not_found", f"there is no code {code[:60]!a}")
