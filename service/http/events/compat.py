"""The routes of Segment, RudderStack, Jitsu and PostHog: their clients work with our address.

What parses is answered with 200, whatever became of its events: these clients drop or repeat a
whole batch by the status alone. Verdicts stand in the body, and what was refused is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.access.keys import Principal
from service.door.bodies import Items
from service.door.envelopes import Envelope, open_envelope
from service.door.events import Origin
from service.door.posthog import PosthogReading
from service.door.readings import Reading
from service.door.segment import INHERITED, SegmentReading
from service.errors import Problem, problem_of
from service.http.events.event_answers import POSITION_HEADER
from service.http.events.events_in import origin_of
from service.http.events.write_keys import (
    MISSING,
    key_in_headers,
    key_in_query,
    open_to_browsers,
    preflight,
    writer_of,
)
from service.http.problems import request_id_of, response
from service.http.requests.bodies import read_client_body
from service.http.requests.calls import name_route, services_of
from service.http.schemas.compat import (
    BATCHES_AT,
    CALLS_AT,
    CAPTURES_AT,
    CAPTURES_V1_AT,
    JITSU_AT,
)
from service.intake.ingest import Outcome
from service.ports import StoreError
from service.services import Services

SHORT_CALLS = {
    "t": "track",
    "i": "identify",
    "p": "page",
    "s": "screen",
    "g": "group",
    "a": "alias",
}
"""Short paths, which browsers use."""
HISTORICAL_SCOPE = "events:import"

Verdicts = Callable[[Sequence[Outcome], Items], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the clients of one product write, and what they want to hear.

    Attributes:
        reading: Returns what reads the events of an envelope.
        inherited: Members that an envelope may say for all of its events.
        verdicts: Returns the body of the answer.
    """

    reading: Callable[[Request, Mapping[str, object]], Reading]
    inherited: Sequence[str]
    verdicts: Verdicts


async def _answer(request: Request, path: str, dialect: Dialect) -> Response:
    """Return what becomes of *request*; a page may read it if its key is meant for pages."""
    name_route(request, path)
    principal: Principal | None = None
    try:
        shown = key_in_headers(request)
        if shown is None:
            shown = key_in_query(request)
        if shown is not None:
            principal = await writer_of(request, shown)
        envelope = await _opened(request, dialect, is_known=principal is not None)
        principal = principal or await writer_of(request, envelope.key)
        answer = await _take(request, services_of(request), principal, (envelope, dialect))
    except (Problem, StoreError) as error:
        problem = error if isinstance(error, Problem) else problem_of(error)
        answer = response(problem, request_id_of(request), problem.headers)
    return answer if principal is None else open_to_browsers(answer, request, principal)


async def _opened(request: Request, dialect: Dialect, *, is_known: bool) -> Envelope:
    """Return the opened body; to a stranger it is a body without a key if it does not open."""
    body = await read_client_body(request, services_of(request).settings)
    try:
        return open_envelope(body, dialect.inherited)
    except Problem:
        if is_known:
            raise
        raise Problem("key_missing", MISSING) from None


async def _take(
    request: Request, services: Services, principal: Principal, sent: tuple[Envelope, Dialect]
) -> Response:
    envelope, dialect = sent
    items, most = envelope.items, services.settings.batch_events_max
    if len(items.texts) > most:
        message = f"expected at most {most} events, found {len(items.texts)}; send smaller batches"
        raise Problem("batch_too_large", message)
    origin = _origin(request, services, principal, sent)
    outcomes = await services.intake.take(items.texts, origin)
    services.metrics.count_outcomes(outcomes)
    await services.rejections.note(items.texts, outcomes, origin, request.url.path)
    positions = [each.receipt.position or 0 for each in outcomes if each.receipt is not None]
    headers = {POSITION_HEADER: str(max(positions))} if any(positions) else {}
    return Response(
        msgspec.json.encode(dialect.verdicts(outcomes, items)),
        headers=headers,
        media_type="application/json",
    )


def _origin(
    request: Request, services: Services, principal: Principal, sent: tuple[Envelope, Dialect]
) -> Origin:
    envelope, dialect = sent
    is_old = envelope.said.get("historical_migration") is True and principal.may(HISTORICAL_SCOPE)
    return replace(
        origin_of(request, principal, services),
        reading=dialect.reading(request, envelope.said),
        historical=is_old,
    )


