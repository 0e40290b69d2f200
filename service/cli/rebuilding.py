"""Commands that fold history anew: a version made active or rolled back, rebuilds watched."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.edge import guarded
from service.cli.exits import CommandError, Exit
from service.cli.options import Json, Tenant
from service.cli.printing import counted, print_json, print_table
from service.cli.session import require_database, settings_now, use

if TYPE_CHECKING:
    from projections.rebuilding.diffs import Diff, Stay
    from service.ports import Generation
    from service.services import Services

app = typer.Typer(no_args_is_help=True, help="Rebuilds: histories folded anew, beside the old.")

Key = Annotated[str, typer.Argument(metavar="KEY", help="Key of the model.")]
RebuildId = Annotated[int, typer.Argument(metavar="ID", min=1, help="Number of the rebuild.")]

LOOK_AGAIN_SECONDS = 0.1
SHOWN = 20
"""How many of those who stand elsewhere are told."""


@guarded(
    "stagefold model activate shop 2",
    "stagefold model activate shop 3 --from-now --map loyal=vip --json",
)
def activate(
    *,
    key: Key,
    version: Annotated[int, typer.Argument(metavar="VERSION", min=1, help="Its number.")],
    from_now: Annotated[
        bool, typer.Option("--from-now", help="Leave the past as it is; everybody stays.")
    ] = False,
    stage_map: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="OLD=NEW", help="Where those of a stage go that is no more."),
    ] = None,
    tenant: Tenant = "default",
    as_json: Json = False,
) -> None:
    """Make a stored version active.

    All of history is folded by it; readers see the present version until that is done, and nothing
    is announced. From now on, everybody stays in the stage that the present version has them in.
    """
    from service.modelling.activation import Plan

    pairs = dict(map(_pair, stage_map or ()))
    plan = Plan("from_now" if from_now else "rebuild", pairs)
    _fold(lambda ours: ours.catalogue.activate(tenant, key, version, plan), as_json=as_json)


def _pair(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise typer.BadParameter(f"expected OLD=NEW, found {text!r}", param_hint="--map")
    return old, new


@guarded("stagefold model rollback shop")
def rollback(*, key: Key, tenant: Tenant = "default", as_json: Json = False) -> None:
    """Go back to the version before.

    The version that was active before the present one is made active again: at once where it
    stands by, else after a rebuild. Nothing is announced.
    """
    _fold(lambda ours: ours.catalogue.rollback(tenant, key), as_json=as_json)


@app.command()
@guarded("stagefold rebuild start shop", "stagefold rebuild start shop --version 2 --json")
def start(
    *,
    key: Key,
    version: Annotated[
        int | None, typer.Option("--version", min=1, help="This version; otherwise the active.")
    ] = None,
    activates: Annotated[
        bool, typer.Option("--activate/--no-activate", help="Put it to use when it is ready.")
    ] = True,
    tenant: Tenant = "default",
    as_json: Json = False,
) -> None:
    """Fold all of history anew, and wait for it.

    Readers see the old projection until the new one is whole. Ctrl-C stops it here; a server, or
    the next command, goes on with it. With --no-activate it waits to be looked at.
    """

    async def begin(services: Services) -> Generation:
        return await services.catalogue.rebuild(tenant, key, version, activates=activates)

    _fold(begin, as_json=as_json)


def _fold(begin: Callable[[Services], Awaitable[Generation]], *, as_json: bool) -> None:
    """Run the rebuild that *begin* begins to its end, and tell how it ended."""
    from service.http.answers.values import rebuild_of

    settings = settings_now()
    require_database(settings)

    async def run(services: Services) -> tuple[Generation, dict[str, object]]:
        begun = await begin(services)
        found = await _watched(services, begun)
        members = rebuild_of(found, services.clock.now())
        return found, members | ({"at_once": True} if begun.status == "active" else {})

    found, members = use(run, settings=settings)
    expected = "active" if found.activates else "ready"
    if found.status != expected:
        raise CommandError(
            f"rebuild {found.generation} of {found.model}: {found.error or found.status}",
            code="rebuild_failed",
            status=Exit.UNAVAILABLE,
            cure="look at it with stagefold doctor; then begin again",
        )
    if as_json:
        print_json(members)
        return
    folded = f"{counted(found.done, 'event')} folded"
    if "at_once" in members:
        folded = "it stood by, so nothing had to be folded"
    typer.echo(f"{found.model} version {found.version} is {found.status}; {folded}")
    if found.status == "ready":
        number = found.generation
        typer.echo(f"look at it: stagefold rebuild diff {number}")
        typer.echo(f"put it to use: stagefold rebuild activate {number}")


async def _watched(services: Services, begun: Generation) -> Generation:
    """Return the rebuild at its end; until then show how far it has come."""
    import asyncio

    from domain.instants import SECOND
    from service.cli.progress import Meter, Pace

    name = f"rebuild {begun.generation} of {begun.model}"
    ended = asyncio.ensure_future(services.rebuilds.settle())
    with Meter() as meter:
        while True:
            await asyncio.wait([ended], timeout=LOOK_AGAIN_SECONDS)
            found = await services.store.generation(begun.tenant, begun.generation)
            if found is None or not found.is_under_way or ended.done():
                return found or begun
            seconds = max(0, services.clock.now() - found.started_at) / SECOND
            share = found.done / found.total if found.total else 0.0
            meter.show_job(name, Pace(share, found.done / max(seconds, 0.001), seconds))


@app.command()
@guarded("stagefold rebuild outdated")
def outdated(*, as_json: Json = False) -> None:
    """Fold anew what another engine folded.

    To be run once where a new release asks for it, while no other process runs. Models of all
    tenants are folded, one after the other, each with its rate and time left; each is without
    answers until its rebuild is done.
    """
    from service.http.answers.values import rebuild_of

    settings = settings_now()
    require_database(settings)

    async def renew(services: Services) -> list[dict[str, object]]:
        begun = await services.store.generations_under_way()
        ended = [await _watched(services, one) for one in begun]
        now = services.clock.now()
        return [{"tenant": one.tenant, **rebuild_of(one, now)} for one in ended]

    found = use(renew, settings=settings, renews=True)
    if as_json:
        print_json({"data": found})
        return
    for each in found:
        typer.echo(f"{each['model']} version {each['model_version']}: {each['status']}")
    left = [f"rebuild {each['id']}: {each['error']}" for each in found if each["error"]]
    if left:
        raise CommandError(
            "some models could not be folded by this release",
            code="rebuild_failed",
            status=Exit.UNAVAILABLE,
            cure="correct the model: stagefold model publish FILE",
            details=left,
        )
    typer.echo("everything is folded by this release")


@app.command()
@guarded("stagefold rebuild status", "stagefold rebuild status 7 --json")
def status(
    *,
    rebuild: Annotated[
        int | None, typer.Argument(metavar="[ID]", min=1, help="Only this one.")
    ] = None,
    tenant: Tenant = "default",
    as_json: Json = False,
) -> None:
    """Tell how far rebuilds have come.

    The newest first, with rate and time left.
    """
    from service.errors import Problem
    from service.http.answers.values import rebuild_of

    settings = settings_now()
    require_database(settings)

    async def ask(services: Services) -> list[dict[str, object]]:
        now = services.clock.now()
        if rebuild is None:
            found = await services.store.generations(tenant)
            return [rebuild_of(each, now) for each in found]
        one = await services.store.generation(tenant, rebuild)
        if one is None:
            raise Problem("rebuild_not_found", f"there is no rebuild {rebuild}")
        return [rebuild_of(one, now)]

    found = use(ask, settings=settings)
    if as_json:
        print_json({"data": found} if rebuild is None else found[0])
        return
    columns = ("id", "model", "model_version", "status", "done", "total", "events_per_second")
    print_table(
        ("ID", "MODEL", "VERSION", "STATUS", "DONE", "TOTAL", "EVENTS/S", "SECONDS LEFT"),
        [
            [
                ("-" if each[name] is None else str(each[name]))
                for name in (*columns, "seconds_left")
            ]
            for each in found
        ],
    )


@app.command()
@guarded("stagefold rebuild cancel 7")
def cancel(*, rebuild: RebuildId, tenant: Tenant = "default", as_json: Json = False) -> None:
    """Give a rebuild up.

    Whichever process runs it; readers go on with what they see.
    """
    from service.http.answers.values import rebuild_of

    settings = settings_now()
    require_database(settings)

    async def give_up(services: Services) -> dict[str, object]:
        found = await services.rebuilds.cancel(tenant, rebuild)
        return rebuild_of(found, services.clock.now())

    members = use(give_up, settings=settings)
    if as_json:
        print_json(members)
    else:
        typer.echo(f"rebuild {rebuild} of {members['model']}: {members['error']}")


@app.command()
@guarded("stagefold rebuild diff 7", "stagefold rebuild diff 7 --json")
def diff(*, rebuild: RebuildId, tenant: Tenant = "default", as_json: Json = False) -> None:
    """Tell what a rebuild changes.

    How many stand in which stage before and after, and the first of those who stand elsewhere.
    """
    from service.http.models.rebuilds import diff_of

    async def look(services: Services) -> Diff:
        return await services.rebuilds.diff(tenant, rebuild, limit=SHOWN)

    found = use(look)
    if as_json:
        print_json(diff_of(found, None))
        return
    print_table(
        ("BEFORE", "AFTER", "HOW MANY"),
        [[old or "-", new or "-", str(count)] for old, new, count in found.matrix or ()],
    )
    if found.matrix is None:
        typer.echo("left out: drawing it took too long when the rebuild became active")
    rows = found.changes.rows if found.changes else ()
    if rows:
        typer.echo()
        shown = [[one.subject.text, _stage(one.old), _stage(one.new)] for one in rows]
        print_table(("WHO", "BEFORE", "AFTER"), shown)


@app.command("activate")
@guarded("stagefold rebuild activate 7")
def put_to_use(*, rebuild: RebuildId, tenant: Tenant = "default", as_json: Json = False) -> None:
    """Let readers see a rebuild that is ready.

    It was begun with --no-activate; nothing is announced.
    """
    from service.http.answers.values import rebuild_of

    async def take_over(services: Services) -> dict[str, object]:
        found = await services.rebuilds.activate(tenant, rebuild)
        return rebuild_of(found, services.clock.now())

    members = use(take_over, settings=settings_now())
    if as_json:
        print_json(members)
    else:
        typer.echo(f"rebuild {rebuild} of {members['model']} is {members['status']}")


def _stage(stay: Stay | None) -> str:
    return "-" if stay is None else stay[0]
