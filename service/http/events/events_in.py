"""`POST /v1/events`: one event, a batch or a stream of lines, and an answer for each event.

A bare route without models and dependencies, because every event of the product passes it. What it
takes and answers is written into OpenAPI by hand, in `service/http/schemas/events.py`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote

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
from service.http.answers.values import Ready, encoded
from service.http.events.event_bodies import items_of, kind_of
from service.http.requests.bodies import read_body, read_pieces
from service.http.requests.calls import authorize, name_route, refuse_unknown, services_of
from service.http.requests.parameters import WAIT_APPLIED_SECONDS, taken_in
from service.intake.ingest import DEFAULT_SOURCE, Outcome
from service.ports import Receipt
from service.services import Services

PATH = "/v1/events"
POSITION_HEADER = "Stagefold-Position"
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
_SINGLE = Items("object", ("",))


def _choice(query: Mapping[str, str], name: str, choices: Sequence[str]) -> str:
    value = query.get(name, choices[0])
    if value not in choices:
        message = f"{name}: expected one of {', '.join(choices)}, found {value[:40]!a}"
        raise Problem("bad_parameter", message, errors=[Place(f"/{name}", "bad_choice", message)])
    return value


@dataclass(slots=True)
class Tally:
    """What became of the events of a request so far."""

    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    position: int | None = None
    applied: bool = True
    results: list[dict[str, object]] = field(default_factory=list)

    def add(self, outcomes: Sequence[Outcome], items: Items, *, first: int, tell: bool) -> None:
        """Take *outcomes* in; *first* is the index of the first of them, *tell* tells all."""
        for index, outcome in enumerate(outcomes, start=first):
            receipt = outcome.receipt
            if receipt is not None and not tell and outcome.is_usual:
                self.accepted += 1
                self._reach(receipt)
                continue
            status = outcome.status
            if status == "accepted":
                self.accepted += 1
            elif status == "duplicate":
                self.duplicate += 1
            else:
                self.rejected += 1
            if receipt is not None and status != "rejected":
                self._reach(receipt)
            if tell or status == "rejected" or outcome.warning:
                self.results.append(result_of(index, outcome, items.pointer(index)))

    def _reach(self, receipt: Receipt) -> None:
        self.position = max(self.position or 0, receipt.position or 0)
        self.applied = self.applied and receipt.applied

    def members(self) -> dict[str, object]:
        """Return the members of the answer that count."""
        return {
            "accepted": self.accepted,
            "duplicate": self.duplicate,
            "rejected": self.rejected,
            "retry": 0,
            "position": self.position,
            "applied": self.applied,
        }


def result_of(index: int, outcome: Outcome, pointer: str) -> dict[str, object]:
    """Return how the answer tells the outcome of one event."""
    result: dict[str, object] = {"index": index}
    if outcome.event_id is not None:
        result["id"] = outcome.event_id
    result["status"] = outcome.status
    receipt = outcome.receipt
    if receipt is not None and outcome.status != "rejected":
        result |= _stored(receipt)
    if outcome.warning is not None:
        result["warning"] = outcome.warning
    if outcome.faults:
        errors = [
            {"code": each.code, "message": each.message, "pointer": pointer + each.pointer}
            for each in outcome.faults
        ]
        result["error"] = errors[0]
        if len(errors) > 1:
            result["errors"] = errors
    return result


def _stored(receipt: Receipt) -> dict[str, object]:
    members: dict[str, object] = {"position": receipt.position}
    if receipt.status == "accepted":
        members["applied"] = receipt.applied
        if not receipt.waits:  # else nobody knows yet what it changes
            members["stages"] = stages_of_receipt(receipt)
    if receipt.late:
        members["late"] = True
    return members


def stages_of_receipt(receipt: Receipt) -> list[dict[str, object]]:
    """Return the stages that an accepted event changed."""
    return [
        {
            "model": each.model,
            "from": each.from_stage,
            "to": each.to_stage,
            "sequence": each.sequence,
        }
        for each in receipt.stages
    ]


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
    body = await read_body(request, services.settings)
    items = items_of(kind, request, body, services.intake.bounds)
    if kind != "json":
        pointer = services.settings.cloudevents_customer_pointer
        origin = replace(origin, reading=CloudEventReading(pointer))
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
        return _answer_single(outcomes[0])
    return _answer_batch(outcomes, items, options)


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
    randomness = services.randomness
    traceparent = request.headers.get("traceparent")
    return Origin(
        tenant=principal.tenant,
        source=principal.source or DEFAULT_SOURCE,
        now=services.clock.now(),
        new_id=lambda: f"evt_{randomness.token(16).hex()}",
        forced_source=principal.source is not None,
        key_id=principal.key_id,
        event_types=principal.event_types,
        traceparent=traceparent[:_TRACEPARENT_MAX] if traceparent else None,
    )


def _answer_single(outcome: Outcome) -> Response:
    if outcome.status == "rejected":
        raise _refusal([outcome], _SINGLE)
    tally = Tally()
    tally.add([outcome], _SINGLE, first=0, tell=True)
    members = {**tally.members(), **tally.results[0]}
    members.pop("index")
    headers = {"Location": f"/v1/events/{quote(str(outcome.event_id), safe='')}"}
    status = 201 if outcome.status == "accepted" else 200
    return _answer(members, tally.position, status=status, headers=headers)


def _answer_batch(outcomes: Sequence[Outcome], items: Items, options: Options) -> Response:
    if options.atomic and any(each.status == "rejected" for each in outcomes):
        raise _refusal(outcomes, items)
    tally = Tally()
    tally.add(outcomes, items, first=0, tell=options.shows_all(len(outcomes)))
    return _answer({**tally.members(), "results": tally.results}, tally.position)


def _refusal(outcomes: Sequence[Outcome], items: Items) -> Problem:
    """Return the problem of a request of which nothing was stored."""
    places = [
        Place(items.pointer(index) + fault.pointer, fault.code, fault.message)
        for index, outcome in enumerate(outcomes)
        for fault in outcome.faults
        if fault.code != "batch_rejected"
    ]
    message = "; ".join(each.message for each in places[:3])
    conflict = all(each.code == "event_id_conflict" for each in places)
    return Problem("event_id_conflict" if conflict else "validation_failed", message, errors=places)


def _answer(
    members: Mapping[str, object],
    position: int | None,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    extra = dict(headers or {})
    if position is not None:
        extra[POSITION_HEADER] = str(position)
    return Ready(encoded(members), status=status, headers=extra)


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
