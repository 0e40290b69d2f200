"""Options that several commands share, and what they mean."""

from __future__ import annotations

import os
from datetime import UTC
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.exits import CommandError

if TYPE_CHECKING:
    from service.language.speaker import Language as Speaker

Tenant = Annotated[str, typer.Option("--tenant", help="Whose; the operator's without it.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="RFC 3339 time; now without it.")]
Language = Annotated[
    str | None,
    typer.Option("--language", "-l", metavar="en|ja", help="Language; otherwise that of LANG."),
]


def speaker_of(wanted: str | None) -> Speaker:
    """Return who speaks the language that was asked for, else that of the environment.

    Raises:
        CommandError: Nobody here speaks the language asked for.
    """
    from service.language.speaker import CODES, language_of

    if wanted is not None and wanted not in CODES:
        raise CommandError(
            f"--language: expected {' or '.join(CODES)}, found {wanted}", code="unknown_language"
        )
    return language_of(wanted, _language_of_environment())


def instant_of(text: str | None) -> int | None:
    """Return the instant that `--as-of` names; None where it was not given.

    Raises:
        CommandError: It is none.
    """
    from domain.instants import parse_date_or_instant

    try:
        return None if text is None else parse_date_or_instant(text, UTC)
    except ValueError as error:
        raise CommandError(f"--as-of: {error}", code="bad_instant") from None


def _language_of_environment() -> str | None:
    """Return the language that POSIX variables ask for, the strongest first."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return value.partition(".")[0].partition("_")[0].lower()
    return None
