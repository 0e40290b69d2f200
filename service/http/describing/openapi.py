"""The OpenAPI document: FastAPI's own, with every answer and refusal from the table of operations.

FastAPI knows paths, parameters and bodies. What is answered is written in `operations`, because
handlers answer with plain members; `POST /v1/events` is a bare route and is written here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from service.http.events.events_in import PATH as EVENTS_PATH
from service.http.problems import KINDS, MEDIA_TYPE
from service.http.schemas import compat as compat_schema
from service.http.schemas.answers import ProblemOut
from service.http.schemas.events import EventIn
from service.http.schemas.operations import OPERATIONS, Operation, is_managed
from service.http.schemas.webhooks import webhook_items

Json = dict[str, Any]

_REF = "#/components/schemas/{model}"
_MODELS: tuple[tuple[type[BaseModel], JsonSchemaMode], ...] = (
    (ProblemOut, "serialization"),
    (EventIn, "validation"),
)
_EVENT_REF = {"$ref": _REF.format(model="EventIn")}
_HEADERS = {
    "Stagefold-Position": "Log position up to which projections have taken everything in.",
    "X-Request-Id": "Id of the request, as in logs and problems.",
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same request with the same key is carried out once; see docs/api.md.",
    "schema": {"type": "string", "pattern": '^"[!#-~]{1,200}"$'},
}
ABOUT = """\
Send events, ask where a customer stands, why, and what comes next. A stage is a pure function of
the events, the model version and the instant, so every answer can be asked for any date.

Every read of customers, accounts, events and boards takes `min_position` (and `wait`, for example
`2s`): it answers once that log position is taken in, or with 503 `projection_behind`.

Every refusal is a problem document (RFC 9457) with a stable `code`.
"""


def document(app: FastAPI) -> Json:
    """Return the OpenAPI document of *app*."""
    found = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=ABOUT,
        routes=app.routes,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        servers=[{"url": "/"}],
        tags=[{"name": name, "description": about} for name, about in _TAGS.items()],
    )
    found["paths"].setdefault(EVENTS_PATH, {})["post"] = _post_events()
    for path, operation in compat_schema.operations().items():
        found["paths"].setdefault(path, {})["post"] = operation
    _add_components(found)
    for path, item in found["paths"].items():
        for method, operation in item.items():
            promised = OPERATIONS[method.upper(), path]
            _complete(operation, promised)
            if is_managed(method.upper(), promised):
                operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
    answered = found["paths"][EVENTS_PATH]["post"]["responses"]["200"]["content"]
    answered["application/x-ndjson"] = {"schema": {"type": "string"}}
    found["webhooks"] = webhook_items()
    return found


_TAGS = {
    "events": "What happened comes in.",
    "imports": "Files of the past come in.",
    "clients": "The same from clients of Segment, RudderStack, Jitsu and PostHog.",
    "customers": "Where a customer stands, why, and what comes next.",
    "accounts": "The same for companies.",
    "models": "Lifecycles as data: read, checked, put, made active.",
    "rebuilds": "Histories folded anew.",
    "log": "The whole log and the global feed.",
    "webhooks": "Who is told of transitions, and how that went.",
    "admin": "Keys and limits.",
    "ops": "Probes and figures; open to all.",
}


def _add_components(found: Json) -> None:
    models = {
        model: "serialization"
        for operation in OPERATIONS.values()
        for model in operation.answers.values()
        if model is not None
    }
    pairs = [*_MODELS, *((model, "serialization") for model in models)]
    _, defined = models_json_schema(pairs, by_alias=True, ref_template=_REF)
    components = found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    schemas |= defined["$defs"]
    schemas["ProblemOut"]["properties"]["code"]["enum"] = sorted(KINDS)
    components["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "An API key, sfk_…"}
    }


def _complete(operation: Json, promised: Operation) -> None:
    operation["responses"] = _responses(promised)
    operation["security"] = [] if promised.is_open else [{"key": []}]


def _responses(promised: Operation) -> Json:
    """Return the answers by status; refusals of one status share a line that names their codes."""
    responses: Json = {
        str(status): _response(model, promised.media_type)
        for status, model in promised.answers.items()
    }
    by_status: dict[int, list[str]] = {}
    for code in promised.codes:
        by_status.setdefault(KINDS[code].status, []).append(code)
    for status, codes in sorted(by_status.items()):
        refusal: Json = {
            "description": "; ".join(f"`{code}`: {KINDS[code].title}" for code in sorted(codes)),
            "content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model="ProblemOut")}}},
        }
        known = responses.get(str(status))
        if known is None:
            responses[str(status)] = refusal
        else:
            known["content"] = {**known.get("content", {}), **refusal["content"]}
    return dict(sorted(responses.items()))


def _response(model: type[BaseModel] | None, media_type: str) -> Json:
    headers = {
        name: {"description": about, "schema": {"type": "string"}}
        for name, about in _HEADERS.items()
    }
    if model is None:
        plain: Json = {"content": {media_type: {}}} if media_type.startswith("text/") else {}
        return {"description": "As the summary says.", "headers": headers, **plain}
    content: Json = {media_type: {"schema": {"$ref": _REF.format(model=_name(model))}}}
    about = (model.__doc__ or "").split("\n")[0]
    return {"description": about, "headers": headers, "content": content}


def _name(model: type[BaseModel]) -> str:
    """Return the name under which pydantic defines *model*; brackets cannot stand in one."""
    return model.__name__.replace("[", "_").replace("]", "_")


def _post_events() -> Json:
    batch = {"type": "array", "items": _EVENT_REF}
    envelope = {"type": "object", "required": ["events"], "properties": {"events": batch}}
    return {
        "tags": ["events"],
        "summary": "Take events in: one, a batch, or lines",
        "description": (
            "One event is answered with 201, a repeat of it with 200, a bad one with 422 or 409."
            " A batch is answered with 200 and a result for each event. Lines are stored in parts"
            " of 500 and answered with a line for each part."
        ),
        "operationId": "post_events_v1_events_post",
        "parameters": [
            _choice("results", ["auto", "all", "failed"], "Which results to tell."),
            _choice("atomic", ["false", "true"], "Store all or none."),
            _choice("wait", ["applied", "stored"], "What to wait for before the answer."),
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"anyOf": [_EVENT_REF, batch, envelope]}},
                "application/x-ndjson": {"schema": {"type": "string"}},
                "application/jsonl": {"schema": {"type": "string"}},
                "application/cloudevents+json": {"schema": {"type": "object"}},
                "application/cloudevents-batch+json": {
                    "schema": {"type": "array", "items": {"type": "object"}}
                },
            },
        },
    }


def _choice(name: str, choices: list[str], about: str) -> Json:
    schema = {"type": "string", "enum": choices, "default": choices[0]}
    return {"name": name, "in": "query", "required": False, "description": about, "schema": schema}


def as_committed(found: Mapping[str, Any]) -> str:
    """Return the text of `openapi/openapi.json` for that document."""
    return json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
