"""The short way: what carries the load is answered before the application's layers are asked.

To find a route among sixty, and to open what dependencies of a handler might need, costs as much as
reading a customer. Two kinds of requests need none of it: those to a path that has one handler, and
plain reads of one subject, which name it and nothing else. All others, a read with a parameter or
a condition among them, find the documented routes, and both ways answer by the same functions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service.errors import Problem
from service.http.problems import answer_of
from service.http.requests.calls import authorize, name_route, services_of
from service.http.requests.fields import header_in
from service.http.subjects.subject import SUBJECT_ID_LENGTH_MAX, KeyOf, unknown
from service.http.subjects.told import Told
from service.ports import StoreError

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


class ShortWay:
    """Wraps the application; see the module."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        exact: Mapping[tuple[str, str], Endpoint],
        plain_reads: Mapping[str, Endpoint],
    ) -> None:
        """Answer *exact* by method and path, and *plain_reads* by what stands before the id."""
        self._app = app
        self._exact = exact
        self._plain_reads = plain_reads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass it on."""
        endpoint = self._endpoint(scope) if scope["type"] == "http" else None
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await endpoint(request)
        except (Problem, StoreError, HTTPException) as error:
            response = await answer_of(request, error)
        await response(scope, receive, send)

    def _endpoint(self, scope: Scope) -> Endpoint | None:
        path = scope["path"]
        found = self._exact.get((scope["method"], path))
        if found is not None:
            return found
        prefix, _, subject_id = path.rpartition("/")
        found = self._plain_reads.get(prefix)
        if found is None or not _is_plain(scope, subject_id):
            return None
        scope["path_params"] = {"subject_id": subject_id}
        return found


def _is_plain(scope: Scope, subject_id: str) -> bool:
    """Tell a GET of a short id without a query and without a condition."""
    return (
        scope["method"] == "GET"
        and not scope["query_string"]
        and 0 < len(subject_id) <= SUBJECT_ID_LENGTH_MAX
        and header_in(scope, b"if-none-match") is None
    )


def plain_read(prefix: str, key_of: KeyOf) -> Endpoint:
    """Return what answers plain reads of the subjects below *prefix*."""
    path = f"{prefix}/{{subject_id}}"
    told = Told()

    async def whole(request: Request) -> Response:
        name_route(request, path)
        principal = await authorize(request, "customers:read")
        services, key = services_of(request), key_of(request.path_params["subject_id"])
        found = await services.store.snapshot(principal.tenant, key)
        if found is None:
            raise unknown(key)
        return told.answer((principal.tenant, key), found, services.clock.now())

    return whole
