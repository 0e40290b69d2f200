"""The command that tells which event types were seen."""

from __future__ import annotations

from typing import Annotated

import typer

from service.cli.edge import guarded
from service.cli.options import Json
from service.cli.printing import print_json, print_table
from service.cli.session import require_database, settings_now, use


@guarded("stagefold event-types", "stagefold event-types --json")
def event_types(
    tenant: Annotated[str, typer.Option("--tenant", help="Whose events.")] = "default",
    as_json: Json = False,
) -> None:
    """Tell the event types seen so far."""
    from service.http.answers.values import event_type_of, instant

    settings = settings_now()
    require_database(settings)
    found = use(lambda services: services.store.event_types(tenant), settings=settings)
    schemas = use(lambda services: services.event_schemas.all(tenant), settings=settings)
    modes = {each.type: each.mode for each in schemas}
    if as_json:
        print_json({"data": [{**event_type_of(one), "mode": modes.get(one.type)} for one in found]})
        return
    print_table(
        ("TYPE", "COUNT", "FIRST", "LAST", "SCHEMA"),
        [
            [
                one.type,
                str(one.count),
                instant(one.first_at) or "",
                instant(one.last_at) or "",
                modes.get(one.type, "none"),
            ]
            for one in found
        ],
    )
