"""Seals of the log, for whoever keeps an anchor outside."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from projections.safekeeping.seals import ALWAYS, Seal
from service.http.answers.values import Members, answer, instant, listed
from service.http.requests.calls import MaySeeMetrics, only_known_parameters
from service.http.requests.parameters import Cursor

router = APIRouter(tags=["ops"], dependencies=[Depends(only_known_parameters)])

SEALS_MAX = 100


@router.get("/v1/seals", summary="Seals of the log")
async def list_seals(
    *,
    call: MaySeeMetrics,
    limit: Annotated[int, Query(ge=1, le=SEALS_MAX, description="Most rows to answer.")] = 20,
    cursor: Cursor = None,
) -> Response:
    """Return the seals of the whole log, newest first.

    Who keeps the newest root elsewhere has an anchor for all of it: `stagefold verify --anchor`.
    """
    cursors = call.cursors()
    begun = cursors.read(cursor)
    before = ALWAYS if begun is None else int(begun[0])
    found = await call.services.store.newest_seals(before=before, limit=limit + 1)
    shown = found[:limit]
    after = (shown[-1].to_position,) if len(found) > limit else None
    return answer(listed([seal_of(seal) for seal in shown], cursors.write(after)))


def seal_of(seal: Seal) -> Members:
    """Return a seal as JSON members."""
    return {
        "from_position": seal.from_position,
        "to_position": seal.to_position,
        "root": seal.root.hex(),
        "previous": seal.previous.hex(),
        "sealed_at": instant(seal.sealed_at),
    }
