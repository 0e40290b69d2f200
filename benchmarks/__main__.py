"""Every figure that is owed, one after another, and one table of them all.

    python -m benchmarks [--only http_sqlite fold] [--table figures.md]

Each benchmark is a process of its own, so that none inherits memory or connections of another.
"""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.figures import FIGURES_FILE, Figure, said
from benchmarks.serving import ROOT

ALL = (
    "fold",
    "http_sqlite",
    "postgres",
    "following",
    "replay",
    "beside",
    "boards",
    "sourcing",
    "growth",
    "kafka",
    "streams",
    "webhooks",
    "dead_endpoint",
)
HEAD = "| | figure | owed | found | | behind it |\n|---|---|---|---|---|---|\n"


def conditions() -> str:
    """Return where and when figures are measured."""
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return (
        f"{os.cpu_count()} cores, load {load} over 1, 5 and 15 minutes,"
        f" Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )


def row(figure: Figure) -> str:
    """Return *figure* as a row of the table."""
    verdict = {True: "reached", False: "**not reached**", None: ""}[figure.is_reached]
    columns = (figure.id, figure.what, figure.bound, figure.found, verdict, figure.detail)
    return f"| {' | '.join(columns)} |\n"


def main() -> None:
    """Measure everything, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=ALL, default=ALL)
    parser.add_argument("--table", type=Path, help="file to write the table into")
    arguments = parser.parse_args()
    before = conditions()
    with tempfile.TemporaryDirectory() as folder:
        gathered = Path(folder) / "figures"
        gathered.touch()
        environment = {**os.environ, FIGURES_FILE: str(gathered)}
        failed = [
            name
            for name in arguments.only
            if subprocess.call(  # noqa: S603 - our own command
                [sys.executable, "-m", f"benchmarks.{name}"], env=environment, cwd=ROOT
            )
        ]
        figures = said(gathered)
    after = f"Before: {before}.\nAfter: {conditions()}.\n\n"
    table = after + HEAD + "".join(map(row, figures))
    print(f"\n{table}")
    if arguments.table:
        arguments.table.write_text(table, encoding="utf-8")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
