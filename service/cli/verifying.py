"""The commands that seal the log and find out whether anybody has changed it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.edge import guarded
from service.cli.exits import CommandError, Exit
from service.cli.options import Json
from service.cli.printing import counted, print_json
from service.cli.session import require_database, settings_now, use, use_store

if TYPE_CHECKING:
    from projections.reading.health import Finding
    from service.ports import Store
    from service.safekeeping.archive import Archive
    from service.safekeeping.verifying import LogVerdict, ProjectionsVerdict
    from service.services import Services

_SHOWN_MAX = 20

Anchor = Annotated[
    str | None,
    typer.Option("--anchor", help="POSITION:ROOT, as stagefold seal told it: this must be so."),
]
Thorough = Annotated[
    bool, typer.Option("--thorough", help="Fold everybody again as well, and compare.")
]
Report = tuple["list[Finding]", "LogVerdict", "ProjectionsVerdict | None"]


@guarded(
    "stagefold verify",
    "stagefold verify --thorough --json",
    "stagefold verify --anchor 120000:9f86d081884c7d659a2f…",
)
def verify(anchor: Anchor = None, thorough: Thorough = False, as_json: Json = False) -> None:
    """Find what in the log was tampered with.

    Reads the whole log and compares it with its seals; also every id, position and index. Changes
    nothing; a server may run meanwhile. Exit code 1 where something was found.
    """
    from service.cli.progress import parts_shown

    settings = settings_now()
    require_database(settings)
    expected = None if anchor is None else _anchor(anchor)
    began = time.monotonic()
    with parts_shown() as tell:

        async def look(store: Store, _: Archive) -> Report:
            return await _look(store, tell, expected, thorough=thorough)

        report = use_store(look, settings=settings)
    found = _found(report)
    if as_json:
        print_json(_members(report, time.monotonic() - began))
    else:
        _tell(report)
    if found:
        raise typer.Exit(Exit.FINDINGS)


@guarded("stagefold seal", "stagefold seal --json")
def seal(as_json: Json = False) -> None:
    """Seal the log up to its end and tell the anchor.

    A server seals by itself; this is for an anchor of now. Keep it where whoever could change the
    database cannot reach it.
    """
    from service.http.management.seals import seal_of
    from service.loops import sealer_of
    from service.safekeeping.seals import anchor_of

    settings = settings_now()
    require_database(settings)

    async def work(services: Services) -> tuple[str, dict[str, object]] | None:
        newest = await sealer_of(services).seal_everything()
        return None if newest is None else (anchor_of(newest), seal_of(newest))

    sealed = use(work, settings=settings)
    if sealed is None:
        message = "the log is empty: there is nothing to seal"
        raise CommandError(message, code="log_empty", status=Exit.NOT_FOUND)
    if as_json:
        print_json({"anchor": sealed[0], **sealed[1]})
    else:
        typer.echo(sealed[0])


def _anchor(text: str) -> tuple[int, bytes]:
    from service.safekeeping.seals import parse_anchor

    try:
        return parse_anchor(text)
    except ValueError as error:
        raise CommandError(f"--anchor: {error}", code="bad_anchor") from None


async def _look(
    store: Store,
    tell: Callable[[str, float, int], None],
    anchor: tuple[int, bytes] | None,
    *,
    thorough: bool,
) -> Report:
    from projections.reading.health import Finding
    from service.ports import StoreDamaged
    from service.safekeeping.verifying import verify_log, verify_projections

    log = await verify_log(store, tell, anchor=anchor)
    try:
        findings = await store.inspect(thorough=True)
        folded = await verify_projections(store, tell) if thorough else None
    except StoreDamaged as damage:
        return [Finding("page_broken", str(damage))], log, None
    return findings, log, folded


def _found(report: Report) -> int:
    findings, log, folded = report
    return len(findings) + log.found + (folded.found if folded else 0)


def _members(report: Report, seconds: float) -> dict[str, object]:
    findings, log, folded = report
    faults = [
        {
            "code": fault.code,
            "message": fault.message,
            "position": fault.position,
            "from": fault.seal[0] if fault.seal else None,
            "to": fault.seal[1] if fault.seal else None,
        }
        for fault in log.faults
    ]
    return {
        "ok": not _found(report),
        "events": log.events,
        "sealed_to": log.sealed,
        "anchor": f"{log.sealed}:{log.root.hex()}" if log.sealed else None,
        "faults": faults,
        "faults_found": log.found,
        "findings": [{"code": each.code, "message": each.message} for each in findings],
        "projections": None if folded is None else _folded(folded),
        "seconds": round(seconds, 3),
    }


def _folded(folded: ProjectionsVerdict) -> dict[str, object]:
    return {
        "subjects": folded.subjects,
        "records": folded.records,
        "digest": f"{folded.digest:064x}",
        "differences": [each.message for each in folded.findings],
        "differences_found": folded.found,
    }


def _tell(report: Report) -> None:
    findings, log, folded = report
    lines = [
        *(f"{fault.code}: {fault.message}" for fault in log.faults),
        *(f"{each.code}: {each.message}" for each in findings),
        *(f"{each.code}: {each.message}" for each in (folded.findings if folded else ())),
    ]
    for line in lines[:_SHOWN_MAX]:
        typer.echo(f"[-] {line}")
    if len(lines) > _SHOWN_MAX:
        typer.echo(f"[-] and {len(lines) - _SHOWN_MAX} more; --json lists them")
    sealed = f"sealed up to position {log.sealed:,}" if log.sealed else "nothing is sealed yet"
    typer.echo(f"{counted(log.events, 'event')} read, {sealed}")
    if log.sealed:
        typer.echo(f"anchor {log.sealed}:{log.root.hex()}")
    if folded:
        subjects, records = counted(folded.subjects, "subject"), counted(folded.records, "record")
        typer.echo(f"{subjects} folded again, {records}, digest {folded.digest:064x}")
    typer.echo(counted(_found(report), "fault") if _found(report) else "all is as it was written")
