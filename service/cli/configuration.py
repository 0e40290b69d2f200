"""The command that shows what the environment told this process."""

from __future__ import annotations

import os
from dataclasses import fields
from typing import Annotated

import typer

from service.cli.edge import guarded
from service.cli.options import Json
from service.cli.printing import print_json, print_table
from service.cli.session import settings_now
from service.settings import Settings, variable_of

app = typer.Typer(no_args_is_help=True, help="Settings, as the environment gives them.")


@app.command()
@guarded("stagefold config show", "stagefold config show --changed --json")
def show(
    changed: Annotated[
        bool, typer.Option("--changed", help="Only those that the environment sets.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show every setting; secrets are masked."""
    settings = settings_now()
    rows = [row for row in _rows(settings) if not changed or row["origin"] == "environment"]
    if as_json:
        print_json({"data": rows, "database": _without_password(settings.database)})
        return
    print_table(
        ("SETTING", "VALUE", "FROM", "FOR"),
        [[str(row[name]) for name in ("variable", "value", "origin", "about")] for row in rows],
    )
    for name in settings.unknown:
        typer.echo(f"unknown: {name} is no setting; is it misspelled?", err=True)


def _rows(settings: Settings) -> list[dict[str, object]]:
    return [
        {
            "variable": variable_of(each.name),
            "value": _shown(getattr(settings, each.name), is_secret=each.metadata["secret"]),
            "origin": "environment" if os.environ.get(variable_of(each.name)) else "default",
            "about": each.metadata["about"],
        }
        for each in fields(Settings)
        if each.metadata
    ]


def _shown(value: object, *, is_secret: bool) -> object:
    if is_secret:
        return "********" if value else ""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return value if isinstance(value, int | float) else _without_password(str(value))


def _without_password(text: str) -> str:
    """Return *text*; of a URL with a password, the password is masked."""
    scheme, mark, rest = text.partition("://")
    account, at, place = rest.rpartition("@")
    if not (mark and at and ":" in account):
        return text
    return f"{scheme}://{account.partition(':')[0]}:********@{place}"
