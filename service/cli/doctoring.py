"""The command that looks for trouble: settings, disk, schema, stored rows, what lies unswept."""

from __future__ import annotations

from typing import Annotated

import typer

from service.cli.edge import guarded
from service.cli.exits import Exit
from service.cli.options import Json
from service.cli.printing import counted, print_json


@guarded("stagefold doctor", "stagefold doctor --thorough --json")
def doctor(
    thorough: Annotated[
        bool,
        typer.Option("--thorough", help="Read everything and fold everybody again; takes long."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Look for trouble and tell the cure.

    Changes nothing, but opening the database brings its schema up to date.
    """
    from service.cli.examination import examine

    found = examine(thorough=thorough)
    errors = sum(each.severity == "error" for each in found)
    if as_json:
        print_json({"ok": errors == 0, "checks": [each.members() for each in found]})
    else:
        for each in found:
            typer.echo(f"[{each.sign}] {each.name}: {each.found}")
            if each.cure:
                typer.echo(f"      cure: {each.cure}")
        typer.echo("all is well" if errors == 0 else counted(errors, "error"))
    if errors:
        raise typer.Exit(Exit.FINDINGS)
