"""The tours of the documents are taken, command by command, and show what the pages show."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.documents import Block, blocks
from tests.servers.ports import free_port

ROOT = Path(__file__).parents[2]
PAGES = ("tutorial.md", "changing-models.md")
MARK = "---- the next command ----"
GAP = "…"


def steps(block: Block) -> list[tuple[str, str]]:
    """Return each command of a console block, and the output that the page shows for it."""
    found: list[tuple[list[str], list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append(([line[2:]], []))
        elif line.startswith("> ") or line == ">":
            found[-1][0].append(line[2:])
        else:
            found[-1][1].append(line)
    return [("\n".join(command), "\n".join(output)) for command, output in found]


def pattern(expected: str) -> re.Pattern[str]:
    """Return what matches *expected*, in which `…` stands for anything and blanks are alike."""
    parts = (r"\s+".join(map(re.escape, part.split())) for part in expected.split(GAP))
    return re.compile(r"\s*" + r"[\s\S]*?".join(parts) + r"\s*")


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.skipif(not shutil.which("curl"), reason="no curl; cure: apt-get install -y curl")
def test_the_tour_shows_what_happens(page: str, tmp_path: Path) -> None:
    shown = blocks(ROOT / "docs" / page)
    tour = [step for block in shown if "tour" in block.words for step in steps(block)]
    script = "".join(f"{command}\necho '{MARK}'\n" for command, _ in tour)
    clean = {name: value for name, value in os.environ.items() if "STAGEFOLD" not in name}
    clean |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "LANG": "C"}

    done = subprocess.run(
        ["/usr/bin/env", "bash", "-s"],
        input=script.replace("8080", str(free_port())),
        cwd=tmp_path,
        env=clean,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )

    told = done.stdout.split(f"{MARK}\n")
    assert len(told) == len(tour) + 1, done.stdout
    for (command, expected), found in zip(tour, told, strict=False):
        assert pattern(expected).fullmatch(found), f"$ {command}\n{found}\nexpected:\n{expected}"
