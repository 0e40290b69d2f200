"""Commands about one customer: where they stand, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.edge import guarded
from service.cli.exits import CommandError, Exit
from service.cli.options import AsOf, Json, Language, instant_of, speaker_of
from service.cli.printing import print_json_text, print_table
from service.cli.session import require_database, settings_now, use

if TYPE_CHECKING:
    from service.cli.subjects import Life

app = typer.Typer(no_args_is_help=True, help="One customer: where they stand, and why; forgetting.")

Id = Annotated[str, typer.Argument(metavar="ID", help="As sent; anon:… for a visitor's id.")]
Model = Annotated[str | None, typer.Option("--model", help="Only this model.")]


@app.command()
@guarded(
    "stagefold customer show 00012",
    "stagefold customer show 00012 --as-of 1998-06-30T00:00:00Z --json",
)
def show(
    *,
    customer_id: Id,
    model: Model = None,
    as_of: AsOf = None,
    language: Language = None,
    as_json: Json = False,
) -> None:
    """Show where a customer stands.

    A line per model; --json has the shape of GET /v1/customers/{id}.
    """
    from service.cli import telling

    life = _life(customer_id, model, as_of)
    if as_json:
        print_json_text(telling.members_of(life))
        return
    speaker = speaker_of(language)
    for line in telling.heading(life, speaker):
        typer.echo(line)
    print_table(telling.header(speaker), telling.rows(life, speaker))


@app.command()
@guarded(
    "stagefold customer why 00012",
    "stagefold customer why 00012 --model cpm-10 --rules --language ja",
)
def why(
    *,
    customer_id: Id,
    model: Model = None,
    as_of: AsOf = None,
    rules: Annotated[
        bool, typer.Option("--rules", help="Every rule of the stage, clause by clause.")
    ] = False,
    language: Language = None,
    as_json: Json = False,
) -> None:
    """Tell why a customer stands there, and what next.

    Per model: the stage, the rule, the evidence and the event that led there, and what comes next,
    when, if nothing happens.
    """
    from service.cli import telling

    life = _life(customer_id, model, as_of)
    if as_json:
        print_json_text(telling.reasons_of(life))
        return
    for line in telling.story(life, speaker_of(language), with_rules=rules):
        typer.echo(line)


def _life(customer_id: str, model: str | None, as_of: str | None) -> Life:
    """Return what there is to tell of a customer."""
    from service.cli.subjects import life_of

    instant = instant_of(as_of)
    settings = settings_now()
    require_database(settings)
    found = use(lambda services: life_of(services, customer_id, model, instant), settings=settings)
    if found is None:
        raise CommandError(
            f"there is no customer {customer_id[:120]!a}; no event has named it",
            code="customer_not_found",
            status=Exit.NOT_FOUND,
            cure="ids are exact: upper and lower case, leading zeros",
        )
    return found
