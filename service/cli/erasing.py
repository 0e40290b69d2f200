"""Commands that erase customers, list erasures, and repeat them over a restored backup."""

from __future__ import annotations

import json
import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.customers import Id
from service.cli.edge import guarded
from service.cli.exits import CommandError, Exit
from service.cli.options import Json
from service.cli.printing import counted, print_json, print_table
from service.cli.session import require_database, settings_now, use

if TYPE_CHECKING:
    from projections.erasing.erase import Erased
    from projections.registers.erasure import Erasure
    from service.services import Services

TenantOption = Annotated[str, typer.Option("--tenant", help="Whose customer.")]


class Mode(Enum):
    """How much is erased; `docs/erasure.md` compares them."""

    ANONYMISE = "anonymise"
    PURGE = "purge"


ModeOption = Annotated[
    Mode, typer.Option("--mode", help="Keep what stages follow from, or nothing.")
]


@guarded(
    "stagefold customer erase user-1",
    "stagefold customer erase user-1 --mode purge --yes --json",
)
def erase(
    *,
    customer_id: Id,
    mode: ModeOption = Mode.ANONYMISE,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    tenant: TenantOption = "default",
    as_json: Json = False,
) -> None:
    """Forget a customer for good, under all of its names.

    anonymise takes names and texts and changes no stage and no count; purge takes the customer out
    of all of them, those of the past included. Nothing brings them back.
    """
    from projections.registers.erasure import ErasureRefused
    from service.http.subjects.erasures import erased_of
    from service.ports import SubjectKey

    settings = settings_now()
    require_database(settings)
    _confirm(customer_id, mode, yes=yes)

    async def work(services: Services) -> Erased:
        return await services.erasing.erase(tenant, SubjectKey.of_customer(customer_id), mode.value)

    try:
        erased = use(work, settings=settings)
    except ErasureRefused as refusal:
        status = Exit.NOT_FOUND if refusal.code == "customer_not_found" else Exit.USAGE
        raise CommandError(str(refusal), code=refusal.code, status=status) from None
    if as_json:
        print_json(erased_of(erased))
        return
    done = erased.erasure
    typer.echo(f"{counted(done.names, 'name')} and {counted(done.events, 'event')} erased")
    if erased.kept:
        typer.echo(f"kept, because models read it: {', '.join(erased.kept)}")
    for model, stage in erased.left:
        typer.echo(f"{model}: no longer counted in {stage}")


def _confirm(customer_id: str, mode: Mode, *, yes: bool) -> None:
    """Ask whoever sits at the terminal.

    Raises:
        CommandError: Nobody does, and nothing says yes.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError(
            "this erases somebody for good, and nobody is here to be asked",
            code="not_confirmed",
            cure="give --yes where a program calls it",
        )
    typer.confirm(f"{mode.value} {customer_id[:120]!a} for good?", abort=True, err=True)


@guarded("stagefold customer erasures", "stagefold customer erasures --json > erasures.json")
def erasures(*, tenant: TenantOption = "default", as_json: Json = False) -> None:
    """List whom the log has forgotten, without names.

    Keep the JSON beside your backups: customer erase-again needs it after going back to one.
    """
    from service.http.subjects.erasures import erasure_of

    settings = settings_now()
    require_database(settings)
    found = use(lambda services: services.erasing.every_erasure(tenant), settings=settings)
    rows = [erasure_of(each) for each in found]
    if as_json:
        print_json({"data": rows})
        return
    print_table(
        ("POSITION", "ERASED", "MODE", "NAMES", "EVENTS"),
        [
            [str(each[name]) for name in ("position", "erased_at", "mode", "names", "events")]
            for each in rows
        ],
    )


@guarded("stagefold customer erase-again erasures.json")
def erase_again(
    file: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, help="What customer erasures --json wrote."),
    ],
    as_json: Json = False,
) -> None:
    """Repeat erasures in a database restored from a backup.

    Whoever stands where the list says is erased, unless that is another log or they are already.
    """
    listed = _read(file)
    settings = settings_now()
    require_database(settings)
    done = use(lambda services: services.erasing.repeat(listed), settings=settings)
    members = {"listed": len(listed), "erased": done}
    if as_json:
        print_json(members)
    else:
        typer.echo(
            f"{counted(done, 'customer')} erased again, of {counted(len(listed), 'erasure')}"
        )


def _read(file: Path) -> list[Erasure]:
    """Return the erasures of *file*.

    Raises:
        CommandError: It is no such list.
    """
    from service.http.subjects.erasures import erasure_from

    try:
        return [erasure_from(each) for each in json.loads(file.read_text())["data"]]
    except (ValueError, LookupError, TypeError) as error:
        message = f"{file}: expected a list of erasures, found something else: {error}"
        raise CommandError(message[:500], code="bad_list") from None
