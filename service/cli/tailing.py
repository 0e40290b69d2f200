"""The command that tells transitions as they happen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.edge import guarded
from service.cli.exits import CommandError
from service.cli.options import Json
from service.cli.session import require_database, settings_now, use

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from typing import Any

    from service.live.wishes import Wish
    from service.services import Services

Names = Annotated[list[str] | None, typer.Option(help="Only these; may be repeated.")]


@guarded("stagefold tail", "stagefold tail --model health --stage at_risk --json")
def tail(
    *,
    model: Names = None,
    stage: Names = None,
    customer: Annotated[str, typer.Option("--customer", help="Only this one.")] = "",
    types: Annotated[
        list[str] | None, typer.Option("--type", help="A type, or a pattern; may be repeated.")
    ] = None,
    after: Annotated[
        str | None, typer.Option("--after", help="Begin behind this place; 0 for the beginning.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="End after so many.")] = 0,
    tenant: Annotated[str, typer.Option("--tenant", help="Whose customers.")] = "default",
    as_json: Json = False,
) -> None:
    """Tell what happens to customers, as it happens.

    Transitions, corrections and alerts, a line each, until Ctrl-C; with --json a document each,
    with its place as `id`.
    """
    from service.live.wishes import Wish

    settings = settings_now()
    require_database(settings)
    wish = Wish(tuple(model or ()), tuple(stage or ()), customer, tuple(types or ()))

    async def follow(services: Services) -> None:
        told = 0
        async for place, message in _told(services, tenant, wish, after):
            typer.echo(_as_json(place, message) if as_json else _line(place, message))
            told += 1
            if told == limit:
                return

    use(follow, settings=settings)


async def _told(
    services: Services, tenant: str, wish: Wish, after: str | None
) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Yield places and messages."""
    from contextlib import aclosing

    from service.live.stream import Reader
    from service.loops import start_tail

    start_tail(services)
    try:
        place = await services.live.place(after)
    except ValueError as error:
        raise CommandError(f"--after: {error}", code="bad_place") from None
    reader = Reader(tenant, wish, _always)
    async with aclosing(services.live.parts(reader, "cli", place)) as parts:
        async for part in parts:
            for event in _events(part.decode()):
                yield event


async def _always() -> bool:
    return True


def _events(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the messages among the events of *text*."""
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        kind = fields.get("event", "")
        if kind == "reset":
            message = f"--after: there is no such place; the feed ends at {fields['id']}"
            raise CommandError(message, code="no_such_place")
        if kind.startswith("customer."):
            yield fields["id"], json.loads(fields["data"])


def _as_json(place: str, message: dict[str, Any]) -> str:
    return json.dumps({"id": place, **message}, ensure_ascii=False)


def _line(place: str, message: dict[str, Any]) -> str:
    """Return a message for people: place, when, what, who, and where from and to."""
    kind, data = message["type"], message["data"]
    who = data.get("customer_id") or data.get("account_id") or ""
    parts = (place, message["timestamp"], kind, who, data.get("model", ""), _what(data))
    return "  ".join(filter(None, parts))


def _what(data: dict[str, Any]) -> str:
    """Return what became of whom."""
    if "to" in data:
        return f"{data['from'] or '·'} → {data['to']}"
    if "alert" in data:
        return f"{data['alert']} in {data['stage']}"
    if "before" in data:
        sides = (data.get(name) or {} for name in ("before", "after"))
        return " ⇒ ".join(side.get("stage", "·") for side in sides)
    return ""
