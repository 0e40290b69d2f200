"""Usage: what each API key was used for, by day."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from domain.instants import DAY
from projections.registers.access import USAGE
from projections.registers.register import AskEntries, found
from service.http.answers.values import answer, listed, usage_of
from service.http.requests.calls import MayAdminister, only_known_parameters
from service.http.requests.parameters import Cursor, InstantText, Limit, instant_of
from service.http.requests.strict_route import StrictRoute

router = APIRouter(
    tags=["admin"], dependencies=[Depends(only_known_parameters)], route_class=StrictRoute
)

KeyId = Annotated[str | None, Query(max_length=64, description="Id of one API key.")]


@router.get("/v1/usage", summary="What each API key was used for, by UTC day, the newest first")
async def usage(
    *,
    call: MayAdminister,
    key: KeyId = None,
    since: InstantText = None,
    until: InstantText = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Return requests and events by day and key, as far as processes have written them down."""
    cursors = call.cursors(key=key, since=since, until=until)
    begun = cursors.read(cursor)
    first, end = instant_of("since", since), instant_of("until", until)
    asked = AskEntries(
        USAGE,
        (call.tenant,),
        after=(int(begun[0]), str(begun[1])) if begun else (),
        limit=limit + 1,
        newest_first=True,
        equal=() if key is None else (("key_id", key),),
        since=None if first is None else first // DAY,
        until=None if end is None else -(-end // DAY),
    )
    page = await call.services.store.look(found(USAGE, asked), of=call.tenant)
    last = page[limit - 1] if len(page) > limit else None
    following = None if last is None else (last.day, last.key_id)
    return answer(listed([usage_of(each) for each in page[:limit]], cursors.write(following)))
