"""What commands print: JSON for programs, tables for people, colours at a terminal only."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TextIO

import typer

_REASONS_SHOWN = 10


def print_json(members: object) -> None:
    """Print *members* as one JSON document."""
    typer.echo(json.dumps(members, indent=2, ensure_ascii=False))


def print_json_text(text: bytes) -> None:
    """Print *text*, which is JSON, indented; no number in it is read."""
    import msgspec

    typer.echo(msgspec.json.format(text, indent=2).decode())


def counted(number: int, noun: str) -> str:
    """Return the number with its English noun, plural where it has to be."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def print_reasons(reasons: Mapping[str, int]) -> None:
    """Print why records were rejected, the commonest reasons first."""
    for code, number in sorted(reasons.items(), key=lambda each: -each[1])[:_REASONS_SHOWN]:
        typer.echo(f"  {number:,} x {code}")


def print_warned(number: int) -> None:
    """Print how many of the accepted events do not fit their schema, if there are any."""
    if number:
        typer.echo(f"  {number:,} of the accepted do not fit their schema, which only warns")


def is_fancy(stream: TextIO) -> bool:
    """Whether *stream* is a terminal that may be coloured (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print *rows* in aligned columns; nothing is cut where no terminal sets a width."""
    if is_fancy(sys.stdout):
        _print_fancy(header, rows)
        return
    from rich.cells import cell_len

    lines = [header, *rows]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (
            cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True)
        )
        typer.echo("  ".join(cells).rstrip())


def _print_fancy(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for name in header:
        table.add_column(name)
    for row in rows:
        table.add_row(*map(Text, row))
    Console(file=sys.stdout, highlight=False).print(table)
