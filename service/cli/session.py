"""A command's way to the store: settings from the environment, services opened, used and closed."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from service.cli.edge import acted_for
from service.cli.exits import CommandError, Exit
from service.settings import Settings

if TYPE_CHECKING:
    from service.notes import Note
    from service.ports import Store
    from service.safekeeping.archive import Archive
    from service.services import Services

Answer = TypeVar("Answer")

_TARGET_MAX = 500
_is_word = re.compile(r"[a-z]+(-[a-z]+)*").fullmatch
_SQLITE = "sqlite:///"


def settings_now() -> Settings:
    """Return the settings of this process.

    Raises:
        SettingsError: Some variables cannot be used.
    """
    return Settings.from_environment(os.environ)


def database_path(settings: Settings) -> Path | None:
    """Return the file of an embedded database; None for any other."""
    if not settings.database.startswith(_SQLITE):
        return None
    return Path(settings.database.removeprefix(_SQLITE))


def require_database(settings: Settings) -> None:
    """Go on if there is a database; reading must not make an empty one by mistake.

    Raises:
        CommandError: There is none where the settings say.
    """
    path = database_path(settings)
    if path is None or path.exists():
        return
    raise CommandError(
        f"there is no database at {path}",
        code="no_database",
        status=Exit.UNAVAILABLE,
        cure="set STAGEFOLD_DATA_DIR or STAGEFOLD_DATABASE_URL to yours,"
        " or begin one: stagefold serve, stagefold import or stagefold migrate",
    )


async def require_tenant(services: Services, tenant: str) -> None:
    """Go on if there is that tenant; what is stored for a misspelt one nobody would find.

    Raises:
        CommandError: There is none.
    """
    if not await services.tenants.exists(tenant):
        raise CommandError(
            f"there is no tenant {tenant[:63]!a}",
            code="tenant_not_found",
            status=Exit.NOT_FOUND,
            cure="stagefold tenants list shows them",
        )


def use_store(work: Callable[[Store, Archive], Awaitable[Answer]], *, settings: Settings) -> Answer:
    """Return what *work* answers with the store and its archive; nothing else is opened or made."""
    import asyncio

    from service import logs
    from service.bootstrap import open_archive

    logs.configure(replace(settings, log_level="warning"), sys.stderr)

    async def run() -> Answer:
        store, archive = await open_archive(settings)
        try:
            return await work(store, archive)
        finally:
            await store.close()

    return asyncio.run(run())


def use(
    work: Callable[[Services], Awaitable[Answer]],
    *,
    settings: Settings | None = None,
    renews: bool = False,
) -> Answer:
    """Return what *work* answers with the services that *settings* describe; nothing is swept.

    What another engine folded is refused, or begun anew where *renews* says so.
    """
    import asyncio

    from service import logs, notes
    from service.bootstrap import build, close
    from service.loops import start_follower

    chosen = settings or settings_now()
    quiet = "warning" if chosen.log_level == "info" else chosen.log_level
    logs.configure(replace(chosen, log_level=quiet), sys.stderr)

    async def run() -> Answer:
        services = await build(chosen, renews=renews)
        # Nothing else: a sweep up to the present, in the middle of an import of the past, would
        # write down silences that the next lines break.
        start_follower(services)
        try:
            with notes.noting(_note(services)):
                return await work(services)
        finally:
            await close(services)

    return asyncio.run(run())


def _note(services: Services) -> Note:
    """Return the note of this command: what it changes is written down with it.

    It belongs to the tenant that was acted for: there whoever answers for the tenant finds it, and
    there a name in it is forgotten with the person.
    """
    import getpass

    from projections.registers.access import AuditEntry
    from service.access.keys import DEFAULT_TENANT
    from service.notes import Note

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        user = "unknown"
    return Note(
        AuditEntry(
            tenant=acted_for.get() or DEFAULT_TENANT,
            number=0,
            at=services.clock.now(),
            actor=f"cli:{user}",
            action=" ".join(("stagefold", *takewhile(_is_word, sys.argv[1:3]))),
            target=" ".join(map(str, sys.argv[1:]))[:_TARGET_MAX],
            outcome="",
        )
    )
