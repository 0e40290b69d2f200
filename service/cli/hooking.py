"""Commands about webhooks: endpoints, what was sent to them, and sending it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.edge import guarded
from service.cli.exits import Exit
from service.cli.options import Json, Tenant
from service.cli.printing import print_json_text, print_table
from service.cli.session import require_database, settings_now, use

if TYPE_CHECKING:
    from projections.webhooks.rows import Delivery, Endpoint, Redelivery
    from service.services import Services
    from service.webhooks.news import Told
    from service.webhooks.sending import Outcome

app = typer.Typer(
    no_args_is_help=True,
    help="Webhooks: list, create, test, deliveries, retry, redeliver.",
)

EndpointId = Annotated[str, typer.Argument(help="Id of the endpoint, we_….")]


@app.command("list")
@guarded("stagefold webhooks list", "stagefold webhooks list --json")
def list_endpoints(tenant: Tenant = "default", as_json: Json = False) -> None:
    """Show the endpoints."""
    from service.http.answers.values import encoded
    from service.http.telling.webhooks import endpoint_of
    from service.webhooks.terms import terms_of

    require_database(settings_now())

    async def look(services: Services) -> list[Endpoint]:
        return await services.hooks.endpoints.all(tenant)

    found = use(look)
    if as_json:
        print_json_text(encoded({"data": [endpoint_of(one) for one in found]}))
        return
    rows = [(one.id, one.state, terms_of(one.terms).url, one.reason) for one in found]
    print_table(("id", "state", "url", "reason"), rows)


@app.command()
@guarded("stagefold webhooks create https://example.com/hooks --type 'customer.stage.*'")
def create(
    url: Annotated[str, typer.Argument(help="Where messages go.")],
    *,
    types: Annotated[
        list[str] | None, typer.Option("--type", help="A type, or a pattern; may be repeated.")
    ] = None,
    description: Annotated[str, typer.Option("--description", help="What it is for.")] = "",
    tenant: Tenant = "default",
    as_json: Json = False,
) -> None:
    """Make an endpoint and show its secret."""
    from service.http.answers.values import encoded
    from service.http.telling.webhooks import endpoint_of
    from service.webhooks.terms import Terms

    terms = Terms(url, description, tuple(types or ["*"]))

    async def make(services: Services) -> tuple[Endpoint, str]:
        return await services.hooks.endpoints.create(tenant, terms, None)

    made, secret = use(make)
    if as_json:
        print_json_text(encoded({**endpoint_of(made), "secret": secret}))
        return
    typer.echo(f"{made.id}\n{secret}")


@app.command("test")
@guarded("stagefold webhooks test we_0123456789abcdef01234567")
def try_out(
    endpoint: EndpointId,
    *,
    message_type: Annotated[str, typer.Option("--type", help="Of the sample.")] = "webhook.test",
    tenant: Tenant = "default",
) -> None:
    """Send a sample now and show how it went."""

    async def send(services: Services) -> tuple[Told, Outcome]:
        return await services.hooks.endpoints.test(tenant, endpoint, message_type)

    told, outcome = use(send)
    typer.echo(f"{told.id}: {outcome.reason} ({outcome.seconds:.3f} s)")
    if outcome.verdict != "delivered":
        raise typer.Exit(Exit.FINDINGS)


@app.command()
@guarded("stagefold webhooks deliveries", "stagefold webhooks deliveries --status exhausted")
def deliveries(
    *,
    endpoint: Annotated[str | None, typer.Option("--endpoint", help="Only to this one.")] = None,
    status: Annotated[str | None, typer.Option("--status", help="Only of this status.")] = None,
    tenant: Tenant = "default",
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="Most of them.")] = 50,
    as_json: Json = False,
) -> None:
    """Show deliveries, newest first."""
    from service.http.answers.values import encoded
    from service.http.telling.deliveries import delivery_of
    from service.webhooks.deliveries import DeliveryQuery, delivery_id, is_held

    require_database(settings_now())
    equal = (("endpoint", endpoint),) if endpoint else ()

    async def look(services: Services) -> list[tuple[Delivery, bool]]:
        query = DeliveryQuery(tenant, equal, status=status, limit=limit)
        page, enabled = await services.hooks.deliveries.page(query)
        return [(one, is_held(one, enabled)) for one in page.rows]

    found = use(look)
    if as_json:
        print_json_text(encoded({"data": [delivery_of(one, held=held) for one, held in found]}))
        return
    rows = [
        (
            delivery_id(one.number),
            "held" if held else one.status,
            str(one.attempts),
            one.type,
            one.customer,
            one.failure,
        )
        for one, held in found
    ]
    print_table(("id", "status", "attempts", "type", "customer", "failure"), rows)


@app.command()
@guarded("stagefold webhooks retry dl_17")
def retry(
    delivery: Annotated[str, typer.Argument(help="Id of the delivery, dl_….")],
    *,
    tenant: Tenant = "default",
) -> None:
    """Let a delivery be tried again by the server that runs."""

    async def put_back(services: Services) -> Delivery:
        return await services.hooks.deliveries.retry(tenant, delivery)

    typer.echo(f"{delivery}: {use(put_back).status}")


@app.command()
@guarded("stagefold webhooks redeliver we_0123456789abcdef01234567 --since 2026-03-01")
def redeliver(
    endpoint: EndpointId,
    *,
    since: Annotated[str, typer.Option("--since", help="A date, or a time with offset.")],
    until: Annotated[str | None, typer.Option("--until", help="Likewise; now without it.")] = None,
    statuses: Annotated[
        list[str] | None, typer.Option("--status", help="failed, held or missing; repeatable.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count only.")] = False,
    tenant: Tenant = "default",
) -> None:
    """Send again what an endpoint missed."""

    async def begin(services: Services) -> Redelivery:
        from service.webhooks.redeliveries import order_of

        await services.hooks.endpoints.find(tenant, endpoint)
        order = order_of(
            tenant,
            endpoint,
            since=since,
            until=until,
            statuses=statuses or ["failed"],
            now=services.clock.now(),
            is_dry=dry_run,
        )
        jobs = services.hooks.redeliveries
        job = await jobs.begin(order)
        while (await jobs.find(tenant, endpoint, job.id)).status == "running":
            await jobs.round()
        return await jobs.find(tenant, endpoint, job.id)

    job = use(begin)
    typer.echo(f"{job.id}: {job.found} {'would be sent' if dry_run else 'to be sent'} again")
