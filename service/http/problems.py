"""Every refusal over HTTP is a problem document (RFC 9457): one table of codes, one writer.

`type` is a page that we serve ourselves, `code` is what programs compare, `detail` teaches.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import Place, Problem, problem_of
from service.ports import StoreError

MEDIA_TYPE = "application/problem+json"
ERRORS_MAX = 100

_log = structlog.get_logger("stagefold.http")


@dataclass(frozen=True, slots=True)
class Kind:
    """What a code means: its status, its title, and what to do about it."""

    status: int
    title: str
    cure: str
    type: str | None = None
    """Where the type is registered with IANA; otherwise it is a page of ours."""


_REGISTERED = "https://iana.org/assignments/http-problem-types#"
KINDS: Mapping[str, Kind] = {
    "malformed_request": Kind(400, "Malformed request", "Speak HTTP/1.1."),
    "malformed_json": Kind(400, "Malformed JSON", "Send JSON by RFC 8259, without a BOM."),
    "malformed_utf8": Kind(400, "Malformed UTF-8", "Encode the body as UTF-8."),
    "malformed_encoding": Kind(400, "Malformed compression", "Compress the whole body once."),
    "unknown_parameter": Kind(400, "Unknown parameter", "Leave it out or correct its name."),
    "bad_parameter": Kind(400, "Bad parameter", "Correct the value as the message says."),
    "idempotency_key_invalid": Kind(400, "Idempotency key invalid", "Send a quoted UUID."),
    "cursor_invalid": Kind(400, "Invalid cursor", "Use next_cursor as it was given."),
    "cursor_mismatch": Kind(400, "Cursor of another list", "Repeat the filters of the first page."),
    "key_missing": Kind(401, "API key missing", "Send Authorization: Bearer sfk_…"),
    "key_invalid": Kind(401, "API key invalid", "Use a key that exists and has not expired."),
    "stream_token_invalid": Kind(401, "Stream token invalid", "Ask for a new one; it ends soon."),
    "scope_missing": Kind(403, "Scope missing", "Use a key that has the scope named."),
    "address_not_allowed": Kind(403, "Address not allowed", "Call from a network of the key."),
    "not_found": Kind(404, "Not found", "See /openapi.json for the paths there are."),
    "customer_not_found": Kind(404, "Customer not found", "Send an event of that customer first."),
    "account_not_found": Kind(404, "Account not found", "Send an event of that account first."),
    "event_not_found": Kind(404, "Event not found", "Check the id; it is the producer's own."),
    "event_schema_not_found": Kind(404, "Event schema not found", "See /v1/event-schemas."),
    "model_not_found": Kind(404, "Model not found", "See /v1/models for the models there are."),
    "alias_not_found": Kind(404, "Alias not found", "See `aliases` of the customer."),
    "api_key_not_found": Kind(404, "API key not found", "See /v1/api-keys for the keys there are."),
    "backtest_not_found": Kind(404, "Backtest not found", "The oldest are forgotten; begin anew."),
    "endpoint_not_found": Kind(404, "Endpoint not found", "See /v1/webhook-endpoints."),
    "delivery_not_found": Kind(404, "Delivery not found", "See /v1/deliveries; old ones go."),
    "redelivery_not_found": Kind(404, "Redelivery not found", "See the endpoint's redeliveries."),
    "rebuild_not_found": Kind(404, "Rebuild not found", "See /v1/rebuilds for the jobs there are."),
    "import_not_found": Kind(404, "Import not found", "See /v1/imports for the imports there are."),
    "method_not_allowed": Kind(405, "Method not allowed", "Use a method of the Allow header."),
    "request_timeout": Kind(408, "Request too slow", "Send the request without long pauses."),
    "event_id_conflict": Kind(409, "Event id taken", "Give a new event a new id."),
    "import_refused": Kind(409, "Import refused", "Do as the message says."),
    "upload_offset_mismatch": Kind(409, "Upload offset mismatch", "Go on at `upload_offset`."),
    "alias_refused": Kind(409, "Alias refused", "Unmerge first, or join other subjects."),
    "customer_erased": Kind(409, "Customer erased", "Send it under another id."),
    "cannot_anonymise": Kind(409, "Cannot be anonymised", "Use mode=purge."),
    "key_refused": Kind(409, "API key refused", "Let us make one instead."),
    "rotation_refused": Kind(409, "Rotation refused", "Make a new key instead."),
    "tenant_exists": Kind(409, "Tenant exists", "Choose another id."),
    "endpoint_limit": Kind(409, "Too many endpoints", "Remove one that is not needed."),
    "delivery_refused": Kind(409, "Delivery refused", "See the message for what is gone."),
    "rebuild_not_ready": Kind(409, "Rebuild is not ready", "Wait until its status is ready."),
    "rebuild_ended": Kind(409, "Rebuild has ended", "Roll the model back instead."),
    "activation_refused": Kind(409, "Activation refused", "Do as the message says."),
    "rollback_refused": Kind(409, "Rollback refused", "Activate a version by its number."),
    "backtest_refused": Kind(409, "Backtest refused", "Do as the message says."),
    "transition_refused": Kind(409, "Transition refused", "See the message for the rule."),
    "precondition_failed": Kind(412, "Precondition failed", "Read again, then repeat If-Match."),
    "idempotency_running": Kind(409, "Being carried out", "Ask again with the same key."),
    "body_too_large": Kind(413, "Body too large", "Send less at once; see /v1/limits."),
    "batch_too_large": Kind(413, "Too many events", "Send fewer at once; see /v1/limits."),
    "unsupported_media_type": Kind(415, "Unsupported media type", "See the Accept-Post header."),
    "unsupported_encoding": Kind(415, "Unsupported encoding", "See the Accept-Encoding header."),
    "idempotency_mismatch": Kind(422, "Idempotency key taken", "Use a new key for it."),
    "validation_failed": Kind(422, "Validation failed", "Correct each place in `errors`."),
    "model_invalid": Kind(422, "Model invalid", "Correct each place in `errors`."),
    "precondition_required": Kind(428, "Precondition required", "Send If-Match with the ETag."),
    "rate_limited": Kind(
        429,
        "Too many requests",
        "Wait as Retry-After says, then send again.",
        f"{_REGISTERED}quota-exceeded",
    ),
    "stream_limit": Kind(429, "Too many streams", "Close a stream that is not needed."),
    "headers_too_large": Kind(431, "Headers too large", "Send shorter headers."),
    "internal_error": Kind(500, "Internal error", "Report it with the request id."),
    "overloaded": Kind(
        503,
        "Overloaded",
        "Wait as Retry-After says, then send again.",
        f"{_REGISTERED}temporary-reduced-capacity",
    ),
    "draining": Kind(503, "Shutting down", "Wait as Retry-After says, then send again."),
    "store_unavailable": Kind(503, "Store unavailable", "Wait as Retry-After says; send again."),
    "projection_behind": Kind(503, "Projection behind", "Wait as Retry-After says; read again."),
}
"""Every code there is, with its status: the closed list that OpenAPI and the documents repeat."""

_BY_STATUS = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}
_PARAMETERS = {"query", "path", "header", "cookie"}


def document(problem: Problem, request_id: str) -> dict[str, object]:
    """Return the members of the problem document."""
    kind = KINDS[problem.code]
    members: dict[str, object] = {
        "type": kind.type or f"/problems/{problem.code}",
        "title": kind.title,
        "status": kind.status,
        "detail": problem.message,
        "instance": f"/v1/requests/{request_id}",
        "code": problem.code,
        "message": problem.message,
        "request_id": request_id,
    }
    members |= problem.extensions
    if problem.errors:
        members["errors"] = [
            {"pointer": each.pointer, "code": each.code, "message": each.message}
            for each in problem.errors[:ERRORS_MAX]
        ]
    return members


def response(
    problem: Problem, request_id: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return *problem* as an answer."""
    kind = KINDS[problem.code]
    extra = dict(headers or {})
    if problem.retry_after_seconds is not None:
        extra["Retry-After"] = str(problem.retry_after_seconds)
    if kind.status == HTTPStatus.UNAUTHORIZED:
        extra["WWW-Authenticate"] = 'Bearer realm="stagefold"'
    body = json.dumps(document(problem, request_id), ensure_ascii=True, separators=(",", ":"))
    return Response(body, status_code=kind.status, headers=extra, media_type=MEDIA_TYPE)


