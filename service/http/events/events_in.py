"""`POST /v1/events`: one event, a batch or a stream of lines, and an answer for each event.

A bare route without models and dependencies, because every event of the product passes it. What it
takes and answers is written into OpenAPI by hand, in `service/http/schemas/events.py`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from service.access.keys import Principal
from service.door.bodies import Items, decoded
from service.door.cloudevents import CloudEventReading
from service.door.events import Origin
from service.door.strict import BLANKS
from service.errors import Place, Problem
from service.http.events.event_answers import Tally, answer_batch, answer_single, refusal
from service.http.events.event_bodies import items_of, kind_of
from service.http.requests.bodies import read_pieces, read_sent
from service.http.requests.calls import authorize, name_route, refuse_unknown, services_of
from service.http.requests.fields import header_in
from service.http.requests.parameters import WAIT_APPLIED_SECONDS, taken_in
from service.intake.ingest import DEFAULT_SOURCE, Outcome
from service.services import Services

PATH = "/v1/events"
LINES_AT_ONCE = 500
RESULTS_SHOWN_MAX = 100
"""A longer batch is answered with what was not accepted, unless `results=all` asks for more."""

WAITED_FOR_MAX = 100
"""The answer to a longer batch waits for the projections only where `wait=applied` asks for it."""

_PARAMETERS = frozenset({"results", "atomic", "wait"})
_TRACEPARENT_MAX = 128


@dataclass(frozen=True, slots=True)
class Options:
    """The query of the request.

    Attributes:
        results: Which results to tell.
        atomic: Whether all or nothing.
        wait: Until when to wait: `stored`, `applied`, or `auto`: `applied` for few events.
    """

    results: str
    atomic: bool
    wait: str = "auto"

    @classmethod
    def of(cls, request: Request) -> Options:
        """Return the options of *request*.

        Raises:
            Problem: `unknown_parameter` or `bad_parameter`.
        """
        if not request.scope["query_string"]:
            return _USUAL
        refuse_unknown(request, _PARAMETERS)
        query = request.query_params
        wait = _choice(query, "wait", ("applied", "stored")) if "wait" in query else "auto"
        atomic = _choice(query, "atomic", ("false", "true")) == "true"
        return cls(_choice(query, "results", ("auto", "all", "failed")), atomic, wait)

    def shows_all(self, count: int) -> bool:
        """Whether the accepted ones of *count* results are told too."""
        return self.results == "all" or (self.results == "auto" and count <= RESULTS_SHOWN_MAX)

    def waits_for(self, count: int) -> bool:
        """Whether the answer to *count* events waits for the projections."""
        return self.wait == "applied" or (self.wait == "auto" and count <= WAITED_FOR_MAX)


_USUAL = Options("auto", atomic=False)


def _choice(query: Mapping[str, str], name: str, choices: Sequence[str]) -> str:
    value = query.get(name, choices[0])
    if value not in choices:
        message = f"{name}: expected one of {', '.join(choices)}, found {value[:40]!a}"
        raise Problem("bad_parameter", message, errors=[Place(f"/{name}", "bad_choice", message)])
    return value


async def post_events(request: Request) -> Response:
    """Take events in."""
    name_route(request, PATH)
    principal = await authorize(request, "events:write")
    services = services_of(request)
    options = Options.of(request)
    kind = kind_of(request)
    origin = origin_of(request, principal, services)
    if kind == "lines":
        return await _post_lines(request, services, origin, options)
    body = await read_sent(request, services.settings)
    if kind == "json" and body.startswith(b"{"):
        answer = await _post_usual(services, decoded(body).strip(BLANKS), origin, options)
        if answer is not None:
            return answer
    items = items_of(kind, request, body, services.intake.bounds)
    if kind != "json":
        pointer = services.settings.cloudevents_customer_pointer
        origin = msgspec.structs.replace(origin, reading=CloudEventReading(pointer))
    return await _post_items(services, items, origin, options)


async def _post_items(
    services: Services, items: Items, origin: Origin, options: Options
) -> Response:
    """Take *items* in, whatever they hold."""
    most = services.settings.batch_events_max
    if len(items.texts) > most:
        message = f"expected at most {most} events, found {len(items.texts)}; send NDJSON instead"
        raise Problem("batch_too_large", message)
    outcomes = await services.intake.take(items.texts, origin, atomic=options.atomic)
    if options.waits_for(len(outcomes)):
        outcomes = await applied(services, outcomes)
    services.metrics.count_outcomes(outcomes)
    if not options.atomic:
        await services.rejections.note(items.texts, outcomes, origin, PATH)
    if items.shape == "object":
        return answer_single(outcomes[0])
    if options.atomic and any(each.status == "rejected" for each in outcomes):
        raise refusal(outcomes, items)
    return answer_batch(outcomes, items, tell=options.shows_all(len(outcomes)))


async def _post_usual(
    services: Services, text: str, origin: Origin, options: Options
) -> Response | None:
    """Take in *text*, an object, if it is an event like most; None, with nothing done, if not."""
    outcome = await services.intake.take_usual(text, origin)
    if outcome is None:
        return None
    outcomes = [outcome]
    if options.waits_for(1):
        outcomes = await applied(services, outcomes)
    services.metrics.count_outcomes(outcomes)
    if outcome.status == "rejected" and not options.atomic:
        await services.rejections.note([text], outcomes, origin, PATH)
    return answer_single(outcomes[0])


async def applied(services: Services, outcomes: list[Outcome]) -> list[Outcome]:
    """Return *outcomes* once projections have taken in what waits, or when time is up."""
    receipts = [each.receipt for each in outcomes]
    left = [one.position or 0 for one in receipts if one is not None and one.waits]
    if not left:
        return outcomes
    positions = await taken_in(services, max(left), WAIT_APPLIED_SECONDS)
    return [
        Outcome(msgspec.structs.replace(each.receipt, applied=True), warning=each.warning)
        if each.receipt is not None
        and each.receipt.waits
        and (each.receipt.position or 0) <= positions.applied
        else each
        for each in outcomes
    ]


def origin_of(request: Request, principal: Principal, services: Services) -> Origin:
    """Return what the events of *request* have in common."""
    traceparent = header_in(request.scope, b"traceparent")
    return Origin(
        tenant=principal.tenant,
        source=principal.source or DEFAULT_SOURCE,
        now=services.clock.now(),
        new_id=lambda: f"evt_{services.randomness.token(16).hex()}",
        forced_source=principal.source is not None,
        key_id=principal.key_id,
        event_types=principal.event_types,
        traceparent=traceparent[:_TRACEPARENT_MAX] if traceparent else None,
    )


class _LinesResponse(StreamingResponse):
    """Streams while the body still arrives, so nobody else may listen to what the client sends."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await self.stream_response(send)


