"""Commands that hand out API keys and take them back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.edge import guarded
from service.cli.exits import CommandError, Exit
from service.cli.options import Json
from service.cli.printing import print_json, print_table
from service.cli.session import require_database, settings_now, use

if TYPE_CHECKING:
    from service.ports import ApiKey
    from service.services import Services

app = typer.Typer(no_args_is_help=True, help="API keys: create, list, revoke.")


@app.command()
@guarded(
    "stagefold keys create --name shop --scope events:write",
    "stagefold keys create --name reports --scope customers:read --expires-at 2027-01-01T00:00:00Z",
)
def create(
    name: Annotated[str, typer.Option("--name", help="What you will recognise it by.")],
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", help="What it may do; give it again for more. Default: admin."),
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", help="The only event source it speaks for.")
    ] = None,
    expires_at: Annotated[
        str | None, typer.Option("--expires-at", help="RFC 3339 time; never without it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make an API key; it is shown this once."""
    from service.http.answers import api_key_of
    from service.keys import DEFAULT_TENANT

    scopes, expiry = _scopes(scope or ["admin"]), _expiry(expires_at)

    async def make(services: Services) -> tuple[ApiKey, str]:
        return await services.keys.create(
            tenant=DEFAULT_TENANT, name=name, scopes=scopes, source=source, expires_at=expiry
        )

    key, token = use(make)
    if as_json:
        print_json({**api_key_of(key), "key": token})
        return
    typer.echo(token)
    typer.echo(f"key {key.id} ({name}): {', '.join(scopes)}; it is shown this once", err=True)


def _scopes(wanted: list[str]) -> tuple[str, ...]:
    from service.keys import SCOPES

    strangers = [scope for scope in wanted if scope not in SCOPES]
    if strangers:
        message = f"--scope: expected some of {', '.join(SCOPES)}; found {', '.join(strangers)}"
        raise CommandError(message, code="unknown_scope")
    return tuple(dict.fromkeys(wanted))


def _expiry(text: str | None) -> int | None:
    from domain.instants import parse_instant

    try:
        return None if text is None else parse_instant(text)
    except ValueError as error:
        raise CommandError(f"--expires-at: {error}", code="bad_instant") from None


@app.command("list")
@guarded(
    "stagefold keys list",
    "stagefold keys list --json",
)
def list_keys(as_json: Json = False) -> None:
    """List the API keys, revoked ones too."""
    from service.http.answers import api_key_of, instant
    from service.keys import DEFAULT_TENANT

    async def ask(services: Services) -> list[ApiKey]:
        return await services.store.keys(DEFAULT_TENANT)

    settings = settings_now()
    require_database(settings)
    found = use(ask, settings=settings)
    if as_json:
        print_json({"data": [api_key_of(each) for each in found]})
        return
    print_table(
        ("ID", "NAME", "SCOPES", "CREATED", "LAST USED", "STATE"),
        [
            [
                each.id,
                each.name,
                " ".join(each.scopes),
                instant(each.created_at) or "",
                instant(each.last_used_at) or "never",
                f"revoked {instant(each.revoked_at)}" if each.revoked_at else "valid",
            ]
            for each in found
        ],
    )


@app.command()
@guarded("stagefold keys revoke 8RkXw2Lb")
def revoke(
    key_id: Annotated[str, typer.Argument(help="The eight characters after sfk_.")],
    as_json: Json = False,
) -> None:
    """Revoke an API key.

    Running servers may take it for 30 more seconds.
    """
    from service.http.answers import api_key_of
    from service.keys import DEFAULT_TENANT

    async def take_back(services: Services) -> ApiKey | None:
        now = services.clock.now()
        return await services.store.revoke_key(DEFAULT_TENANT, key_id, now)

    settings = settings_now()
    require_database(settings)
    revoked = use(take_back, settings=settings)
    if revoked is None:
        raise CommandError(
            f"there is no API key {key_id[:40]!a}",
            code="api_key_not_found",
            status=Exit.NOT_FOUND,
            cure="stagefold keys list shows the ids",
        )
    if as_json:
        print_json(api_key_of(revoked))
    else:
        typer.echo(f"key {revoked.id} ({revoked.name}) is revoked")