def is_kept_out(outcome: Outcome) -> bool:
    """Whether the client is told that its event was refused.

    An id that is taken by other content is a repeat to these clients; they could do nothing.
    """
    return (outcome.status == "rejected" and outcome.receipt is None) or _code(outcome) in _REFUSED


_REFUSED = frozenset({"alias_refused", "sequence_mismatch", "batch_rejected"})


def _code(outcome: Outcome) -> str | None:
    return outcome.faults[0].code if outcome.faults else None


def _rejected(outcomes: Sequence[Outcome], items: Items) -> list[dict[str, object]]:
    return [
        {
            "index": index,
            "id": outcome.event_id,
            "code": outcome.faults[0].code,
            "message": outcome.faults[0].message,
            "pointer": items.pointer(index) + outcome.faults[0].pointer,
        }
        for index, outcome in enumerate(outcomes)
        if is_kept_out(outcome)
    ]


# ---------------------------------------------------------------- Segment, RudderStack, Jitsu


def _calls(call: str | None) -> Callable[[Request, Mapping[str, object]], Reading]:
    """Return what reads calls; without a *call* the path may name it."""

    def reading(request: Request, said: Mapping[str, object]) -> Reading:
        named = call or request.path_params.get("call")
        inherited = {name: said[name] for name in INHERITED if said.get(name) is not None}
        return SegmentReading(named, inherited)

    return reading


def _segment_verdicts(outcomes: Sequence[Outcome], items: Items) -> Mapping[str, object]:
    rejected = _rejected(outcomes, items)
    accepted = sum(each.status == "accepted" for each in outcomes)
    return {
        "success": True,
        "accepted": accepted,
        "duplicate": len(outcomes) - accepted - len(rejected),
        "rejected": rejected,
    }


def _segment(call: str | None = None) -> Dialect:
    return Dialect(_calls(call), INHERITED, _segment_verdicts)


# ---------------------------------------------------------------- PostHog


def _posthog_reading(request: Request, said: Mapping[str, object]) -> Reading:
    del request, said
    return PosthogReading()


def _posthog_v0_verdicts(outcomes: Sequence[Outcome], items: Items) -> Mapping[str, object]:
    rejected = _rejected(outcomes, items)
    return {"status": "Ok", "rejected": rejected} if rejected else {"status": "Ok"}


def _posthog_v1_verdicts(outcomes: Sequence[Outcome], items: Items) -> Mapping[str, object]:
    del items
    return {"results": {_name(i, each): _posthog_result(each) for i, each in enumerate(outcomes)}}


def _name(index: int, outcome: Outcome) -> str:
    return outcome.event_id or f"index:{index}"


def _posthog_result(outcome: Outcome) -> Mapping[str, object]:
    if is_kept_out(outcome):
        return {"result": "drop", "details": outcome.faults[0].message}
    if outcome.faults:
        return {"result": "warning", "details": outcome.faults[0].message}
    if outcome.warning is not None:
        return {"result": "warning", "details": outcome.warning}
    return {"result": "ok"}


_POSTHOG_MEMBERS = ("historical_migration",)
_POSTHOG_V0 = Dialect(_posthog_reading, _POSTHOG_MEMBERS, _posthog_v0_verdicts)
_POSTHOG_V1 = Dialect(_posthog_reading, _POSTHOG_MEMBERS, _posthog_v1_verdicts)

DIALECTS: Mapping[str, Dialect] = {
    **{path: _segment(call) for path, call in CALLS_AT.items()},
    **{path: _segment() for path in (*BATCHES_AT, *JITSU_AT)},
    **dict.fromkeys(CAPTURES_AT, _POSTHOG_V0),
    CAPTURES_V1_AT: _POSTHOG_V1,
}
"""Every path of another product that we answer."""


def routes() -> list[Route]:
    """Return the routes."""
    return [_route(path, dialect) for path, dialect in DIALECTS.items()]


def _route(path: str, dialect: Dialect) -> Route:
    async def answer(request: Request) -> Response:
        if request.method == "OPTIONS":
            name_route(request, path)
            return preflight(request)
        return await _answer(request, path, dialect)

    return Route(path, answer, methods=["POST", "OPTIONS"], include_in_schema=False)
