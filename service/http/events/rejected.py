"""Rejected events: seen, and sent through the door again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from projections.registers.rejected import FILTERS, RejectedEvent, RejectedQuery
from service.errors import Place, Problem
from service.http.answers.values import Members, answer, instant, listed
from service.http.requests.calls import MayAdminister, only_known_parameters
from service.http.requests.parameters import Cursor, InstantText, Limit, instant_of
from service.http.requests.strict_route import StrictRoute
from service.intake.rejections import RETRIED_MAX, Retried, id_of, number_of

router = APIRouter(
    tags=["admin"], dependencies=[Depends(only_known_parameters)], route_class=StrictRoute
)

Word = Annotated[str, Field(min_length=1, max_length=256)]
Status = Literal["open", "settled", "all"]
_SETTLED: dict[str, bool | None] = {"open": False, "settled": True, "all": None}


class RejectedFilter(BaseModel):
    """Which rejected events; a member that is left out does not narrow."""

    model_config = ConfigDict(extra="forbid", strict=True)

    code: Word | None = None
    route: Word | None = None
    api_format: Word | None = None
    source: Word | None = None
    key_id: Word | None = None
    event_id: Word | None = None
    since: Annotated[str, Field(max_length=64)] | None = None
    until: Annotated[str, Field(max_length=64)] | None = None

    def query(self, tenant: str, *, is_settled: bool | None) -> RejectedQuery:
        """Return the question to the store.

        Raises:
            Problem: `bad_parameter`.
        """
        return RejectedQuery(
            tenant,
            equal=tuple((name, one) for name in FILTERS if (one := getattr(self, name))),
            is_settled=is_settled,
            since=instant_of("since", self.since),
            until=instant_of("until", self.until),
        )


@router.get("/v1/rejected-events", summary="Events that were refused")
async def list_rejected(
    *,
    call: MayAdminister,
    code: Annotated[str | None, Query(max_length=256, description="Only refused for this.")] = None,
    route: Annotated[str | None, Query(max_length=256, description="Only come here.")] = None,
    api_format: Annotated[str | None, Query(max_length=256)] = None,
    source: Annotated[str | None, Query(max_length=256)] = None,
    key_id: Annotated[str | None, Query(max_length=256)] = None,
    event_id: Annotated[str | None, Query(max_length=256)] = None,
    since: InstantText = None,
    until: InstantText = None,
    status: Annotated[Status, Query(description="`settled`: the log has it by now.")] = "open",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Return what was refused in the last thirty days and why, newest first."""
    given = RejectedFilter(
        code=code or None,
        route=route or None,
        api_format=api_format or None,
        source=source or None,
        key_id=key_id or None,
        event_id=event_id or None,
        since=since,
        until=until,
    )
    query = given.query(call.tenant, is_settled=_SETTLED[status])
    cursors = call.cursors(**given.model_dump(exclude_none=True), status=status)
    after = cursors.read(cursor)
    page = await call.services.rejections.page(
        replace(query, limit=limit, after=None if after is None else int(after[0]))
    )
    return answer(listed([rejected_of(one) for one in page.rows], cursors.write(page.next_after)))


class Retry(BaseModel):
    """What is to be tried again: some by their ids, or what meets a filter, oldest first."""

    model_config = ConfigDict(extra="forbid", strict=True)

    ids: Annotated[list[Word], Field(min_length=1, max_length=RETRIED_MAX)] | None = None
    filter: RejectedFilter | None = None
    after: Word | None = None
    limit: Annotated[int, Field(ge=1, le=RETRIED_MAX)] = RETRIED_MAX

    @model_validator(mode="after")
    def _is_one(self) -> Retry:
        if (self.ids is None) == (self.filter is None):
            raise ValueError("expected either ids or a filter; an empty filter means all")
        return self


@router.post("/v1/rejected-events/retry", summary="Send refused events through the door again")
async def retry_rejected(*, call: MayAdminister, body: Retry) -> Response:
    """Return what became of each; what the log has already is not stored again.

    By a filter it takes the oldest first, at most `limit`; `next_after` says where to go on.
    """
    rejections = call.services.rejections
    if body.ids is not None:
        found = await rejections.numbered(call.tenant, _numbers(body.ids))
        next_after = None
    else:
        query = (body.filter or RejectedFilter()).query(call.tenant, is_settled=False)
        after = None if body.after is None else _numbers([body.after])[0]
        page = await rejections.page(
            replace(query, after=after, limit=body.limit, newest_first=False)
        )
        found = list(page.rows)
        next_after = id_of(found[-1]) if page.next_after is not None else None
    tried = await rejections.retry(found)
    call.services.metrics.count_outcomes([each.outcome for each in tried if each.outcome])
    return answer(retried_of(tried, next_after))


def retried_of(tried: Sequence[Retried], next_after: str | None) -> Members:
    """Return what became of what was tried again."""
    counts = {
        status: sum(each.status == status for each in tried)
        for status in ("accepted", "duplicate", "rejected")
    }
    return {**counts, "results": list(map(_result, tried)), "next_after": next_after}


def _numbers(ids: list[str]) -> list[int]:
    numbers = [number_of(each) for each in ids]
    strangers = [each for each, number in zip(ids, numbers, strict=True) if number is None]
    if strangers:
        message = f"expected ids such as rej_1, found {strangers[0][:40]!a}"
        raise Problem("validation_failed", message, errors=[Place("/ids", "bad_id", message)])
    return [number for number in dict.fromkeys(numbers) if number is not None]


def _result(tried: Retried) -> Members:
    one = tried.event
    members: Members = {"id": id_of(one), "status": tried.status, "event_id": one.event_id}
    if one.is_settled:
        return {**members, "position": one.position}
    return {**members, "error": _error_of(one)}


def rejected_of(one: RejectedEvent) -> Members:
    """Return a rejected event, its text as it was sent."""
    return {
        "id": id_of(one),
        "status": "settled" if one.is_settled else "open",
        "received_at": instant(one.received_at),
        "last_at": instant(one.last_at),
        "times": one.times,
        "attempts": one.attempts,
        "route": one.route,
        "api_format": one.api_format,
        "source": one.source,
        "key_id": one.key_id,
        "event_id": one.event_id,
        "error": _error_of(one),
        "errors": msgspec.Raw(one.faults.encode()),
        "text": one.text.decode("utf-8", "replace"),
        "whole": bool(one.is_whole),
        "outcome": one.outcome or None,
        "position": one.position,
        "record": None if one.record is None else msgspec.Raw(one.record.encode()),
    }


def _error_of(one: RejectedEvent) -> Members:
    return {"code": one.code, "message": one.message, "pointer": one.pointer}