async def _post_lines(
    request: Request, services: Services, origin: Origin, options: Options
) -> Response:
    if options.atomic:
        raise Problem("bad_parameter", "atomic: lines are stored in parts; send an array instead")
    pieces = read_pieces(request, services.settings, services.settings.stream_bytes_max)
    answers = _answers(_chunks(pieces, services), services, origin, options)
    first = await anext(answers)
    return _LinesResponse(_resumed(first, answers), media_type="application/x-ndjson")


async def _resumed(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    try:
        async for each in rest:
            yield each
    except Problem as problem:
        yield _line({"error": {"code": problem.code, "message": problem.message}})


async def _answers(
    chunks: AsyncIterator[list[str]], services: Services, origin: Origin, options: Options
) -> AsyncIterator[bytes]:
    """Yield one line for each chunk that was stored, then one with the totals."""
    total = Tally()
    items = Items("lines", ())
    done = 0
    async for texts in chunks:
        outcomes = await services.intake.take(texts, origin)
        services.metrics.count_outcomes(outcomes)
        await services.rejections.note(texts, outcomes, origin, PATH)
        tally = Tally()
        tally.add(outcomes, items, first=done, tell=options.results == "all")
        total.add(outcomes, items, first=done, tell=False)
        total.results.clear()
        done += len(texts)
        yield _line({**tally.members(), "next_line": done, "results": tally.results})
    yield _line({**total.members(), "next_line": done, "done": True})


def _line(members: Mapping[str, object]) -> bytes:
    return msgspec.json.encode(members) + b"\n"


async def _chunks(pieces: AsyncIterator[bytes], services: Services) -> AsyncIterator[list[str]]:
    """Yield the lines of a body in chunks; empty lines do not count."""
    waiting: list[str] = []
    lines = 0
    async for line in _lines(pieces, services.intake.bounds.event_bytes_max):
        lines += 1
        if lines > services.settings.stream_lines_max:
            message = f"expected at most {services.settings.stream_lines_max} lines"
            raise Problem("batch_too_large", message)
        waiting.append(line)
        if len(waiting) == LINES_AT_ONCE:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


async def _lines(pieces: AsyncIterator[bytes], longest: int) -> AsyncIterator[str]:
    """Yield the lines that are not blank.

    A line may be twice the largest event, blanks and escapes included; beyond that there is no
    telling where the next event begins.
    """
    rest = b""
    async for piece in pieces:
        *complete, rest = (rest + piece).split(b"\n")
        for line in complete:
            if text := decoded(line).strip(BLANKS):
                yield text
        if len(rest) > 2 * longest:
            message = f"a line is longer than {2 * longest} bytes; one event stands on one line"
            raise Problem("body_too_large", message)
    if text := decoded(rest).strip(BLANKS):
        yield text
