"""`GET /v1/customers/{id}` and the same of accounts, asked plainly: the short way to an answer.

Most reads name a subject and nothing else: no parameter, no condition. These pass a bare route,
which saves them the reading of parameters that are not there; all others find the documented route
of `service/http/subjects.py` behind it, and both answer by the same functions.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from service.http.requests import Call, authorize, name_route, services_of
from service.http.subjects import (
    SUBJECT_ID_LENGTH_MAX,
    KeyOf,
    answer_whole,
    snapshot_of,
    standings_of,
)


class _PlainRoute(Route):
    """Takes what the short way can answer and nothing else."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match a GET of a short id without a query and without a condition."""
        match, child = super().matches(scope)
        if (
            match is not Match.FULL
            or scope["method"] != "GET"
            or scope["query_string"]
            or len(child["path_params"]["subject_id"]) > SUBJECT_ID_LENGTH_MAX
            or any(name == b"if-none-match" for name, _ in scope["headers"])
        ):
            return Match.NONE, {}
        return match, child


def plain_route(prefix: str, key_of: KeyOf) -> Route:
    """Return the short way to the subjects below *prefix*; to stand before their other routes."""
    path = f"{prefix}/{{subject_id}}"

    async def whole(request: Request) -> Response:
        name_route(request, path)
        principal = await authorize(request, "customers:read")
        call = Call(request, services_of(request), principal)
        found = await snapshot_of(call, key_of(request.path_params["subject_id"]))
        return answer_whole(found, found.subject, await standings_of(call, found))

    return _PlainRoute(path, whole, methods=["GET"], include_in_schema=False)
