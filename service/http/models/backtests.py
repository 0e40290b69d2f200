"""Backtests: a candidate model tried on all of history, before anybody puts it to use."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from domain.instants import SECOND
from projections.backtesting.backtest import Change, News, Place
from projections.backtesting.trials import Backtest
from service.http.answers.values import Members, answer, cause_of, instant, listed, pace_of
from service.http.models.model import DOCUMENT, Key, kind_of
from service.http.requests.bodies import read_body
from service.http.requests.calls import (
    MayChangeModels,
    MaySeeCustomers,
    MaySeeMetrics,
    only_known_parameters,
)
from service.http.requests.parameters import Cursor, InstantText, Limit, instant_of
from service.modelling.activation import expect_valid
from service.modelling.backtests import Order

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
Version = Annotated[
    int | None, Query(ge=1, le=2**31 - 1, description="Try this stored version; send no body.")
]
_PATH = "/v1/models/{key}/backtests"


@router.post(
    _PATH, status_code=202, summary="Try a document on all of history", openapi_extra=DOCUMENT
)
async def begin(
    *,
    call: MayChangeModels,
    key: Key,
    as_of: InstantText = None,
    sample: Sample = 1.0,
    version: Version = None,
) -> Response:
    """Begin to fold history by the document beside the active version; nothing is changed.

    The job outlives the process that took it: another one goes on with it.
    """
    if version is None:
        text = await read_body(call.request, call.services.settings)
        candidate = call.services.catalogue.read(text, kind_of(call.request), key=key).model
    else:
        found = await call.services.catalogue.find(call.tenant, key, version)
        expect_valid(found)
        candidate = call.services.catalogue.model_of(found)
    order = Order(call.tenant, candidate, instant_of("as_of", as_of), sample)
    job = await call.services.backtests.begin(order)
    headers = {"Location": f"/v1/models/{key}/backtests/{job.id}"}
    return answer(backtest_of(job, call.now), status=202, headers=headers)


@router.get(_PATH, summary="Backtests of a model")
async def list_backtests(*, call: MaySeeMetrics, key: Key) -> Response:
    """Return the backtests that are remembered, newest first."""
    found = await call.services.backtests.of_model(call.tenant, key)
    return answer(listed([backtest_of(each, call.now) for each in found], None))


@router.get(f"{_PATH}/{{backtest}}", summary="Progress and result of a backtest")
async def get_backtest(*, call: MaySeeMetrics, key: Key, backtest: BacktestId) -> Response:
    """Return how far it has come; at its end the matrix of old and new stages."""
    job = await call.services.backtests.find(call.tenant, key, backtest)
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
    job = await call.services.backtests.find(call.tenant, key, backtest)
    cursors = call.cursors(old=old, new=new)
    after = cursors.read(cursor)
    last = int(after[0]) if after else None
    found, following = await call.services.backtests.changes(
        job, after=last, limit=limit, old=old, new=new
    )
    name = "account_id" if job.accounts else "customer_id"
    rows = [change_of(each, name) for each in found]
    return answer(listed(rows, cursors.write(None if following is None else (following,))))


@router.delete(f"{_PATH}/{{backtest}}", summary="Cancel a backtest")
async def cancel(*, call: MayChangeModels, key: Key, backtest: BacktestId) -> Response:
    """Stop it; one that has ended stays as it is."""
    job = await call.services.backtests.find(call.tenant, key, backtest)
    ended = await call.services.backtests.cancel(job)
    return answer(backtest_of(ended, call.now))


def backtest_of(job: Backtest, now: int) -> Members:
    """Return the progress of a backtest and, once it is done, its result."""
    return {
        "id": job.id,
        "model": job.model,
        "hash": job.hash,
        "against_version": job.against_version,
        "as_of": instant(job.as_of),
        "sample": float(job.sample),
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
    found = job.result
    matrix = sorted(found.matrix.items(), key=lambda cell: (-cell[1], str(cell[0])))
    return {
        "subjects": sum(found.matrix.values()),
        "changed": found.changed,
        "changes_kept": found.kept,
        "failed": found.failed,
        "matrix": [{"from": old, "to": new, "count": count} for (old, new), count in matrix],
        "news": {
            "window_seconds": (job.as_of - job.news_since) // SECOND,
            "old": _news(found.old_news),
            "new": _news(found.new_news),
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
