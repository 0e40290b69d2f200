"""The layer of management calls: each is noted in the audit log, and may be repeated safely.

Management is whatever changes something and takes no events in; the table of operations says what
that is. Such a call is small and rare, so its answer is held until it has been noted and kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from projections.registers.access import AuditEntry, KeptAnswer, write_down
from service import notes
from service.access.kept_answers import Answered, key_in
from service.access.keys import Principal
from service.errors import Problem, problem_of
from service.http.problems import request_id_of, response
from service.http.requests.addresses import address_of
from service.http.requests.calls import ANY_SCOPE, authorize
from service.ports import StoreError
from service.services import Services

FIELD = "Idempotency-Key"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""They change nothing."""

REPLAYED = {"Idempotency-Replayed": "true"}

_KEPT_FIELDS = frozenset({"content-type", "etag", "location", "retry-after"})
_BAD = 400
_WITH_NAMES = "/v1/customers/"
_TARGET_MAX = 500
_log = structlog.get_logger("stagefold.http")


class Managed:
    """Wraps the application; see the module."""

    def __init__(self, app: ASGIApp, *, services: Callable[[], Services]) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever is no management passes."""
        action = _action(scope)
        if action is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            principal = await authorize(request, ANY_SCOPE)
        except (Problem, StoreError):
            await self._app(scope, receive, send)  # which refuses it likewise
            return
        call = _Call(self._app, self._services(), request, principal, action)
        try:
            await call.answer(scope, send)
        except (Problem, StoreError) as error:
            problem = error if isinstance(error, Problem) else problem_of(error)
            await response(problem, request_id_of(request), problem.headers)(scope, receive, send)


def _action(scope: Scope) -> str | None:
    """Return which management call it is; None where it is none."""
    if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
        return None
    from service.http.schemas.operations import managed_at  # noqa: PLC0415 -- loads every schema

    return managed_at(scope["method"], scope["path"])


class _Call:
    """One management call."""

    def __init__(
        self,
        app: ASGIApp,
        services: Services,
        request: Request,
        principal: Principal,
        action: str,
    ) -> None:
        self._app = app
        self._services = services
        self._request = request
        self._principal = principal
        self._action = action

    async def answer(self, scope: Scope, send: Send) -> None:
        """Answer the call: as it was answered before, or by carrying it out."""
        field = self._request.headers.get(FIELD)
        if field is None:
            await self._carry_out(scope, self._request.receive, send)
            return
        kept, token = self._services.kept_answers, self._request.scope["state"]["token"]
        body = await self._request.body()
        operation = _operation(scope["method"], scope["path"])
        wanted = (operation, key_in(field), _fingerprint(self._request, body))
        claimed = await kept.begin(self._principal, token, wanted)
        if not isinstance(claimed, KeptAnswer):
            await _send(claimed, send, REPLAYED)
            return
        answered: Answered | None = None
        try:
            answered = await self._carry_out(scope, _again(body), send)
        finally:
            await kept.end(claimed, answered, token)

    async def _carry_out(self, scope: Scope, receive: Receive, send: Send) -> Answered:
        """Let the application answer, note the call, then send what it answered."""
        note = notes.Note(self._entry())
        held: list[Message] = []

        async def hold(message: Message) -> None:
            held.append(message)

        outcome = "internal_error"
        try:
            with notes.noting(note):
                await self._app(scope, receive, hold)
            answered = _answered(held)
            outcome = notes.DONE if answered.status < _BAD else _code_of(answered.body)
        finally:
            await self._write_down(note, outcome)
        for message in held:
            await send(message)
        return answered

    def _entry(self) -> AuditEntry:
        services, request = self._services, self._request
        return AuditEntry(
            tenant=self._principal.tenant,
            number=0,
            at=services.clock.now(),
            actor=self._principal.key_id,
            action=self._action,
            target=request.url.path[:_TARGET_MAX],
            outcome="",
            request_id=request_id_of(request),
            address=address_of(request.scope, services.settings.trusted_proxies),
        )

    async def _write_down(self, note: notes.Note, outcome: str) -> None:
        """Note a call that has changed nothing by itself: it was refused, or others do the work."""
        if note.is_written:
            return
        entry = note.completed(outcome)
        try:
            await self._services.store.keep(write_down(entry))
        except StoreError as error:
            _log.error("call_not_noted", action=entry.action, actor=entry.actor, error=str(error))


def _operation(method: str, path: str) -> str:
    """Return what a repeat has in common with the first: the path, but no customer's name."""
    if not path.startswith(_WITH_NAMES):
        return f"{method} {path}"
    return f"{method} {_WITH_NAMES}{hashlib.sha256(path.encode()).hexdigest()}"


def _fingerprint(request: Request, body: bytes) -> str:
    kind = request.headers.get("content-type", "")
    match = request.headers.get("if-match", "")
    head = f"{request.url.query}\n{kind}\n{match}\n\n"
    return hashlib.sha256(head.encode() + body).hexdigest()


def _again(body: bytes) -> Receive:
    """Return what gives a body that was read already to whoever reads it next."""
    parts: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return parts.pop() if parts else {"type": "http.disconnect"}

    return receive


def _answered(held: list[Message]) -> Answered:
    start = held[0]
    fields = ((str(name, "latin-1"), str(value, "latin-1")) for name, value in start["headers"])
    return Answered(
        status=start["status"],
        headers={name: value for name, value in fields if name in _KEPT_FIELDS},
        body=b"".join(message.get("body", b"") for message in held[1:]),
    )


def _code_of(body: bytes) -> str:
    """Return the code of a problem document; `refused` where it is none."""
    try:
        found = json.loads(body)
    except ValueError:
        return "refused"
    return str(found.get("code", "refused")) if isinstance(found, dict) else "refused"


async def _send(answered: Answered, send: Send, further: dict[str, str]) -> None:
    length = {"content-length": str(len(answered.body))}
    fields = {**answered.headers, **length, **further}
    headers = [(name.lower().encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": answered.status, "headers": headers})
    await send({"type": "http.response.body", "body": answered.body})
