"""The log and the feed: every event, and every transition in the order in which it was recorded."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from service.errors import Problem
from service.http.answers.values import answer, event_of, event_type_of, feed_record_of, listed
from service.http.events.event_answers import POSITION_HEADER
from service.http.requests.calls import Call, MaySeeCustomers, only_known_parameters
from service.http.requests.parameters import (
    WAIT_SECONDS_MAX,
    Cursor,
    Limit,
    MinPosition,
    Wait,
    reach,
    reached,
)
from service.ports import FeedRecord, Page

router = APIRouter(tags=["log"], dependencies=[Depends(only_known_parameters)])

_POSITION_MAX = 2**63 - 1


@router.get("/v1/transitions", summary="The global feed")
async def feed(
    *,
    call: MaySeeCustomers,
    after: Annotated[int, Query(ge=0, le=_POSITION_MAX, description="Position last seen.")] = 0,
    limit: Limit = 100,
    wait: Annotated[int, Query(ge=0, le=WAIT_SECONDS_MAX, include_in_schema=False)] = 0,
) -> Response:
    """Return records of the feed behind `after`, in order and without a hole.

    With `wait=20`, an empty answer is held back until there is news, at most so many seconds.
    """
    page = await _news(call, after, limit, wait)
    positions = await call.services.store.positions()
    following = page.rows[-1].position if page.rows else after
    members = {
        "data": [feed_record_of(each) for each in page.rows],
        "next_after": following,
        "has_more": page.next_after is not None,
    }
    return answer(members, headers={POSITION_HEADER: str(positions.applied)})


async def _news(call: Call, after: int, limit: int, wait: int) -> Page[FeedRecord]:
    services, loop = call.services, asyncio.get_running_loop()
    deadline = loop.time() + wait
    while True:
        turn = services.live.tail.turn
        page = await services.store.feed(call.tenant, after=after, limit=limit)
        left = deadline - loop.time()
        if page.rows or left <= 0 or services.live.tail.is_leaving:
            return page
        await services.live.tail.changed(turn, timeout_seconds=left)


@router.get("/v1/events", summary="Events of the whole log")
async def list_events(
    *,
    call: MaySeeCustomers,
    type: Annotated[  # noqa: A002 -- the name of the field that it filters by
        str | None, Query(max_length=200, description="Only events of this type.")
    ] = None,
    after: Annotated[
        int | None, Query(ge=0, le=_POSITION_MAX, description="Begin behind this position.")
    ] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_position: MinPosition = None,
    wait: Wait = None,
) -> Response:
    """Return events exactly as sent, in order of position."""
    positions = await reach(call.services, min_position, wait)
    cursors = call.cursors(type=type, after=after)
    begun = cursors.read(cursor)
    page = await call.services.store.log(
        call.tenant,
        after=int(begun[0]) if begun else after or 0,
        limit=limit,
        event_type=type,
    )
    data = [event_of(each) for each in page.rows]
    headers = {POSITION_HEADER: str(positions.applied)}
    return answer(listed(data, cursors.write(page.next_after)), headers=headers)


@router.get(
    "/v1/events/{event_id:path}",
    summary="One event by its producer's id",
    dependencies=[Depends(reached)],
)
async def get_event(
    *, call: MaySeeCustomers, event_id: Annotated[str, Path(min_length=1, max_length=250)]
) -> Response:
    """Return the event; where several subjects used the id, the first that was stored."""
    found = await call.services.store.events_with_id(call.tenant, event_id)
    if not found:
        raise Problem("event_not_found", f"there is no event {event_id[:120]!a}")
    return answer(event_of(found[0]), headers={POSITION_HEADER: str(found[0].position)})


@router.get("/v1/event-types", summary="Event types seen so far", dependencies=[Depends(reached)])
async def event_types(*, call: MaySeeCustomers) -> Response:
    """Return each type with how often and when it was seen."""
    found = await call.services.store.event_types(call.tenant)
    rows = [event_type_of(each) for each in found]
    return answer(listed(rows, None))
