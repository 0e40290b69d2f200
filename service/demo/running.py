"""`stagefold demo`: make the shop if there is none, serve it, and let its days go on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import webbrowser
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from service import logs
from service.bootstrap import build, close
from service.demo.loading import Note, load
from service.demo.population import Population, populate
from service.demo.trickle import trickle
from service.loops import start_loops
from service.server import server_of
from service.services import Services
from service.settings import Settings

FOLDER = Path(".data/demo")

_PLAIN = Settings()


def run(settings: Settings, *, open_browser: bool = True) -> None:
    """Serve the demo until a signal comes; the data folder is kept and used again."""
    chosen = demo_settings(settings)
    logs.configure(chosen)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(chosen, open_browser=open_browser))


def demo_settings(settings: Settings) -> Settings:
    """Return *settings* as the demo uses them where nobody chose otherwise.

    A folder of its own, a quiet log, and a free port when the usual one is taken.
    """
    chosen = settings
    if chosen.data_dir == _PLAIN.data_dir:
        chosen = replace(chosen, data_dir=FOLDER)
    if chosen.log_level == _PLAIN.log_level:
        chosen = replace(chosen, log_level="warning")
    if chosen.port == _PLAIN.port and not _is_free(chosen.host, chosen.port):
        chosen = replace(chosen, port=0)
    return chosen


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


async def _run(settings: Settings, *, open_browser: bool) -> None:
    services = await build(settings)
    start_loops(services)
    try:
        shop = await prepare(services)
        server = server_of(services, _greeting(settings, open_browser=open_browser))
        open_pages(server.config.app)
        life = asyncio.create_task(trickle(services, shop.future), name="demo")
        try:
            await server.serve()
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)
    finally:
        await close(services)


def open_pages(app: object) -> None:
    """Let this machine look at the pages of *app* without a key."""
    app.state.pages_open = True  # type: ignore[attr-defined]  # uvicorn does not know what it serves


async def prepare(services: Services) -> Population:
    """Return the shop's life, its past in the log."""
    folder = services.settings.data_dir
    note = Note.read(folder, now=services.clock.now())
    shop = populate(note.began_at)
    if note.is_loaded:
        return shop
    note.write(folder)
    with _progress() as progress:
        task = progress.add_task("Two thousand customers move in", total=len(shop.past))
        await load(services, shop.past, lambda done, _: progress.update(task, completed=done))
    replace(note, is_loaded=True).write(folder)
    return shop


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _greeting(settings: Settings, *, open_browser: bool) -> Callable[[str], None]:
    def greet(url: str) -> None:
        kept = settings.generated_key_path
        key = settings.api_key or kept.read_text(encoding="ascii").strip()
        where = "" if settings.api_key else f"   (kept in {kept})"
        sys.stdout.write(
            f"\n  stagefold demo\n\n"
            f"  Open     {url}/\n"
            f"  API key  {key}{where}\n"
            f"  Try      curl -H 'Authorization: Bearer {key}' {url}/v1/customers/c-0307\n"
            f"  Stop     Ctrl-C; the customers in {settings.data_dir} are kept\n\n"
        )
        sys.stdout.flush()
        if open_browser and has_desktop():
            webbrowser.open(f"{url}/")

    return greet


def has_desktop() -> bool:
    """Whether somebody sits in front of this machine and could see a browser."""
    environment = os.environ
    if environment.get("CI") or not sys.stdout.isatty():
        return False
    if sys.platform in {"darwin", "win32"}:
        return True
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))
