"""Rebuilds: begun, watched, looked at before anybody sees them, put to use or given up."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from projections.rebuilding.diffs import Diff, Restaged, Stay
from service.errors import Problem
from service.http.answers.values import Members, answer, instant, listed, rebuild_of
from service.http.requests.calls import (
    MayRebuild,
    MaySeeCustomers,
    MaySeeMetrics,
    only_known_parameters,
)
from service.http.requests.parameters import Cursor, Limit
from service.http.requests.strict_route import StrictRoute

router = APIRouter(
    tags=["rebuilds"], dependencies=[Depends(only_known_parameters)], route_class=StrictRoute
)

RebuildId = Annotated[str, Path(max_length=15)]


class RebuildOrder(BaseModel):
    """Which model to fold anew."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: str
    version: int | None = None
    activate: Annotated[
        bool, Field(description="false: it waits when it is ready, until somebody activates it.")
    ] = True


@router.post("/v1/rebuilds", status_code=202, summary="Fold a model anew")
async def begin_rebuild(*, call: MayRebuild, body: RebuildOrder) -> Response:
    """Begin to fold all history by the model's active version, or by the one named."""
    begun = await call.services.catalogue.rebuild(
        call.tenant, body.model, body.version, activates=body.activate
    )
    headers = {"Location": f"/v1/rebuilds/{begun.generation}"}
    return answer(rebuild_of(begun, call.now), status=202, headers=headers)


@router.get("/v1/rebuilds", summary="Rebuilds")
async def list_rebuilds(*, call: MaySeeMetrics) -> Response:
    """Return the newest rebuilds first, at most 100."""
    found = await call.services.store.generations(call.tenant, limit=100)
    return answer(listed([rebuild_of(each, call.now) for each in found], None))


@router.get("/v1/rebuilds/{rebuild}", summary="Progress of a rebuild")
async def get_rebuild(*, call: MaySeeMetrics, rebuild: RebuildId) -> Response:
    """Return how far it has come and how long it will take."""
    found = await call.services.rebuilds.find(call.tenant, _number_of(rebuild))
    return answer(rebuild_of(found, call.now))


@router.get("/v1/rebuilds/{rebuild}/diff", summary="What a rebuild changes")
async def get_diff(
    *, call: MaySeeCustomers, rebuild: RebuildId, cursor: Cursor = None, limit: Limit = 50
) -> Response:
    """Return how many stand in which stage before and after, and who stands elsewhere.

    Before the rebuild is active the matrix is drawn now; later it is that of the activation.
    """
    cursors = call.cursors()
    number, after = _number_of(rebuild), cursors.read(cursor)
    found = await call.services.rebuilds.diff(call.tenant, number, after=after, limit=limit)
    changes = found.changes
    following = None if changes is None else cursors.write(changes.next_after)
    return answer(diff_of(found, following))


@router.post("/v1/rebuilds/{rebuild}/activate", summary="Let readers see a rebuild")
async def activate_rebuild(*, call: MayRebuild, rebuild: RebuildId) -> Response:
    """Let a rebuild that is ready take the place of what readers see; nothing is announced."""
    found = await call.services.rebuilds.activate(call.tenant, _number_of(rebuild))
    return answer(rebuild_of(found, call.now))


@router.delete("/v1/rebuilds/{rebuild}", summary="Cancel a rebuild")
async def cancel_rebuild(*, call: MayRebuild, rebuild: RebuildId) -> Response:
    """Give it up; readers go on with what they see. One that has failed stays as it is."""
    found = await call.services.rebuilds.cancel(call.tenant, _number_of(rebuild))
    return answer(rebuild_of(found, call.now))


def diff_of(diff: Diff, following: str | None) -> Members:
    """Return what a rebuild changes; *following* is the cursor of the changes behind these."""
    rows = None if diff.changes is None else [restaged_of(each) for each in diff.changes.rows]
    cells = diff.matrix
    return {
        "rebuild": str(diff.generation),
        "replaces": None if diff.old is None else str(diff.old),
        "as_of": instant(diff.as_of),
        "subjects": None if cells is None else sum(count for _, _, count in cells),
        "changed": None if cells is None else sum(n for old, new, n in cells if old != new),
        "matrix_available": cells is not None,
        "matrix": [{"from": old, "to": new, "count": count} for old, new, count in cells or ()],
        "changes_available": rows is not None,
        **listed(rows or [], following),
    }


def restaged_of(one: Restaged) -> Members:
    """Return a subject that stands elsewhere."""
    name = "account_id" if one.subject.kind == "account" else "customer_id"
    return {name: one.subject.text, "old": _place(one.old), "new": _place(one.new)}


def _place(stay: Stay | None) -> Members | None:
    return None if stay is None else {"stage": stay[0], "entered_at": instant(stay[1])}


def _number_of(rebuild: str) -> int:
    number = int(rebuild) if rebuild.isascii() and rebuild.isdigit() else 0
    if not number:
        raise Problem("rebuild_not_found", f"there is no rebuild {rebuild[:40]!a}")
    return number
