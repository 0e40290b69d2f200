"""Backtests: a candidate model tried on all of history, before anybody puts it to use."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from domain.instants import SECOND
from projections.backtest import Change, News, Place
from service.backtests import NOTIFY_MAX_AGE, Backtest, Order
from service.http.answers import Members, answer, cause_of, instant, listed, pace_of
from service.http.bodies import read_body
from service.http.models import DOCUMENT, Key, kind_of
from service.http.parameters import Cursor, InstantText, Limit, instant_of
from service.http.requests import (
    MayChangeModels,
    MaySeeCustomers,
    MaySeeMetrics,
    only_known_parameters,
)

router = APIRouter(tags=["models"], dependencies=[Depends(only_known_parameters)])

BacktestId = Annotated[str, Path(max_length=40, description="Id of the backtest.")]
Sample = Annotated[
    float, Query(gt=0, le=1, description="Share of the subjects to fold; 1 for everybody.")
]
OldStage = Annotated[
    str | None, Query(alias="from", max_length=64, description="Only those who leave this stage.")
]
NewStage = Annotated[
    str | None, Query(alias="to", max_length=64, description="Only those who reach this stage.")
]
_PATH = "/v1/models/{key}/backtests"


@router.post(
    _PATH, status_code=202, summary="Try a document on all of history", openapi_extra=DOCUMENT
)
async def begin(
    *, call: MayChangeModels, key: Key, as_of: InstantText = None, sample: Sample = 1.0
) -> Response:
    """Begin to fold history by the document beside the active version; nothing is changed.

    The job and its result live in the process that took it, and end with it.
    """
    text = await read_body(call.request, call.services.settings)
    draft = call.services.catalogue.read(text, kind_of(call.request), key=key)
    order = Order(call.tenant, draft.model, instant_of("as_of", as_of), sample)
    job = await call.services.backtests.begin(order)
    headers = {"Location": f"/v1/models/{key}/backtests/{job.id}"}
    return answer(backtest_of(job, call.now), status=202, headers=headers)


@router.get(_PATH, summary="Backtests of a model")
async def list_backtests(*, call: MaySeeMetrics, key: Key) -> Response:
    """Return the backtests that this process remembers, newest first."""
    found = call.services.backtests.of_model(call.tenant, key)
    return answer(listed([backtest_of(each, call.now) for each in found], None))


@router.get(f"{_PATH}/{{backtest}}", summary="Progress and result of a backtest")
async def get_backtest(*, call: MaySeeMetrics, key: Key, backtest: BacktestId) -> Response:
    """Return how far it has come; at its end the matrix of old and new stages."""
    job = call.services.backtests.find(call.tenant, key, backtest)
    return answer(backtest_of(job, call.now))


@router.get(f"{_PATH}/{{backtest}}/changes", summary="Who would stand elsewhere, and why")
async def list_changes(
    *,
    call: MaySeeCustomers,
    key: Key,
    backtest: BacktestId,
    cursor: Cursor = None,
    limit: Limit = 50,
    old: OldStage = None,
    new: NewStage = None,
) -> Response:
    """Return those whom the document puts into another stage, with both stages and both causes."""
    job = call.services.backtests.find(call.tenant, key, backtest)
    cursors = call.cursors(old=old, new=new)
    after = cursors.read(cursor)
    first = int(after[0]) if after else 0
    found, following = job.tally.changes(first=first, limit=limit, old=old, new=new)
    is_account = job.candidate.subject == "account"
    name = "account_id" if is_account else "customer_id"
    rows = [change_of(each, name) for each in found]
    return answer(listed(rows, cursors.write(None if following is None else (following,))))


@router.delete(f"{_PATH}/{{backtest}}", summary="Cancel a backtest")
async def cancel(*, call: MayChangeModels, key: Key, backtest: BacktestId) -> Response:
    """Stop it; one that has ended stays as it is."""
    job = call.services.backtests.find(call.tenant, key, backtest)
    await call.services.backtests.cancel(job)
    return answer(backtest_of(job, call.now))


def backtest_of(job: Backtest, now: int) -> Members:
    """Return the progress of a backtest and, once it is done, its result."""
    return {
        "id": job.id,
        "model": job.candidate.key,
        "hash": job.candidate.hash,
        "against_version": None if job.against is None else job.against.version,
        "as_of": instant(job.tally.trial.as_of),
        "sample": job.sample,
        "log_position": job.known_at,
        "status": job.status,
        "done": job.done,
        "total": job.total,
        **pace_of(job.done, job.total, job.started_at, job.finished_at, now),
        "started_at": instant(job.started_at),
        "finished_at": instant(job.finished_at),
        "error": job.error,
        "result": _result(job) if job.status == "done" else None,
    }


def _result(job: Backtest) -> Members:
    tally = job.tally
    matrix = sorted(tally.matrix.items(), key=lambda cell: (-cell[1], str(cell[0])))
    return {
        "subjects": sum(tally.matrix.values()),
        "changed": tally.changed,
        "changes_kept": tally.kept,
        "failed": tally.failed,
        "matrix": [{"from": old, "to": new, "count": count} for (old, new), count in matrix],
        "news": {
            "window_seconds": NOTIFY_MAX_AGE // SECOND,
            "old": _news(tally.old_news),
            "new": _news(tally.new_news),
        },
    }


def _news(news: News) -> Members:
    return {"transitions": news["transition"], "alerts": news["alert"]}


def change_of(change: Change, name: str) -> Members:
    """Return a subject that the candidate puts elsewhere; *name* is what its id is called."""
    return {
        name: change.subject.text,
        "old": _place(change.old),
        "new": _place(change.new),
    }


def _place(place: Place | None) -> Members | None:
    if place is None:
        return None
    return {
        "stage": place.stage,
        "entered_at": instant(place.entered_at),
        "cause": cause_of(place.cause),
    }
