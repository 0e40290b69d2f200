"""`DELETE /v1/customers/{id}`: a person is forgotten; and the list of those who were."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from domain.instants import format_instant, parse_instant
from projections.erasing.erase import Erased
from projections.registers.erasure import Erasure, ErasureRefused, mode_of
from service.errors import Problem
from service.http.answers.values import Members, answer, listed
from service.http.events.event_answers import POSITION_HEADER
from service.http.requests.calls import MayAdminister, only_known_parameters
from service.http.requests.parameters import Cursor, Limit
from service.http.requests.strict_route import StrictRoute
from service.http.subjects.subject import SubjectId
from service.ports import SubjectKey

Mode = Annotated[
    Literal["anonymise", "purge"],
    Query(
        description="`anonymise` takes names and texts and keeps every stage and count; `purge`"
        " takes the customer out of lists, boards and funnels of now and then as well."
    ),
]


PARTS = frozenset({"aliases", "events", "explain", "stages", "timeline", "transitions"})
"""What may stand behind a customer's id: such a path means that part, never a customer."""


class WholeCustomer(StrictRoute):
    """A route to a customer whose id may hold slashes, that leaves paths to its parts alone."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return what a route does, and no match where the path ends with the name of a part."""
        match, found = super().matches(scope)
        last = scope["path"].rpartition("/")[2]
        return (Match.NONE, {}) if match is Match.FULL and last in PARTS else (match, found)


router = APIRouter(
    tags=["customers"], dependencies=[Depends(only_known_parameters)], route_class=WholeCustomer
)


@router.delete("/v1/customers/{subject_id:path}", summary="Forget a customer")
async def erase(
    *, subject_id: SubjectId, call: MayAdminister, mode: Mode = "anonymise"
) -> Response:
    """Erase the customer under all of its names, at once and for good.

    An event of theirs that is sent again is a duplicate; a new one begins a new customer, who has
    nothing to do with the erased one.
    """
    key = SubjectKey.of_customer(subject_id)
    try:
        erased = await call.services.erasing.erase(call.tenant, key, mode)
    except ErasureRefused as refusal:
        raise Problem(refusal.code, str(refusal)) from refusal
    return answer(erased_of(erased), headers={POSITION_HEADER: str(erased.erasure.position)})


@router.get("/v1/erasures", summary="Whom the log has forgotten, without names, oldest first")
async def erasures(*, call: MayAdminister, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Return the list that a restored backup needs, to forget the same people again."""
    cursors = call.cursors()
    begun = cursors.read(cursor)
    after = int(begun[0]) if begun else 0
    page = await call.services.erasing.erasures(call.tenant, after=after, limit=limit)
    return answer(listed([erasure_of(one) for one in page.rows], cursors.write(page.next_after)))


def erased_of(erased: Erased) -> Members:
    """Return what an erasure did; it names nobody."""
    return {
        **erasure_of(erased.erasure),
        "erased_id": erased.token if erased.erasure.mode == "anonymise" else None,
        "kept": list(erased.kept),
        "left": [{"model": model, "stage": stage} for model, stage in erased.left],
        "accounts": erased.accounts,
    }


def erasure_of(erasure: Erasure) -> Members:
    """Return an erasure as the list has it."""
    return {
        "position": erasure.position,
        "mode": erasure.mode,
        "erased_at": format_instant(erasure.at),
        "names": erasure.names,
        "events": erasure.events,
        "tenant": erasure.tenant,
        "marks": [
            {"position": position, "recorded_at": format_instant(at)}
            for position, at in erasure.every_mark
        ],
    }


def erasure_from(members: Mapping[str, Any]) -> Erasure:
    """Return the erasure that a line of the list tells of, as far as it is needed again.

    Raises:
        ValueError, LookupError, TypeError: It is none.
    """
    marks = [(int(one["position"]), parse_instant(one["recorded_at"])) for one in members["marks"]]
    return Erasure(
        tenant=str(members["tenant"]),
        position=int(members["position"]),
        root_bucket=0,
        root_id=0,
        mode=mode_of(members["mode"]),
        at=parse_instant(members["erased_at"]),
        first=0,
        since=0,
        names=int(members["names"]),
        events=int(members["events"]),
        marks=json.dumps(marks),
    )
