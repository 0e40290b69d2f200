"""Clients from their registries, installed once into the cache of the tests, or why they cannot be.

The versions are those of the snippets in `docs/clients.md`.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.documents import Block, blocks
from tests.architecture.tree import ROOT

INSTALL_SECONDS_MAX = 240
_PAGE = ROOT / "docs" / "clients.md"


class NotInstalledError(Exception):
    """The clients are not to be had; the message says why, and the cure."""


@dataclass(frozen=True, slots=True)
class Installed:
    """Where the clients of one language are, and what runs them."""

    language: str
    folder: Path

    def command(self, script: Path) -> list[str]:
        """Return the command that runs *script*."""
        if self.language == "js":
            return ["node", str(script)]
        return [sys.executable, "-S", str(script)]  # nothing but the clients and what they need

    @property
    def environ(self) -> dict[str, str]:
        """The environment in which it runs."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {**kept, "PYTHONPATH": str(self.folder), "PYTHONUTF8": "1", "NO_PROXY": "*"}


def snippets(language: str) -> dict[str, Block]:
    """Return the snippets of the page by the names of their packages."""
    return {one.words[0]: one for one in blocks(_PAGE) if one.language == language and one.words}


def install(language: str, cache: Path) -> Installed:
    """Return the clients of *language*, installed below *cache* if they are not yet.

    Raises:
        NotInstalledError: The registry cannot be reached, or its tool is missing.
    """
    return install_packages(
        language, cache, [f"{name}@{one.words[1]}" for name, one in snippets(language).items()]
    )


def install_packages(language: str, cache: Path, packages: Sequence[str]) -> Installed:
    """Return *packages*, each a name and a version behind `@`, installed below *cache*.

    Raises:
        NotInstalledError: The registry cannot be reached, or its tool is missing.
    """
    wanted, folder = sorted(packages), cache / language
    folder.mkdir(parents=True, exist_ok=True)
    stamp = folder / "installed"
    with (cache / f"{language}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other processes of the same run want them too
        if not stamp.exists() or stamp.read_text() != "\n".join(wanted):
            _fetch(language, folder, wanted)
            stamp.write_text("\n".join(wanted))
    return Installed(language, folder)


def _fetch(language: str, folder: Path, wanted: Sequence[str]) -> None:
    tool = shutil.which("npm") if language == "js" else sys.executable
    if tool is None:
        raise NotInstalledError("no npm found; cure: install Node.js 20 or newer")
    packages = [each.replace("@", "==") for each in wanted] if language == "python" else [*wanted]
    quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
    pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]
    commands = {
        "js": [tool, "install", "--prefix", str(folder), *quiet, *packages],
        "python": [tool, *pip, "--target", str(folder), *packages],
    }
    try:
        done = subprocess.run(
            commands[language],
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_SECONDS_MAX,
        )
    except subprocess.TimeoutExpired:
        raise NotInstalledError(_cure(language, "it took too long")) from None
    if done.returncode != 0:
        raise NotInstalledError(_cure(language, done.stderr.strip()[-200:]))


def _cure(language: str, why: str) -> str:
    registry = "registry.npmjs.org" if language == "js" else "pypi.org"
    return f"the clients were not installed ({why}); cure: let the tests reach {registry}"