def request_id_of(request: Request) -> str:
    """Return the id that the edge gave to *request*."""
    found = request.scope.get("state", {}).get("request_id", "req_none")
    return str(found)


def install(app: FastAPI) -> None:
    """Make every refusal of *app* a problem document."""
    app.exception_handler(Problem)(_on_problem)
    app.exception_handler(StoreError)(_on_store_error)
    app.exception_handler(RequestValidationError)(_on_validation_error)
    app.exception_handler(HTTPException)(_on_http_exception)


async def answer_of(request: Request, error: Problem | StoreError | HTTPException) -> Response:
    """Return the answer to *request* that *error* stands for."""
    if isinstance(error, Problem):
        return await _on_problem(request, error)
    if isinstance(error, StoreError):
        return await _on_store_error(request, error)
    return await _on_http_exception(request, error)


async def _on_problem(request: Request, error: Problem) -> Response:
    return response(error, request_id_of(request), error.headers)


async def _on_store_error(request: Request, error: StoreError) -> Response:
    return response(problem_of(error), request_id_of(request))


async def _on_validation_error(request: Request, error: RequestValidationError) -> Response:
    return response(_of_validation(error), request_id_of(request))


def _of_validation(error: RequestValidationError) -> Problem:
    found = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        message = str(found[0].get("ctx", {}).get("error", found[0]["msg"]))
        return Problem("malformed_json", message)
    places = [
        Place(
            pointer="".join(f"/{part}" for part in each["loc"][1:]),
            code=str(each["type"]),
            message=str(each["msg"]),
        )
        for each in found
    ]
    in_parameters = all(each["loc"][0] in _PARAMETERS for each in found)
    code = "bad_parameter" if in_parameters else "validation_failed"
    message = "; ".join(f"{each.pointer or 'body'}: {each.message}" for each in places[:3])
    return Problem(code, message, errors=places)


async def _on_http_exception(request: Request, error: HTTPException) -> Response:
    code = _BY_STATUS.get(error.status_code, "bad_parameter")
    message = str(error.detail)
    if error.status_code == HTTPStatus.NOT_FOUND:
        message = "there is nothing at this path; /openapi.json lists what there is"
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        from service.http.schemas.operations import methods_at  # noqa: PLC0415 -- loads every schema

        headers["Allow"] = ", ".join(methods_at(request.url.path)) or headers.get("Allow", "")
        message = f"{request.method} is not allowed here; this takes {headers['Allow']}"
    return response(Problem(code, message), request_id_of(request), headers)


class LastResort:
    """The edge of a request: what nobody foresaw is logged with its id and answered with 500."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, whatever happens inside."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception:
            request = Request(scope)
            request_id = request_id_of(request)
            _log.exception("request_failed", request_id=request_id, method=request.method)
            if started:
                raise
            message = f"the request failed on our side; report it with {request_id}"
            await response(Problem("internal_error", message), request_id)(scope, receive, send)
