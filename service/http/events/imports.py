"""Imports: a file of the past is sent, in one go or in pieces, and watched while it is taken in."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from domain.instants import SECOND
from projections.registers.imports import ImportJob
from service.door.bodies import decoded
from service.door.strict import read
from service.errors import Place, Problem
from service.http.answers.values import Members, answer, instant, listed
from service.http.requests.bodies import UnsupportedEncoding
from service.http.requests.calls import Call, MayImport, only_known_parameters
from service.imports.jobs import Order
from service.intake.rejections import IMPORTS_ROUTE

router = APIRouter(tags=["imports"], dependencies=[Depends(only_known_parameters)])

LISTED_MAX = 100
ORDER_BYTES_MAX = 64 << 10
DEFAULT_NAME = "import"

_WHOLE = 1_000_000
_ORDER_MEMBERS = frozenset({"name", "mapping"})
_FORMATS = {
    "application/x-ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "application/vnd.apache.parquet": "parquet",
}
_SELF_TELLING = frozenset({"identity", "gzip", "x-gzip", "zstd"})
"""What the first bytes of a file tell by themselves, so that it is kept as it was sent."""

_is_number = re.compile(r"[0-9]{1,15}").fullmatch
_FILE: dict[str, Any] = {
    "requestBody": {
        "description": "The file, or a JSON object with `name` and `mapping`, the file to follow.",
        "content": {
            media_type: {"schema": {"type": "string", "format": "binary"}}
            for media_type in ("application/octet-stream", *_FORMATS)
        }
        | {
            "application/json": {
                "schema": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "name": {"type": "string", "maxLength": 200},
                        "mapping": {"type": "object"},
                    },
                }
            }
        },
    }
}
_PIECE: dict[str, Any] = {
    "parameters": [
        {
            "name": "Upload-Offset",
            "in": "header",
            "required": True,
            "description": "Bytes that have arrived before; `upload_offset` of the import.",
            "schema": {"type": "integer", "minimum": 0},
        }
    ],
    "requestBody": {
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    },
}

ImportId = Annotated[str, Path(max_length=64)]
Name = Annotated[str | None, Query(max_length=200, description="Of the file; it tells the format.")]
MappingText = Annotated[
    str | None,
    Query(max_length=16_384, description="JSON: what the columns mean.", alias="mapping"),
]


@router.post(IMPORTS_ROUTE, status_code=201, summary="Send a file of the past", openapi_extra=_FILE)
async def begin_import(
    *, call: MayImport, name: Name = None, mapping: MappingText = None
) -> Response:
    """Take a file of any size and import it; nobody is notified of what it changes.

    Answered once the file is safe here. `Upload-Complete: ?0` says that more of it follows.
    """
    request = call.request
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    _check_encoding(request)
    imports = call.services.imports
    if media_type == "application/json":
        job = await imports.begin(_order(call, await _members(request, call), media_type))
    else:
        given = {"name": name, "mapping": _mapping_of(mapping)}
        job = await imports.begin(_order(call, given, media_type))
        job = await _taken(call, job, 0)
    return _told(call, job, status=201)


@router.patch(f"{IMPORTS_ROUTE}/{{import_id}}", summary="Send more of a file", openapi_extra=_PIECE)
async def send_more(*, call: MayImport, import_id: ImportId) -> Response:
    """Go on with a file behind the bytes that have arrived; `Upload-Offset` says which."""
    job = await call.services.imports.find(call.tenant, import_id)
    text = call.request.headers.get("upload-offset", "")
    if _is_number(text) is None:
        message = f"Upload-Offset: expected how many bytes were sent before, found {text[:40]!a}"
        raise Problem("bad_parameter", message)
    return _told(call, await _taken(call, job, int(text)))


@router.get(IMPORTS_ROUTE, summary="Imports")
async def list_imports(*, call: MayImport) -> Response:
    """Return the newest imports first, at most 100."""
    found = await call.services.imports.of_tenant(call.tenant)
    return answer(listed([import_of(each, call) for each in found[:LISTED_MAX]], None))


@router.get(f"{IMPORTS_ROUTE}/{{import_id}}", summary="Progress of an import")
async def get_import(*, call: MayImport, import_id: ImportId) -> Response:
    """Return how far it has come, what became of the records, and how long it will take."""
    return _told(call, await call.services.imports.find(call.tenant, import_id))


@router.delete(f"{IMPORTS_ROUTE}/{{import_id}}", summary="Cancel an import")
async def cancel_import(*, call: MayImport, import_id: ImportId) -> Response:
    """Give it up; what is in the log stays there. One that has ended stays as it is."""
    imports = call.services.imports
    return _told(call, await imports.cancel(await imports.find(call.tenant, import_id)))


async def _taken(call: Call, job: ImportJob, begin: int) -> ImportJob:
    """Return *job* after the body has been added to its file."""
    is_last = call.request.headers.get("upload-complete", "?1").strip() != "?0"
    imports = call.services.imports
    return await imports.take(job, begin, _pieces(call.request), is_last=is_last)


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """Yield the body as it arrives.

    Raises:
        Problem: The connection broke; whoever sent it does not hear of it any more.
    """
    try:
        async for piece in request.stream():
            yield piece
    except ClientDisconnect:
        raise Problem("request_timeout", "the connection broke; go on behind it") from None


def _check_encoding(request: Request) -> None:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in _SELF_TELLING:
        raise UnsupportedEncoding(encoding)


async def _members(request: Request, call: Call) -> dict[str, object]:
    """Return the members of an order without a file."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > ORDER_BYTES_MAX:
            message = f"expected at most {ORDER_BYTES_MAX} bytes of JSON; send the file as its type"
            raise Problem("body_too_large", message)
    return _object(decoded(body), call)


