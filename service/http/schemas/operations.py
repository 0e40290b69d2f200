"""Every operation of the API: what it answers when all is well, and every code it may refuse with.

One table, because the documents, the schema tests and whoever adds a route need it in one place.
`service/openapi.py` writes it into the OpenAPI document; a test demands that no route is missing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from pydantic import BaseModel

from service.http.schemas import answers as s
from service.http.schemas import compat as compat_schema
from service.http.schemas import models as m
from service.http.schemas import webhooks as w
from service.http.schemas.erasures import ErasedOut, ErasureOut
from service.http.schemas.imports import ImportOut
from service.http.schemas.rejected import RejectedOut, RetriedOut
from service.http.schemas.seals import SealOut


@dataclass(frozen=True, slots=True)
class Operation:
    """What one operation promises.

    Attributes:
        answers: Status -> model of the body; None for text or no body.
        refusals: Codes beyond those that every operation may answer with.
        is_open: No API key is asked for.
        media_type: Of the answers.
        takes_events: What it changes is the log, so it is no management.
        changes_nothing: It is no management either, though it is a POST.
    """

    answers: dict[int, type[BaseModel] | None]
    refusals: tuple[str, ...] = ()
    is_open: bool = False
    media_type: str = "application/json"
    takes_events: bool = False
    changes_nothing: bool = False

    @property
    def codes(self) -> tuple[str, ...]:
        """Every code that it may refuse with."""
        return (*(_ALWAYS if self.is_open else _BEHIND_A_KEY), *self.refusals)


_ALWAYS = (
    "unknown_parameter",
    "bad_parameter",
    "body_too_large",
    "headers_too_large",
    "request_timeout",
    "internal_error",
    "overloaded",
)
_BEHIND_A_KEY = (
    *_ALWAYS,
    "key_missing",
    "key_invalid",
    "scope_missing",
    "address_not_allowed",
    "rate_limited",
    "store_unavailable",
)
_REPEATED = ("idempotency_key_invalid", "idempotency_running", "idempotency_mismatch")
_PAGED = ("cursor_invalid", "cursor_mismatch")
_BODY = ("malformed_json", "malformed_utf8", "validation_failed")
_CLIENT_BODY = (
    "malformed_json",
    "malformed_utf8",
    "malformed_encoding",
    "unsupported_encoding",
    "batch_too_large",
)
_PACKED = ("malformed_encoding", "unsupported_encoding", "unsupported_media_type", "malformed_utf8")


def _of(
    answer: type[BaseModel] | None, *refusals: str, status: int = 200, also: int | None = None
) -> Operation:
    answers = {status: answer} | ({also: None if also == _NOT_MODIFIED else answer} if also else {})
    return Operation(answers, refusals)


def _open(*also: int) -> Operation:
    return Operation(dict.fromkeys((200, *also)), is_open=True, media_type="text/plain")


def _subject(kind: str) -> dict[tuple[str, str], Operation]:
    """Return the operations that customers and accounts share."""
    missing = (f"{kind}_not_found", "model_not_found", "projection_behind")
    path = f"/v1/{kind}s/{{subject_id}}"
    return {
        ("GET", path): _of(s.Customer, *missing, also=_NOT_MODIFIED),
        ("GET", f"{path}/stages"): _of(s.Listed[s.Standing], *missing),
        ("GET", f"{path}/transitions"): _of(s.Listed[s.TransitionOut], *missing, *_PAGED),
        ("GET", f"{path}/events"): _of(s.Listed[s.EventOut], *missing, *_PAGED),
        ("GET", f"{path}/timeline"): _of(s.Listed[s.TimelineEntry], *missing, *_PAGED),
        ("GET", f"{path}/explain"): _of(s.Explanations, *missing),
    }


_NOT_MODIFIED = 304
_BACKTESTS = {
    ("POST", "/v1/models/{key}/backtests"): _of(
        m.BacktestOut, *_PACKED, "model_invalid", "model_not_found", "backtest_refused", status=202
    ),
    ("GET", "/v1/models/{key}/backtests"): _of(s.Listed[m.BacktestOut]),
    ("GET", "/v1/models/{key}/backtests/{backtest}"): _of(m.BacktestOut, "backtest_not_found"),
    ("GET", "/v1/models/{key}/backtests/{backtest}/changes"): _of(
        s.Listed[m.ChangeOut], *_PAGED, "backtest_not_found"
    ),
    ("DELETE", "/v1/models/{key}/backtests/{backtest}"): _of(m.BacktestOut, "backtest_not_found"),
}

_EVENT_SCHEMAS = {
    ("GET", "/v1/event-schemas"): _of(s.Listed[m.EventSchemaOut]),
    **{
        (method, path): operation
        for path in (
            "/v1/event-schemas/{event_type}",
            "/v1/event-schemas/{event_type}/versions/{version}",
        )
        for method, operation in (
            ("GET", _of(s.Listed[m.EventSchemaOut], "event_schema_not_found")),
            ("PUT", _of(m.EventSchemaOut, *_BODY, also=201)),
            ("DELETE", _of(s.Listed[m.EventSchemaOut], "event_schema_not_found")),
        )
    },
}

_ENDPOINT = "/v1/webhook-endpoints/{endpoint_id}"
_WEBHOOKS = {
    ("GET", "/v1/webhook-types"): _of(s.Listed[w.TypeOut]),
    ("GET", "/.well-known/webhook-keys.json"): Operation({200: w.KeysOut}, is_open=True),
    ("POST", "/v1/webhook-keys/rotate"): _of(w.KeyOut, *_BODY, status=201),
    ("POST", "/v1/webhook-endpoints"): _of(w.NewEndpointOut, *_BODY, "endpoint_limit", status=201),
    ("GET", "/v1/webhook-endpoints"): _of(s.Listed[w.EndpointOut]),
    ("GET", _ENDPOINT): _of(w.EndpointOut, "endpoint_not_found"),
    ("PATCH", _ENDPOINT): _of(
        w.EndpointOut, *_BODY, "endpoint_not_found", "precondition_required", "precondition_failed"
    ),
    ("DELETE", _ENDPOINT): _of(w.EndpointOut, "endpoint_not_found"),
    ("POST", f"{_ENDPOINT}/enable"): _of(w.EndpointOut, *_BODY, "endpoint_not_found"),
    ("POST", f"{_ENDPOINT}/pause"): _of(w.EndpointOut, "endpoint_not_found"),
    ("POST", f"{_ENDPOINT}/test"): _of(w.TriedOut, *_BODY, "endpoint_not_found"),
    ("POST", f"{_ENDPOINT}/rotate-secret"): _of(w.NewEndpointOut, *_BODY, "endpoint_not_found"),
    ("GET", f"{_ENDPOINT}/secret"): _of(w.SecretOut, "endpoint_not_found"),
    ("GET", f"{_ENDPOINT}/stats"): _of(w.StatsOut, "endpoint_not_found"),
    ("GET", f"{_ENDPOINT}/attempts"): _of(s.Listed[w.AttemptOut], *_PAGED, "endpoint_not_found"),
    ("POST", f"{_ENDPOINT}/redeliveries"): _of(
        w.RedeliveryOut, *_BODY, "endpoint_not_found", status=202
    ),
    ("GET", f"{_ENDPOINT}/redeliveries"): _of(s.Listed[w.RedeliveryOut], "endpoint_not_found"),
    ("GET", f"{_ENDPOINT}/redeliveries/{{redelivery_id}}"): _of(
        w.RedeliveryOut, "redelivery_not_found"
    ),
    ("GET", "/v1/deliveries"): _of(s.Listed[w.DeliveryOut], *_PAGED),
    ("GET", "/v1/deliveries/{delivery_id}"): _of(w.DeliveryWhole, "delivery_not_found"),
    ("GET", "/v1/deliveries/{delivery_id}/attempts"): _of(
        s.Listed[w.AttemptOut], "delivery_not_found"
    ),
    ("POST", "/v1/deliveries/{delivery_id}/retry"): _of(
        w.DeliveryOut, "delivery_not_found", "delivery_refused", status=202
    ),
}

_IMPORTS = {
    ("POST", "/v1/imports"): Operation(
        {201: ImportOut},
        (*_BODY, "unsupported_encoding", "import_refused", "upload_offset_mismatch"),
        takes_events=True,
    ),
    ("PATCH", "/v1/imports/{import_id}"): Operation(
        {200: ImportOut},
        ("import_not_found", "import_refused", "upload_offset_mismatch"),
        takes_events=True,
    ),
    ("GET", "/v1/imports"): _of(s.Listed[ImportOut]),
    ("GET", "/v1/imports/{import_id}"): _of(ImportOut, "import_not_found"),
    ("DELETE", "/v1/imports/{import_id}"): _of(ImportOut, "import_not_found"),
}

OPERATIONS: dict[tuple[str, str], Operation] = {
    ("POST", "/v1/events"): Operation(
        {200: s.Taken, 201: s.Single},
        (*_BODY, *_PACKED, "batch_too_large", "event_id_conflict"),
        takes_events=True,
    ),
    **{
        ("POST", path): replace(
            _of(compat_schema.answer_of(path), *_CLIENT_BODY), takes_events=True
        )
        for path in compat_schema.PATHS
    },
    ("GET", "/v1/events"): _of(s.Listed[s.EventOut], *_PAGED, "projection_behind"),
    ("GET", "/v1/events/{event_id}"): _of(s.EventOut, "event_not_found", "projection_behind"),
    ("GET", "/v1/event-types"): _of(s.Listed[m.EventType], "projection_behind"),
    ("GET", "/v1/transitions"): _of(s.Feed),
    ("GET", "/v1/stream"): Operation(
        {200: None},
        ("stream_token_invalid", "stream_limit", "model_not_found"),
        media_type="text/event-stream",
    ),
    ("POST", "/v1/stream-tokens"): Operation(
        {201: s.StreamToken}, (*_BODY, "model_not_found"), changes_nothing=True
    ),
    ("GET", "/v1/customers"): _of(
        s.Listed[s.CustomerLine], *_PAGED, "model_not_found", "projection_behind"
    ),
    **_subject("customer"),
    **_subject("account"),
    ("POST", "/v1/customers/{subject_id}/transitions"): _of(
        s.ManualResult,
        *_BODY,
        "customer_not_found",
        "model_not_found",
        "precondition_failed",
        "transition_refused",
        "customer_erased",
        status=201,
    ),
    ("POST", "/v1/customers/{subject_id}/aliases"): _of(
        s.Customer,
        *_BODY,
        "customer_not_found",
        "alias_refused",
        "transition_refused",
        "customer_erased",
        status=201,
    ),
    ("DELETE", "/v1/customers/{subject_id}/aliases/{alias}"): _of(
        s.Customer,
        "customer_not_found",
        "alias_not_found",
        "alias_refused",
        "transition_refused",
        "customer_erased",
    ),
    ("DELETE", "/v1/customers/{subject_id}"): _of(
        ErasedOut, "customer_not_found", "customer_erased", "cannot_anonymise"
    ),
    ("GET", "/v1/erasures"): _of(s.Listed[ErasureOut], *_PAGED),
    ("GET", "/v1/models"): _of(s.Listed[m.ModelOut]),
    ("POST", "/v1/models/validate"): _of(m.Validation, *_PACKED),
    ("GET", "/v1/models/{key}"): _of(m.ModelWhole, "model_not_found", also=_NOT_MODIFIED),
    ("PUT", "/v1/models/{key}"): _of(
        m.ModelPut,
        *_PACKED,
        "model_invalid",
        "precondition_required",
        "precondition_failed",
        also=201,
    ),
    ("GET", "/v1/models/{key}/versions"): _of(s.Listed[m.ModelOut], "model_not_found"),
    ("GET", "/v1/models/{key}/versions/{number}"): _of(m.ModelWhole, "model_not_found"),
    ("POST", "/v1/models/{key}/versions/{number}/activate"): _of(
        m.RebuildOut, *_BODY, "model_not_found", "activation_refused", status=202
    ),
    ("POST", "/v1/models/{key}/rollback"): _of(
        m.RollbackOut, "model_not_found", "rollback_refused", status=202, also=200
    ),
    **_BACKTESTS,
    ("GET", "/v1/models/{key}/board"): _of(m.BoardOut, "model_not_found", "projection_behind"),
    ("POST", "/v1/rebuilds"): _of(
        m.RebuildOut, *_BODY, "model_not_found", "activation_refused", status=202
    ),
    ("GET", "/v1/rebuilds"): _of(s.Listed[m.RebuildOut]),
    ("GET", "/v1/rebuilds/{rebuild}"): _of(m.RebuildOut, "rebuild_not_found"),
    ("GET", "/v1/rebuilds/{rebuild}/diff"): _of(
        m.DiffOut, *_PAGED, "rebuild_not_found", "rebuild_not_ready"
    ),
    ("POST", "/v1/rebuilds/{rebuild}/activate"): _of(
        m.RebuildOut, "rebuild_not_found", "rebuild_not_ready"
    ),
    ("DELETE", "/v1/rebuilds/{rebuild}"): _of(m.RebuildOut, "rebuild_not_found", "rebuild_ended"),
    ("POST", "/v1/api-keys"): _of(m.NewApiKeyOut, *_BODY, "key_refused", status=201),
    ("GET", "/v1/api-keys"): _of(s.Listed[m.ApiKeyOut]),
    ("GET", "/v1/api-keys/{key_id}"): _of(m.ApiKeyOut, "api_key_not_found"),
    ("DELETE", "/v1/api-keys/{key_id}"): _of(m.ApiKeyOut, "api_key_not_found"),
    ("POST", "/v1/api-keys/{key_id}/rotate"): _of(
        m.NewApiKeyOut, *_BODY, "api_key_not_found", "rotation_refused"
    ),
    ("POST", "/v1/tenants"): _of(m.NewTenantOut, *_BODY, "tenant_exists", status=201),
    ("GET", "/v1/tenants"): _of(s.Listed[m.TenantOut]),
    ("GET", "/v1/rejected-events"): _of(s.Listed[RejectedOut], *_PAGED),
    ("POST", "/v1/rejected-events/retry"): _of(RetriedOut, *_BODY),
    **_EVENT_SCHEMAS,
    **_WEBHOOKS,
    **_IMPORTS,
    ("GET", "/v1/audit-log"): _of(s.Listed[m.AuditEntryOut], *_PAGED),
    ("GET", "/v1/usage"): _of(s.Listed[m.UsageOut], *_PAGED),
    ("GET", "/v1/limits"): _of(m.Limits),
    ("GET", "/v1/seals"): _of(s.Listed[SealOut], *_PAGED),
    ("GET", "/problems/{code}"): Operation(
        {200: None}, ("not_found",), is_open=True, media_type="text/plain"
    ),
    ("GET", "/openapi.json"): Operation({200: None}, is_open=True),
    ("GET", "/asyncapi.json"): Operation({200: None}, is_open=True),
    ("GET", "/livez"): _open(),
    ("GET", "/startupz"): _open(503),
    ("GET", "/readyz"): _open(503),
    ("GET", "/metrics"): Operation(
        {200: None}, ("store_unavailable",), is_open=True, media_type="text/plain"
    ),
}


def is_managed(method: str, operation: Operation) -> bool:
    """Whether the operation is management: it changes something, and takes no events in."""
    is_read = method == "GET" or operation.changes_nothing
    return not (is_read or operation.is_open or operation.takes_events)


OPERATIONS |= {
    (method, path): replace(operation, refusals=(*operation.refusals, *_REPEATED))
    for (method, path), operation in OPERATIONS.items()
    if is_managed(method, operation)
}


@lru_cache(maxsize=4_096)
def managed_at(method: str, path: str) -> str | None:
    """Return method and template of the management operation at *path*; None where there is none.

    Of several templates that fit, the one that spells out most of the path is meant.
    """
    found = [
        template
        for (named, template), operation in OPERATIONS.items()
        if named == method and is_managed(method, operation) and _pattern(template).fullmatch(path)
    ]
    return f"{method} {max(found, key=_spelled_out)}" if found else None


def _spelled_out(template: str) -> int:
    return len(re.sub(r"\{\w+\}", "", template))


def methods_at(path: str) -> list[str]:
    """Return the methods of all operations at *path*, whichever route each of them is."""
    return sorted({method for method, template in OPERATIONS if _pattern(template).fullmatch(path)})


@cache
def _pattern(template: str) -> re.Pattern[str]:
    """Return what *template* matches; ids of subjects and events may hold slashes."""
    pieces = re.split(r"\{(\w+)\}", template)
    for at in range(1, len(pieces), 2):
        pieces[at] = ".+" if pieces[at] in {"subject_id", "event_id"} else "[^/]+"
    return re.compile("".join(re.escape(p) if at % 2 == 0 else p for at, p in enumerate(pieces)))
