"""Commands over the event catalogue: what events are held to, put, listed and removed."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.edge import guarded
from service.cli.exits import CommandError
from service.cli.options import Json
from service.cli.printing import counted, print_json_text, print_table
from service.cli.session import require_database, settings_now, use

if TYPE_CHECKING:
    from projections.registers.event_schemas import EventSchema
    from service.services import Services

app = typer.Typer(no_args_is_help=True, help="Schemas of event types: list, put, remove.")

_AUTHOR = "cli"


class Mode(StrEnum):
    """What becomes of an event that does not fit."""

    STRICT = "strict"
    WARN = "warn"
    OFF = "off"


Type = Annotated[str, typer.Argument(help="Event type.")]
Tenant = Annotated[str, typer.Option("--tenant", help="Whose events; the operator's without it.")]


@app.command("list")
@guarded("stagefold event-schemas list", "stagefold event-schemas list --json")
def list_schemas(tenant: Tenant = "default", as_json: Json = False) -> None:
    """Show what events are held to."""
    require_database(settings_now())
    found = use(lambda services: services.event_schemas.all(tenant))
    _print(found, as_json=as_json)


@app.command()
@guarded(
    "stagefold event-schemas put order_completed order.schema.json",
    "stagefold event-schemas put order_completed order.yaml --version 2 --mode warn",
)
def put(
    *,
    event_type: Type,
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="JSON Schema, JSON or YAML.")
    ],
    version: Annotated[int, typer.Option("--version", min=1, help="Its schema_version.")] = 1,
    mode: Annotated[
        Mode, typer.Option("--mode", help="Refuse what does not fit, warn, or neither.")
    ] = Mode.STRICT,
    tenant: Tenant = "default",
    as_json: Json = False,
) -> None:
    """Hold the properties of an event type to a schema."""
    text = _schema_in(file)

    async def keep(services: Services) -> EventSchema:
        from projections.registers.event_schemas import EventSchema

        now = services.clock.now()
        schema = EventSchema(tenant, event_type, version, mode.value, text, now, _AUTHOR)
        await services.event_schemas.put(schema)
        return schema

    schema = use(keep)
    if as_json:
        _print([schema], as_json=True)
        return
    typer.echo(f"{event_type}, version {version}: {_MEANINGS[mode]}")


_MEANINGS = {
    Mode.STRICT: "what does not fit is refused; running servers know within 30 s",
    Mode.WARN: "what does not fit is stored with a warning; running servers know within 30 s",
    Mode.OFF: "it is kept, and nothing is held to it; running servers know within 30 s",
}


@app.command()
@guarded(
    "stagefold event-schemas remove order_completed",
    "stagefold event-schemas remove order_completed --version 2",
)
def remove(
    event_type: Type,
    version: Annotated[
        int | None, typer.Option("--version", min=1, help="Only this one; else all of the type.")
    ] = None,
    tenant: Tenant = "default",
    as_json: Json = False,
) -> None:
    """Hold an event type to nothing any more, or not to one version."""
    require_database(settings_now())
    removed = use(lambda services: services.event_schemas.remove(tenant, event_type, version))
    if as_json:
        _print(removed, as_json=True)
        return
    typer.echo(f"{event_type}: {counted(len(removed), 'schema')} removed")


def _schema_in(file: Path) -> str:
    """Return the schema that *file* holds, as JSON.

    Raises:
        CommandError: It holds none.
    """
    from domain.document import ModelError
    from service.modelling.model_files import read_model_text

    try:
        document = read_model_text(file.read_bytes(), file.suffix)
        return json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    except (ModelError, TypeError) as error:
        problems = error.problems if isinstance(error, ModelError) else (error,)
        raise CommandError(
            f"{file} holds no JSON Schema",
            code="bad_schema",
            cure="docs/api.md#schemas says what a schema may be",
            details=tuple(map(str, problems)),
        ) from None


def _print(found: list[EventSchema], *, as_json: bool) -> None:
    from service.http.answers.values import encoded, event_schema_of, instant

    if as_json:
        print_json_text(encoded({"data": [event_schema_of(each) for each in found]}))
        return
    rows = [
        [each.type, str(each.version), each.mode, instant(each.created_at) or "", each.created_by]
        for each in found
    ]
    print_table(("TYPE", "VERSION", "MODE", "PUT AT", "BY"), rows)
