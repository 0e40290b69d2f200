"""A file is imported into the database itself; no server is needed, one may run beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from service.cli.exits import CommandError, Exit
from service.cli.mappings import bad_plan, plan_of
from service.cli.printing import print_json, print_reasons, print_warned
from service.cli.session import settings_now, use

if TYPE_CHECKING:
    from service.imports.plan import Plan
    from service.imports.running import Keeps, Progress, Task
    from service.services import Services

_SCOPE = "events:import"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be imported.

    Attributes:
        document: What its columns mean.
        rejected: Where refused records go; None for a file beside it.
        key: Id of the API key whose rights hold; None for the operator's.
    """

    file: Path
    document: dict[str, object]
    rejected: Path | None
    key: str | None
    restart: bool


def take_in(wanted: Wanted, *, as_json: bool) -> int:
    """Import the file, tell what became of it, and return how many records were rejected."""
    plan = plan_of(wanted.file, wanted.document, is_read_here=True)
    rejected = _rejected_path(wanted.file, wanted.rejected)
    bookmarks = settings_now().data_dir / "imports"

    async def work(services: Services) -> Progress:
        from service.imports.files import InFiles

        task = await _task(services, wanted, plan)
        keeps = InFiles(task, rejected, bookmarks, restart=wanted.restart)
        return await _taken_in(services, task, keeps)

    with _told(wanted.file):
        progress = use(work)
    _tell(wanted.file, rejected, progress, as_json=as_json)
    return progress.bookmark.rejected


async def _task(services: Services, wanted: Wanted, plan: Plan) -> Task:
    """Return the import as whom it is for: the operator, or whoever speaks by a key.

    Raises:
        CommandError: There is no such key, or it may not import.
    """
    from service.access.keys import DEFAULT_TENANT
    from service.imports.running import Task

    if wanted.key is None:
        return Task(path=wanted.file, plan=plan, tenant=DEFAULT_TENANT)
    speaker = await services.keys.principal(wanted.key, address=None)
    if speaker is None:
        raise CommandError(
            f"there is no API key {wanted.key[:40]!a} that opens anything",
            code="api_key_not_found",
            status=Exit.NOT_FOUND,
            cure="stagefold keys list shows them; its id stands behind sfk_",
        )
    if not speaker.may(_SCOPE):
        raise CommandError(
            f"expected a key with the scope {_SCOPE}, found {', '.join(sorted(speaker.scopes))}",
            code="scope_missing",
            cure=f"stagefold keys create --name history --scope {_SCOPE}",
        )
    return Task(
        path=wanted.file,
        plan=replace(plan, source=speaker.source or plan.source),
        tenant=speaker.tenant,
        key_id=speaker.key_id,
        is_forced=speaker.source is not None,
        event_types=speaker.event_types,
    )


@contextmanager
def _told(file: Path) -> Iterator[None]:
    """Let what stops an import be told in the words of the command line."""
    from service.imports.lines import UnreadableFile
    from service.imports.plan import PlanError
    from service.ports import StoreError

    try:
        yield
    except PlanError as error:
        raise bad_plan(file, error.problems) from None
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


async def _taken_in(services: Services, task: Task, keeps: Keeps) -> Progress:
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
                "warned": found.warned,
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
    print_reasons(found.reasons)
    print_warned(found.warned)
    if found.rejected:
        typer.echo(f"rejected lines, each with its reasons: {rejected}")


def _rejected_path(file: Path, chosen: Path | None) -> Path:
    from service.imports.rejected import SUFFIX

    return chosen or file.with_name(file.name + SUFFIX)
