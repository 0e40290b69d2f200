"""How tests call the command line: in this process, or as the program that users start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from service.cli import app

ROOT = Path(__file__).parents[2]
EVENTS = [
    {"id": f"e{n}", "type": "order_completed", "customer_id": f"c{n % 5}", "occurred_at": at}
    for n, at in enumerate(["2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"] * 20)
]
"""Forty events of five customers."""

PROGRAM = (sys.executable, "-m", "stagefold")


def call(*arguments: str | Path, **environment: str) -> Result:
    """Return how the command ended, run in this process with no other settings than these."""
    ours = {name: environment.get(name) for name in os.environ if name.startswith("STAGEFOLD_")}
    return CliRunner().invoke(app, [str(each) for each in arguments], env={**ours, **environment})


def answer(*arguments: str | Path, status: int = 0, **environment: str) -> Any:  # noqa: ANN401 -- JSON
    """Return the JSON document that the command prints with `--json`."""
    result = call(*arguments, "--json", **environment)
    assert result.exit_code == status, result.output
    return json.loads(result.stdout)


def start(*arguments: str | Path, folder: Path, **environment: str) -> subprocess.Popen[str]:
    """Return the command, started as a program whose database is in *folder*."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("STAGEFOLD_")}
    ours |= {"STAGEFOLD_DATA_DIR": str(folder), "PYTHONPATH": str(ROOT), **environment}
    return subprocess.Popen(
        [*PROGRAM, *map(str, arguments)],
        cwd=ROOT,
        env=ours,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(
    *arguments: str | Path, folder: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Return how the program ended."""
    with start(*arguments, folder=folder, **environment) as program:
        out, err = program.communicate(timeout=600)
        return subprocess.CompletedProcess(program.args, program.returncode, out, err)
