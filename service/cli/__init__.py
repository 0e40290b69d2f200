"""The command line: `stagefold`, its commands, and `main`, which runs them.

Importing this imports typer and little else: each command fetches what it needs when it runs, so
that help and a mistyped command are answered at once. Exit codes: `service.cli.exits`.
"""

from __future__ import annotations

from typing import Annotated

import typer

from service.cli import (
    auditing,
    backtesting,
    configuration,
    copying,
    customers,
    doctoring,
    erasing,
    event_schemas,
    event_types,
    hooking,
    importing,
    keys,
    models,
    rebuilding,
    rejecting,
    serving,
    tailing,
    tenants,
    verifying,
)

app = typer.Typer(
    name="stagefold",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Settings come from the environment: stagefold config show. Exit codes: docs/cli.md.",
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"stagefold {version('stagefold')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_tell_version, help="Tell the version."),
    ] = False,
) -> None:
    """Tell where every customer stands, why, and what comes next, from their events alone."""


app.command()(serving.serve)
app.command()(serving.demo)
app.command()(serving.migrate)
app.command("import")(importing.import_file)
app.command()(doctoring.doctor)
app.command()(verifying.verify)
app.command()(verifying.seal)
app.command()(copying.backup)
app.command()(copying.export)
app.command()(copying.restore)
app.command()(serving.health)
customers.app.command()(erasing.erase)
customers.app.command()(erasing.erasures)
customers.app.command()(erasing.erase_again)
app.command()(tailing.tail)
app.add_typer(customers.app, name="customer")
models.app.command()(backtesting.backtest)
models.app.command()(rebuilding.activate)
models.app.command()(rebuilding.rollback)
app.add_typer(models.app, name="model")
app.add_typer(rebuilding.app, name="rebuild")
app.add_typer(rejecting.app, name="rejected")
app.add_typer(hooking.app, name="webhooks")
app.add_typer(keys.app, name="keys")
app.add_typer(tenants.app, name="tenants")
app.command("audit-log")(auditing.audit_log)
app.add_typer(event_schemas.app, name="event-schemas")
app.command("event-types")(event_types.event_types)
app.add_typer(configuration.app, name="config")


def main() -> None:
    """Run the command line of this process."""
    app()
