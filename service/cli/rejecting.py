"""Commands that show events which were refused, and send them through the door again."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.edge import guarded
from service.cli.exits import CommandError, Exit
from service.cli.options import Json
from service.cli.printing import print_json_text, print_table
from service.cli.session import require_database, settings_now, use

if TYPE_CHECKING:
    from projections.registers.rejected import RejectedEvent, RejectedQuery
    from service.intake.rejections import Retried
    from service.services import Services

app = typer.Typer(no_args_is_help=True, help="Rejected events: list, retry.")

_TEXT_SHOWN = 60
Code = Annotated[str | None, typer.Option("--code", help="Only those refused for this.")]
Source = Annotated[str | None, typer.Option("--source", help="Only those of this source.")]
Tenant = Annotated[str, typer.Option("--tenant", help="Whose; the operator's without it.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=500, help="Most of them.")]


def _query(tenant: str, code: str | None, source: str | None, limit: int) -> RejectedQuery:
    from projections.registers.rejected import RejectedQuery

    equal = tuple((name, one) for name, one in (("code", code), ("source", source)) if one)
    return RejectedQuery(tenant, equal=equal, limit=limit)


@app.command("list")
@guarded("stagefold rejected list", "stagefold rejected list --code bad_instant --json")
def list_rejected(
    code: Code = None,
    source: Source = None,
    tenant: Tenant = "default",
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show events that were refused, newest first."""
    from service.http.answers.values import encoded
    from service.http.events.rejected import rejected_of

    require_database(settings_now())
    query = _query(tenant, code, source, limit)

    async def look(services: Services) -> tuple[RejectedEvent, ...]:
        return (await services.rejections.page(query)).rows

    found = use(look)
    if as_json:
        print_json_text(encoded({"data": [rejected_of(one) for one in found]}))
        return
    print_table(("id", "last", "times", "route", "code", "text"), [_line(one) for one in found])


def _line(one: RejectedEvent) -> tuple[str, ...]:
    from service.http.answers.values import instant
    from service.intake.rejections import id_of

    text = one.text[:_TEXT_SHOWN].decode("utf-8", "replace")
    shown = "".join(sign if sign.isprintable() else "\ufffd" for sign in text)
    return (id_of(one), str(instant(one.last_at)), str(one.times), one.route, one.code, shown)


@app.command()
@guarded("stagefold rejected retry rej_1767225600000000", "stagefold rejected retry --code bad_id")
def retry(
    ids: Annotated[list[str] | None, typer.Argument(help="Which; without it, by options.")] = None,
    *,
    code: Code = None,
    source: Source = None,
    tenant: Tenant = "default",
    limit: Limit = 500,
    as_json: Json = False,
) -> None:
    """Send refused events through the door again, oldest first."""
    from service.http.answers.values import encoded
    from service.http.events.rejected import retried_of

    require_database(settings_now())
    numbers, query = _numbers(ids or []), _query(tenant, code, source, limit)

    async def try_again(services: Services) -> list[Retried]:
        rejections = services.rejections
        if numbers:
            found = await rejections.numbered(tenant, numbers)
        else:
            found = list((await rejections.page(replace(query, newest_first=False))).rows)
        return await rejections.retry(found)

    tried = use(try_again)
    counts = Counter(each.status for each in tried)
    if as_json:
        print_json_text(encoded(retried_of(tried, None)))
    else:
        names = ("accepted", "duplicate", "rejected")
        typer.echo(", ".join(f"{counts[name]} {name}" for name in names))
    if counts["rejected"]:
        raise typer.Exit(Exit.FINDINGS)


def _numbers(ids: list[str]) -> list[int]:
    from service.intake.rejections import number_of

    numbers = [number for each in ids if (number := number_of(each)) is not None]
    if len(numbers) < len(ids):
        message = f"expected ids such as rej_1767225600000000, found {', '.join(ids)[:60]}"
        raise CommandError(message, code="bad_id", cure="stagefold rejected list shows them")
    return numbers
