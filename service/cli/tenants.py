"""Commands that make and list tenants."""

from __future__ import annotations

from typing import Annotated

import typer

from service.cli.edge import guarded
from service.cli.options import Json
from service.cli.printing import print_json, print_table
from service.cli.session import require_database, settings_now, use

app = typer.Typer(no_args_is_help=True, help="Tenants: create, list.")


@app.command()
@guarded("stagefold tenants create acme --name 'Acme Inc.'")
def create(
    tenant_id: Annotated[str, typer.Argument(help="a-z, 0-9, - and _, at most 63 of them.")],
    name: Annotated[str | None, typer.Option("--name", help="What people call it.")] = None,
    as_json: Json = False,
) -> None:
    """Make a tenant; its first admin key is shown this once."""
    from service.http.answers.values import api_key_of, tenant_of

    tenant, key, token = use(lambda services: services.tenants.create(tenant_id, name or tenant_id))
    if as_json:
        print_json({**tenant_of(tenant), "admin_key": {**api_key_of(key), "key": token}})
        return
    typer.echo(token)
    typer.echo(f"tenant {tenant.id}: its first admin key; it is shown this once", err=True)


@app.command("list")
@guarded("stagefold tenants list")
def list_tenants(as_json: Json = False) -> None:
    """List the tenants, the operator's own first."""
    from service.http.answers.values import instant, tenant_of

    settings = settings_now()
    require_database(settings)
    found = use(lambda services: services.tenants.all(), settings=settings)
    if as_json:
        print_json({"data": [tenant_of(each) for each in found]})
        return
    print_table(
        ("ID", "NAME", "CREATED"),
        [[each.id, each.name, instant(each.created_at or None) or ""] for each in found],
    )
