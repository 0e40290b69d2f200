"""The command that tries a model document on all of history before anybody puts it to use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.edge import guarded
from service.cli.exits import CommandError, Exit
from service.cli.options import AsOf, Json, Tenant, instant_of
from service.cli.printing import counted, print_json, print_table
from service.cli.session import require_database, settings_now, use

if TYPE_CHECKING:
    from projections.backtesting.backtest import Change, Found
    from projections.backtesting.trials import Backtest
    from service.services import Services

_NONE = "-"


@guarded(
    "stagefold model backtest shop.yaml",
    "stagefold model backtest shop.yaml --sample 0.1 --as-of 2026-01-01 --changes 20 --json",
)
def backtest(
    *,
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="Model document, YAML or JSON.")
    ],
    as_of: AsOf = None,
    sample: Annotated[
        float, typer.Option("--sample", help="Share of the customers to fold, at most 1.")
    ] = 1.0,
    changes: Annotated[
        int, typer.Option("--changes", min=0, max=100_000, help="Name so many who would change.")
    ] = 0,
    tenant: Tenant = "default",
    as_json: Json = False,
) -> None:
    """Try a model document on all of history.

    It is compared with the active version: who would stand in which stage. Nothing is stored,
    nothing is announced.
    """
    from service.http.models.backtests import backtest_of, change_of
    from service.modelling.backtests import Order

    if not 0 < sample <= 1:
        message = f"--sample: expected a share above 0 and at most 1, found {sample:g}"
        raise CommandError(message, code="bad_sample")
    instant = instant_of(as_of)
    settings = settings_now()
    require_database(settings)

    async def run(services: Services) -> tuple[Backtest, dict[str, object], list[Change]]:
        draft = services.catalogue.read(file.read_bytes(), file.suffix)
        order = Order(tenant, draft.model, instant, sample)
        job = await _watched(services, await services.backtests.begin(order))
        found, _ = await services.backtests.changes(job, limit=max(1, changes))
        return job, backtest_of(job, services.clock.now()), found[:changes]

    job, members, found = use(run, settings=settings)
    if job.status != "done":
        raise CommandError(
            f"the backtest ended early: {job.error or job.status}",
            code="backtest_failed",
            status=Exit.UNAVAILABLE,
        )
    if as_json:
        name = "account_id" if job.accounts else "customer_id"
        print_json({**members, "changes": [change_of(each, name) for each in found]})
        return
    _tell(job, found)


async def _watched(services: Services, job: Backtest) -> Backtest:
    """Return *job* at its end; until then show how far it has come."""
    import asyncio

    from domain.instants import SECOND
    from service.cli.progress import Meter, Pace
    from service.cli.rebuilding import LOOK_AGAIN_SECONDS

    ended = asyncio.ensure_future(services.backtests.settle(job))
    with Meter() as meter:
        while not ended.done():
            await asyncio.wait([ended], timeout=LOOK_AGAIN_SECONDS)
            seconds = max(0, services.clock.now() - job.started_at) / SECOND
            job = await services.backtests.find(job.tenant, job.model, job.id)
            share = job.done / job.total if job.total else 1.0
            pace = Pace(min(share, 1.0), job.done / max(seconds, 0.001), seconds)
            meter.show_job(f"backtest of {job.model}", pace)
    return ended.result()


def _tell(job: Backtest, found: list[Change]) -> None:
    result = job.result
    against = "no active version" if job.against is None else f"version {job.against_version}"
    subject = "account" if job.accounts else "customer"
    subjects = counted(sum(result.matrix.values()), subject)
    typer.echo(f"{job.model} against {against}: {subjects}, {result.changed:,} would change")
    if result.failed:
        typer.echo(f"{result.failed:,} cannot be folded")
    print_table(("OLD STAGE", "NEW STAGE", "COUNT"), _matrix(job, result))
    if found:
        print_table(
            ("ID", "OLD STAGE", "BY", "NEW STAGE", "BY"),
            [
                [
                    each.subject.text,
                    *((each.old.stage, each.old.cause.rule) if each.old else (_NONE, _NONE)),
                    *((each.new.stage, each.new.cause.rule) if each.new else (_NONE, _NONE)),
                ]
                for each in found
            ],
        )


def _matrix(job: Backtest, result: Found) -> list[list[str]]:
    """Return the lines of the matrix in the order of the candidate's stages."""
    import json

    from domain.document import parse_model

    stages = parse_model(json.loads(job.document)).stages
    order = {stage.id: place for place, stage in enumerate(stages)}
    cells = sorted(
        result.matrix.items(),
        key=lambda cell: (order.get(cell[0][0] or "", -1), order.get(cell[0][1] or "", -1)),
    )
    return [[old or _NONE, new or _NONE, f"{count:,}"] for (old, new), count in cells]
