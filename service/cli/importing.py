"""The command that brings the past in from a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.edge import guarded
from service.cli.exits import CommandError, Exit
from service.cli.options import Json
from service.cli.printing import print_json
from service.cli.session import settings_now, use

if TYPE_CHECKING:
    from domain.document import Problem
    from service.imports.plan import Plan
    from service.imports.running import Keeps, Progress, Task
    from service.services import Services

_REASONS_SHOWN = 10

File = Annotated[
    Path,
    typer.Argument(exists=True, dir_okay=False, help="NDJSON, CSV, TSV, Parquet or text; .gz too."),
]
MappingFile = Annotated[
    Path | None,
    typer.Option("--mapping", "-m", exists=True, dir_okay=False, help="What its columns mean."),
]
Form = Annotated[
    str | None, typer.Option("--format", help="ndjson, csv, tsv, parquet or whitespace.")
]
Source = Annotated[str | None, typer.Option(help="Event source; else the file's name.")]
Kind = Annotated[str | None, typer.Option("--type", help="Event type, or column:NAME.")]
CustomerId = Annotated[str | None, typer.Option(help="Column of the customer's id.")]
AccountId = Annotated[str | None, typer.Option(help="Column of the account's id.")]
OccurredAt = Annotated[str | None, typer.Option(help="Column of the time.")]
TimeFormat = Annotated[
    str | None, typer.Option(help="rfc3339, unix, unix_ms, unix_us, or a pattern such as %Y%m%d.")
]
Timezone = Annotated[str | None, typer.Option(help="Zone of times without an offset.")]
EventId = Annotated[
    str | None, typer.Option("--id", help="Columns that make the event's id: a,b,$line.")
]
Properties = Annotated[
    list[str] | None,
    typer.Option("--property", "-p", help="name=column or name=column:type; repeatable."),
]
RejectedFile = Annotated[
    Path | None, typer.Option("--rejected", help="Where rejected lines go; else beside the file.")
]
Restart = Annotated[bool, typer.Option("--restart", help="Begin at line 1 after a broken run.")]


@guarded(
    "stagefold import events.ndjson.gz",
    "stagefold import cdnow_master.txt.gz --mapping docs/examples/cdnow.yaml",
    "stagefold import orders.csv -m orders.yaml --timezone Asia/Tokyo --rejected bad.ndjson",
    "stagefold import orders.csv --type order_completed --customer-id buyer --occurred-at day",
)
def import_file(
    *,
    file: File,
    mapping: MappingFile = None,
    form: Form = None,
    source: Source = None,
    kind: Kind = None,
    customer_id: CustomerId = None,
    account_id: AccountId = None,
    occurred_at: OccurredAt = None,
    time_format: TimeFormat = None,
    timezone: Timezone = None,
    event_id: EventId = None,
    properties: Properties = None,
    rejected: RejectedFile = None,
    restart: Restart = False,
    as_json: Json = False,
) -> None:
    """Import a file of past events.

    They are folded like any other and announced to nobody.

    Safe to repeat: an event that is there already counts as a duplicate. Started again after it
    was stopped, it goes on where it was. Exit code 1 where a line was rejected.
    """
    moment = {"column": occurred_at, "format": time_format, "timezone": timezone}
    options = {
        "format": form,
        "source": source,
        "type": _type(kind),
        "customer_id": customer_id,
        "account_id": account_id,
        "occurred_at": {name: value for name, value in moment.items() if value is not None},
        "id": event_id.split(",") if event_id else None,
        "properties": dict(map(_property, properties or [])),
    }
    plan = _plan(file, mapping, options)
    progress = _run(file, plan, rejected, restart=restart)
    _tell(file, _rejected_path(file, rejected), progress, as_json=as_json)
    if progress.bookmark.rejected:
        raise typer.Exit(Exit.FINDINGS)


def _type(text: str | None) -> object:
    if text is not None and text.startswith("column:"):
        return {"column": text.removeprefix("column:")}
    return text


def _property(text: str) -> tuple[str, object]:
    """Return name and column of `name=column` or `name=column:type`."""
    from service.imports.plan import VALUE_TYPES

    name, mark, column = text.partition("=")
    if not (name and mark and column):
        message = f"--property: expected name=column or name=column:type, found {text}"
        raise CommandError(message, code="bad_property")
    head, mark, kind = column.rpartition(":")
    return name, {"column": head, "type": kind} if mark and kind in VALUE_TYPES else column


def _plan(file: Path, mapping: Path | None, options: dict[str, object]) -> Plan:
    """Return what the columns of *file* mean: the mapping, options having the last word."""
    from domain.document import ModelError
    from service.imports.parquet import check_readable
    from service.imports.plan import PlanError, read_plan
    from service.modelling.model_files import read_model_text

    try:
        document = read_model_text(mapping.read_bytes(), mapping.suffix) if mapping else {}
    except ModelError as error:
        raise _bad_plan(file, tuple(map(_of_mapping, error.problems))) from None
    for name, value in options.items():
        former = document.get(name)
        if isinstance(value, dict) and isinstance(former, dict):
            document[name] = {**former, **value}
        elif value:
            document[name] = value
    try:
        plan = read_plan(document, name=file.name)
        check_readable(plan)
    except PlanError as error:
        raise _bad_plan(file, error.problems) from None
    return plan


def _of_mapping(problem: Problem) -> str:
    """Return what is wrong with a mapping file; its reader speaks of models elsewhere."""
    if problem.code == "not_a_mapping":
        return "expected `customer_id: name of a column` and more at the top of the file"
    return str(problem)


def _bad_plan(file: Path, problems: tuple[str, ...]) -> CommandError:
    return CommandError(
        f"how to read {file.name} is not clear",
        code="bad_mapping",
        cure="docs/imports.md shows mappings; options of stagefold import --help do the same",
        details=problems,
    )


def _rejected_path(file: Path, chosen: Path | None) -> Path:
    from service.imports.rejected import SUFFIX

    return chosen or file.with_name(file.name + SUFFIX)


def _run(file: Path, plan: Plan, rejected: Path | None, *, restart: bool) -> Progress:
    from service.access.keys import DEFAULT_TENANT
    from service.imports.files import InFiles
    from service.imports.lines import UnreadableFile
    from service.imports.plan import PlanError
    from service.imports.running import Task
    from service.ports import StoreError

    settings = settings_now()
    task = Task(path=file, plan=plan, tenant=DEFAULT_TENANT)
    bookmarks = settings.data_dir / "imports"
    keeps = InFiles(task, _rejected_path(file, rejected), bookmarks, restart=restart)
    try:
        return use(lambda services: _take_in(services, task, keeps), settings=settings)
    except PlanError as error:
        raise _bad_plan(file, error.problems) from None
    except StoreError as error:
        raise CommandError(
            str(error),
            code=error.code,
            status=Exit.UNAVAILABLE,
            cure="give the same command again: it goes on where it stopped",
        ) from None
    except UnreadableFile as error:
        raise CommandError(
            f"{file}: {error}",
            code="unreadable_file",
            status=Exit.FINDINGS,
            cure="get a whole copy of the file; what stands before the break is imported",
        ) from None


async def _take_in(services: Services, task: Task, keeps: Keeps) -> Progress:
    """Run *task* and keep the sweepers of servers on the same database off meanwhile.

    Swept up to the present, silences would be written down that the next lines break.
    """
    from service.cli.progress import Meter
    from service.imports.running import FileImport
    from service.leases import LEASE_SECONDS

    async def hold_sweepers() -> bool:
        await services.leases.hold("sweeper")
        return False

    services.loops.start("hold-sweepers", hold_sweepers, pause_seconds=LEASE_SECONDS / 3)
    with Meter() as meter:
        run = FileImport(task, services.intake, services.store, services.clock, keeps)
        progress = await run.run(meter.show)
        await services.follower.catch_up()  # nobody else may be there to fold what it left
        return progress


def _tell(file: Path, rejected: Path, progress: Progress, *, as_json: bool) -> None:
    """Print what became of the file."""
    found = progress.bookmark
    if as_json:
        print_json(
            {
                "file": str(file),
                "lines": found.place.line,
                "accepted": found.accepted,
                "duplicate": found.duplicate,
                "rejected": found.rejected,
                "reasons": dict(found.reasons),
                "rejected_file": str(rejected) if found.rejected else None,
                "position": found.position,
                "resumed_at_line": progress.resumed_at,
                "seconds": round(progress.seconds, 3),
                "events_per_second": round(progress.events_per_second, 1),
            }
        )
        return
    typer.echo(
        f"{file.name}: {found.accepted:,} accepted, {found.duplicate:,} duplicate,"
        f" {found.rejected:,} rejected; {progress.seconds:.1f} s,"
        f" {progress.events_per_second:,.0f} events/s"
    )
    worst = sorted(found.reasons.items(), key=lambda each: -each[1])[:_REASONS_SHOWN]
    for code, number in worst:
        typer.echo(f"  {number:,} x {code}")
    if found.rejected:
        typer.echo(f"rejected lines, each with its reasons: {rejected}")