def _object(text: str, call: Call) -> dict[str, object]:
    value, faults = read(text, call.services.intake.bounds)
    if faults:
        places = [Place(each.pointer, each.code, each.message) for each in faults]
        code = "malformed_json" if faults[0].code == "malformed_json" else "validation_failed"
        raise Problem(code, faults[0].message, errors=places)
    if not isinstance(value, dict):
        raise _unfit("", "expected a JSON object")
    return value


def _mapping_of(text: str | None) -> object:
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise Problem("bad_parameter", f"mapping: expected JSON; {error}") from None


def _order(call: Call, members: Mapping[str, object], media_type: str) -> Order:
    """Return what is asked for; the media type tells the format where nothing else does."""
    for member in members:
        if member not in _ORDER_MEMBERS:
            raise _unfit(f"/{member}", f"expected name and mapping, found {member[:40]!a}")
    name, mapping = members.get("name"), members.get("mapping")
    name = DEFAULT_NAME if name is None or name == "" else name
    mapping = {} if mapping is None else mapping
    if not isinstance(name, str) or not isinstance(mapping, dict):
        raise _unfit("", "expected name to be a text and mapping a JSON object")
    if media_type in _FORMATS:
        mapping = {"format": _FORMATS[media_type], **mapping}
    principal = call.principal
    return Order(
        tenant=call.tenant,
        name=name,
        mapping=mapping,
        key_id=principal.key_id,
        source=principal.source,
        event_types=principal.event_types,
    )


def _unfit(pointer: str, message: str) -> Problem:
    place = Place(pointer, "validation_failed", message)
    return Problem("validation_failed", message, errors=[place])


def _told(call: Call, job: ImportJob, *, status: int = 200) -> Response:
    headers = {
        "Location": f"{IMPORTS_ROUTE}/{job.id}",
        "Upload-Offset": str(call.services.imports.arrived(job)),
    }
    return answer(import_of(job, call), status=status, headers=headers)


def import_of(job: ImportJob, call: Call) -> Members:
    """Return an import and how far it has come."""
    imports = call.services.imports
    seconds = job.worked / SECOND
    share = job.read / _WHOLE
    is_running = job.status == "running"
    return {
        "id": job.id,
        "name": job.name,
        "status": job.status,
        "mapping": json.loads(job.mapping),
        "created_at": instant(job.created_at),
        "finished_at": instant(job.finished_at),
        "upload_offset": imports.arrived(job),
        "lines": job.line,
        "accepted": job.accepted,
        "duplicate": job.duplicate,
        "rejected": job.rejected,
        "reasons": json.loads(job.reasons),
        "warned": job.warned or 0,
        "rejected_events": f"/v1/rejected-events?route={IMPORTS_ROUTE}/{job.id}",
        "position": job.position or None,
        "progress": share,
        "seconds": seconds,
        "events_per_second": job.dealt_with / seconds if seconds else None,
        "seconds_left": seconds / share - seconds if is_running and share else None,
        "error": job.error or imports.trouble(job),
    }
