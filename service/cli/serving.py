"""Commands that run a server, prepare its database, or ask how it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, TypedDict

import typer

from service.cli.edge import guarded
from service.cli.exits import CommandError, Exit
from service.cli.options import Json
from service.cli.printing import print_json
from service.cli.session import settings_now
from service.settings import Settings

Host = Annotated[str | None, typer.Option(help="Address to listen on; else STAGEFOLD_HOST.")]
Port = Annotated[
    int | None,
    typer.Option(min=0, max=65_535, help="Port, 0 for a free one; else STAGEFOLD_PORT."),
]


class _Check(TypedDict):
    """One of the checks that `/readyz?verbose` tells of."""

    name: str
    ok: bool
    found: str


@guarded(
    "stagefold serve",
    "STAGEFOLD_DATA_DIR=/var/lib/stagefold stagefold serve --host 0.0.0.0 --port 8080",
)
def serve(host: Host = None, port: Port = None) -> None:
    """Serve the API and the pages until a signal."""
    from service.running import hold_garbage

    hold_garbage()
    from service.server import run

    run(_listening(settings_now(), host, port), on_ready=_tell_ready)


def _listening(settings: Settings, host: str | None, port: int | None) -> Settings:
    chosen = replace(settings, host=settings.host if host is None else host)
    return chosen if port is None else replace(chosen, port=port)


def _tell_ready(url: str) -> None:
    typer.echo(f"stagefold listens on {url} (Ctrl-C stops it)", err=True)


@guarded("stagefold demo", "stagefold demo --no-browser --port 0")
def demo(
    host: Host = None,
    port: Port = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open a browser, if this is a desktop.")
    ] = True,
) -> None:
    """Serve a shop of invented customers.

    Two thousand of them, with months behind them; new events keep coming in.
    """
    from service.demo.running import run

    run(_listening(settings_now(), host, port), open_browser=browser)


@guarded(
    "stagefold migrate",
    "STAGEFOLD_DATABASE_URL=sqlite:////srv/stagefold.db stagefold migrate --json",
)
def migrate(as_json: Json = False) -> None:
    """Bring the database schema up to date.

    Makes an embedded database if there is none.
    """
    import asyncio

    from service import bootstrap

    settings = settings_now()
    revision = asyncio.run(bootstrap.migrate(settings))
    if as_json:
        print_json({"database": _place(settings), "revision": revision})
    else:
        typer.echo(f"{_place(settings)} is at revision {revision}")


def _place(settings: Settings) -> str:
    """Return the database URL without a password."""
    scheme, _, rest = settings.database.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


@guarded("stagefold health", "stagefold health --url http://127.0.0.1:8080 --json")
def health(
    url: Annotated[
        str | None, typer.Option(help="Base URL of the server; else host and port of the settings.")
    ] = None,
    timeout_seconds: Annotated[
        float, typer.Option("--timeout", min=0.1, max=60, help="Seconds to wait for the answer.")
    ] = 3.0,
    as_json: Json = False,
) -> None:
    """Ask a server whether it takes requests.

    Exit code 0 says yes, 1 no, 3 that nobody answers.
    """
    base = (url or _own_url(settings_now())).rstrip("/")
    status, checks = _ask(f"{base}/readyz?verbose", timeout_seconds)
    ready = status == 200  # noqa: PLR2004 -- the status is the contract
    if as_json:
        print_json({"url": base, "ready": ready, "status": status, "checks": checks})
    else:
        for check in checks:
            typer.echo(f"[{'+' if check['ok'] else '-'}] {check['name']}: {check['found']}")
        typer.echo("ready" if ready else f"not ready (status {status})")
    if not ready:
        raise typer.Exit(Exit.FINDINGS)


def _own_url(settings: Settings) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 -- an address to ask, none to bind
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def _ask(url: str, timeout_seconds: float) -> tuple[int, list[_Check]]:
    """Return the status of *url* and the checks that it tells of.

    Raises:
        CommandError: Nobody answers there.
    """
    import json
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    if not url.startswith(("http://", "https://")):
        raise CommandError(f"--url: expected http://… or https://…, found {url}", code="bad_url")
    request = Request(url, headers={"Accept": "application/json"})  # noqa: S310 -- the scheme is checked above
    try:
        with urlopen(request, timeout=timeout_seconds) as answer:  # noqa: S310 -- same
            status, body = answer.status, answer.read()
    except HTTPError as error:
        with error:
            status, body = error.code, error.read()
    except (URLError, HTTPException, OSError) as error:
        raise CommandError(
            f"no answer from {url}: {getattr(error, 'reason', error)}",
            code="server_unreachable",
            status=Exit.UNAVAILABLE,
            cure="is the server running? stagefold serve starts one",
        ) from None
    try:
        return status, list(json.loads(body)["checks"])
    except (ValueError, LookupError, TypeError):
        return status, []
