"""The audit log: who did what, when, from where, and what came of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from projections.registers.access import AUDIT_LOG
from projections.registers.register import AskEntries, found
from service.http.answers.values import answer, audit_entry_of, listed
from service.http.requests.calls import MayAdminister, only_known_parameters
from service.http.requests.parameters import Cursor, Limit, instant_of
from service.http.requests.strict_route import StrictRoute

router = APIRouter(
    tags=["admin"], dependencies=[Depends(only_known_parameters)], route_class=StrictRoute
)

Word = Annotated[str | None, Query(max_length=300)]


@router.get("/v1/audit-log", summary="Every management call, the newest first")
async def audit_log(
    *,
    call: MayAdminister,
    actor: Word = None,
    action: Word = None,
    outcome: Word = None,
    since: Word = None,
    until: Word = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Return entries by who (`actor`), what (`action`), what came of it, and when."""
    cursors = call.cursors(actor=actor, action=action, outcome=outcome, since=since, until=until)
    begun = cursors.read(cursor)
    wanted = {"actor": actor, "action": action, "outcome": outcome}
    asked = AskEntries(
        AUDIT_LOG,
        (call.tenant,),
        after=(int(begun[0]),) if begun else (),
        limit=limit + 1,
        newest_first=True,
        equal=tuple((name, value) for name, value in wanted.items() if value is not None),
        since=None if since is None else instant_of("since", since),
        until=None if until is None else instant_of("until", until),
    )
    page = await call.services.store.look(found(AUDIT_LOG, asked), of=call.tenant)
    following = (page[limit - 1].number,) if len(page) > limit else None
    rows = [audit_entry_of(each) for each in page[:limit]]
    return answer(listed(rows, cursors.write(following)))
