"""Commands that hand out API keys, change their secrets and take them back."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.edge import guarded
from service.cli.exits import CommandError
from service.cli.options import Json
from service.cli.printing import print_json, print_table
from service.cli.session import require_database, require_tenant, settings_now, use

if TYPE_CHECKING:
    from service.access.keys import Terms
    from service.ports import ApiKey
    from service.services import Services

app = typer.Typer(no_args_is_help=True, help="API keys: create, list, rotate, revoke.")

TenantOption = Annotated[
    str, typer.Option("--tenant", help="Whose keys; the operator's without it.")
]
KeyId = Annotated[str, typer.Argument(help="The eight characters after sfk_.")]


@app.command()
@guarded(
    "stagefold keys create --name shop --scope events:write --event-type 'order.*'",
    "stagefold keys create --name reports --scope customers:read --expires-at 2027-01-01T00:00:00Z",
)
def create(
    *,
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
    event_type: Annotated[
        list[str] | None,
        typer.Option("--event-type", help="Event types it may send, * for any text; repeatable."),
    ] = None,
    network: Annotated[
        list[str] | None,
        typer.Option("--network", help="CIDR network it may be used from; repeatable."),
    ] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option("--origin", help="Web origin whose pages may use it; repeatable."),
    ] = None,
    events_per_second: Annotated[
        int | None, typer.Option("--events-per-second", min=0, help="Its own quota; 0: any.")
    ] = None,
    requests_per_second: Annotated[
        int | None, typer.Option("--requests-per-second", min=0, help="Its own quota; 0: any.")
    ] = None,
    tenant: TenantOption = "default",
    as_json: Json = False,
) -> None:
    """Make an API key; it is shown this once."""
    from service.access.keys import Terms

    scopes = _scopes(scope or ["admin"])
    terms = Terms(
        source=source,
        expires_at=_expiry(expires_at),
        event_types=tuple(event_type or ()),
        networks=_networks(network or []),
        origins=tuple(origin or ()),
        events_per_second=events_per_second,
        requests_per_second=requests_per_second,
    )
    key, token = use(lambda services: _make(services, tenant, name, scopes, terms))
    said = f"key {key.id} ({name}): {', '.join(scopes)}; it is shown this once"
    _show_secret(key, token, said, as_json=as_json)


@app.command()
@guarded("stagefold keys adopt --name app < write-key.txt")
def adopt(
    *,
    name: Annotated[str, typer.Option("--name", help="What you will recognise it by.")],
    tenant: TenantOption = "default",
    as_json: Json = False,
) -> None:
    """Take a write key that clients have already, from standard input."""
    from service.access.keys import Terms
    from service.http.answers.values import api_key_of

    existing = sys.stdin.readline().strip()
    scopes, terms = ("events:write",), Terms()
    key, _ = use(lambda services: _make(services, tenant, name, scopes, terms, existing=existing))
    if as_json:
        print_json(api_key_of(key))
    else:
        typer.echo(f"key {key.id} ({name}): {', '.join(scopes)}")


async def _make(
    services: Services,
    tenant: str,
    name: str,
    scopes: tuple[str, ...],
    terms: Terms,
    *,
    existing: str | None = None,
) -> tuple[ApiKey, str]:
    await require_tenant(services, tenant)
    return await services.keys.create(
        tenant=tenant, name=name, scopes=scopes, terms=terms, existing=existing
    )


def _show_secret(key: ApiKey, token: str, said: str, *, as_json: bool) -> None:
    from service.http.answers.values import api_key_of

    if as_json:
        print_json({**api_key_of(key), "key": token})
        return
    typer.echo(token)
    typer.echo(said, err=True)


def _scopes(wanted: list[str]) -> tuple[str, ...]:
    from service.access.keys import SCOPES

    strangers = [scope for scope in wanted if scope not in SCOPES]
    if strangers:
        message = f"--scope: expected some of {', '.join(SCOPES)}; found {', '.join(strangers)}"
        raise CommandError(message, code="unknown_scope")
    return tuple(dict.fromkeys(wanted))


def _networks(wanted: list[str]) -> tuple[str, ...]:
    from service.access.networks import network_in

    try:
        return tuple(str(network_in(text)) for text in wanted)
    except ValueError as error:
        raise CommandError(f"--network: {error}", code="bad_network") from None


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
def list_keys(tenant: TenantOption = "default", as_json: Json = False) -> None:
    """List the API keys, revoked ones too."""
    from service.http.answers.values import api_key_of, instant

    async def ask(services: Services) -> list[ApiKey]:
        return await services.store.keys(tenant)

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
@guarded("stagefold keys rotate 8RkXw2Lb --overlap 24h")
def rotate(
    key_id: KeyId,
    overlap: Annotated[
        str, typer.Option("--overlap", help="For how long the old secret stays good; at most 30d.")
    ] = "24h",
    tenant: TenantOption = "default",
    as_json: Json = False,
) -> None:
    """Change the secret of an API key; the new one is shown this once."""
    from service.http.answers.values import instant

    length = _overlap(overlap)
    settings = settings_now()
    require_database(settings)
    key, token = use(
        lambda services: services.keys.rotate(tenant, key_id, length), settings=settings
    )
    said = f"key {key.id} ({key.name}): the old secret is good until {instant(key.former_until)}"
    _show_secret(key, token, said, as_json=as_json)


def _overlap(text: str) -> int:
    from service.access.keys import overlap_of

    try:
        return overlap_of(text)
    except ValueError as error:
        raise CommandError(f"--overlap: {error}", code="bad_duration") from None


@app.command()
@guarded("stagefold keys revoke 8RkXw2Lb")
def revoke(key_id: KeyId, tenant: TenantOption = "default", as_json: Json = False) -> None:
    """Revoke an API key.

    Running servers may take it for 30 more seconds.
    """
    from service.http.answers.values import api_key_of

    settings = settings_now()
    require_database(settings)
    revoked = use(lambda services: services.keys.revoke(tenant, key_id), settings=settings)
    if as_json:
        print_json(api_key_of(revoked))
    else:
        typer.echo(f"key {revoked.id} ({revoked.name}) is revoked")
