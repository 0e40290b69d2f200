"""The command that tells who did what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.edge import guarded
from service.cli.exits import CommandError
from service.cli.options import Json
from service.cli.printing import print_json, print_table
from service.cli.session import require_database, settings_now, use

if TYPE_CHECKING:
    from projections.registers.access import AuditEntry
    from service.services import Services


@guarded("stagefold audit-log", "stagefold audit-log --actor 8RkXw2Lb --since 2026-03-01 --json")
def audit_log(
    *,
    actor: Annotated[
        str | None, typer.Option("--actor", help="Id of an API key, or cli: and a user.")
    ] = None,
    action: Annotated[
        str | None, typer.Option("--action", help="Method and path of a route, or a command.")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", help="RFC 3339 time or date.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="RFC 3339 time or date.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most.")] = 50,
    tenant: Annotated[str, typer.Option("--tenant", help="Whose calls.")] = "default",
    as_json: Json = False,
) -> None:
    """Tell every management call, the newest first."""
    from projections.registers.access import AUDIT_LOG
    from projections.registers.register import AskEntries, found
    from service.http.answers.values import audit_entry_of, instant

    wanted = {"actor": actor, "action": action}
    asked = AskEntries(
        AUDIT_LOG,
        (tenant,),
        limit=limit,
        newest_first=True,
        equal=tuple((name, value) for name, value in wanted.items() if value is not None),
        since=_instant("--since", since),
        until=_instant("--until", until),
    )

    async def ask(services: Services) -> list[AuditEntry]:
        return await services.store.look(found(AUDIT_LOG, asked), of=tenant)

    settings = settings_now()
    require_database(settings)
    rows = use(ask, settings=settings)
    if as_json:
        print_json({"data": [audit_entry_of(each) for each in rows]})
        return
    print_table(
        ("AT", "ACTOR", "ACTION", "TARGET", "OUTCOME"),
        [[instant(one.at) or "", one.actor, one.action, one.target, one.outcome] for one in rows],
    )


def _instant(option: str, text: str | None) -> int | None:
    from datetime import UTC

    from domain.instants import parse_date_or_instant

    try:
        return None if text is None else parse_date_or_instant(text, UTC)
    except ValueError as error:
        raise CommandError(f"{option}: {error}", code="bad_instant") from None
