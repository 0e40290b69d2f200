"""The commands that make copies of everything, and restore them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.edge import guarded
from service.cli.exits import CommandError, Exit
from service.cli.options import Json
from service.cli.printing import counted, print_json
from service.cli.session import database_path, require_database, settings_now, use_store

if TYPE_CHECKING:
    from service.ports import Store
    from service.safekeeping.archive import Archive, Restored
    from service.safekeeping.verifying import LogVerdict
    from service.settings import Settings

_LOOK_AGAIN_SECONDS = 0.2

NewFile = Annotated[Path, typer.Argument(dir_okay=False, help="File to write; it must not exist.")]
CopyToRead = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, help="File that stagefold export wrote.")
]
WithoutKeys = Annotated[bool, typer.Option("--without-keys", help="Leave API keys out.")]


@guarded("stagefold backup backups/monday.db")
def backup(file: NewFile, as_json: Json = False) -> None:
    """Copy the embedded database to FILE while a server runs.

    To go back to it, stop the server and put the file in the database's place.
    """
    settings = settings_now()
    path = database_path(settings)
    if path is None:
        raise CommandError(
            "stagefold backup copies an SQLite file; this database is a server's",
            code="not_embedded",
            cure="pg_dump -Fc copies it whole; stagefold export FILE makes a portable copy",
        )
    require_database(settings)
    _expect_new(file)
    began = time.monotonic()
    _back_up(settings, path, file)
    members = {"file": str(file), "bytes": file.stat().st_size}
    if as_json:
        print_json({**members, "seconds": round(time.monotonic() - began, 3)})
    else:
        typer.echo(f"{file}: {file.stat().st_size >> 20:,} MiB")


def _back_up(settings: Settings, path: Path, file: Path) -> None:
    """Copy in a thread of its own, and show meanwhile how large the copy is."""
    from concurrent.futures import Future, ThreadPoolExecutor, wait

    from service.bootstrap import copy_database
    from service.cli.progress import Meter, Pace

    began, total = time.monotonic(), path.stat().st_size
    unfinished: Future[Path] = Future()
    with Meter() as meter, ThreadPoolExecutor(1) as pool:
        copying = pool.submit(copy_database, settings, file, unfinished.set_result)
        while not wait([copying], _LOOK_AGAIN_SECONDS).done:
            target = unfinished.result().stat() if unfinished.done() else None
            share = min(1.0, target.st_size / total) if target and total else 0.0
            meter.show_job("backup", Pace(share, 0.0, time.monotonic() - began))
        copying.result()


@guarded(
    "stagefold export everything.ndjson.gz",
    "stagefold export --without-keys for-a-test.ndjson.gz",
)
def export(file: NewFile, without_keys: WithoutKeys = False, as_json: Json = False) -> None:
    """Write everything that is kept to FILE.

    Events exactly as they are kept, with their positions; models, seals, API keys. A server may run
    meanwhile: the copy is of one moment. Keep the file as you keep the database.
    """
    from service.cli.progress import parts_shown
    from service.safekeeping.copying import write_copy

    settings = settings_now()
    require_database(settings)
    _expect_new(file)
    began = time.monotonic()
    now = time.time_ns() // 1_000
    with parts_shown() as tell:

        async def work(store: Store, archive: Archive) -> dict[str, int]:
            secrets = not without_keys
            return await write_copy(store, archive, file, now=now, secrets=secrets, tell=tell)

        rows = use_store(work, settings=settings)
    members = {"file": str(file), "bytes": file.stat().st_size, "rows": rows}
    if as_json:
        print_json({**members, "seconds": round(time.monotonic() - began, 3)})
    else:
        typer.echo(f"{file}: {counted(rows.get('events', 0), 'event')}")


@guarded("STAGEFOLD_DATABASE_URL=postgresql://… stagefold restore everything.ndjson.gz")
def restore(file: CopyToRead, as_json: Json = False) -> None:
    """Restore an export from FILE into an empty database.

    Positions, ids, seals and the feed stay as they were; stages are folded again and compared. All
    of it or nothing: a file that was cut or changed leaves nothing behind. Nobody is notified.
    """
    from service.safekeeping.archive import CopyError, NotEmpty

    began = time.monotonic()
    try:
        restored, log = _restore(file, settings_now())
    except CopyError as error:
        cure = "get a whole copy of the file; nothing was restored"
        raise CommandError(f"{file}: {error}", code="bad_copy", cure=cure) from None
    except NotEmpty as error:
        cure = "restore into a new database, before a server has run on it"
        raise CommandError(str(error), code="database_not_empty", cure=cure) from None
    events = restored.rows.get("events", 0)
    if as_json:
        print_json(
            {
                "file": str(file),
                "rows": restored.rows,
                "differences": restored.differences,
                "faults": [fault.message for fault in log.faults],
                "seconds": round(time.monotonic() - began, 3),
            }
        )
    else:
        typer.echo(f"{counted(events, 'event')} restored, up to position {log.events:,}")
        for fault in log.faults:
            typer.echo(f"[-] {fault.code}: {fault.message}")
        if restored.differences:
            typer.echo(f"[-] {counted(restored.differences, 'standing')} told anew from the log")
    if log.found or restored.differences:
        raise typer.Exit(Exit.FINDINGS)


def _restore(file: Path, settings: Settings) -> tuple[Restored, LogVerdict]:
    from service.cli.progress import parts_shown
    from service.safekeeping.copying import restore_copy
    from service.safekeeping.verifying import verify_log

    with parts_shown() as tell:

        async def work(store: Store, archive: Archive) -> tuple[Restored, LogVerdict]:
            restored = await restore_copy(archive, file, tell=tell)
            return restored, await verify_log(store, tell)

        return use_store(work, settings=settings)


def _expect_new(file: Path) -> None:
    if file.exists():
        message = f"{file}: expected no such file yet, found one"
        raise CommandError(message, code="file_exists", cure="choose another name")
