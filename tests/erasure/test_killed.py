"""Killed at any step, an erasure has happened or it has not; and the next one does all of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from projections.registers.erasure import MODES
from service.adapters.runners import DirectRunner
from service.adapters.sqlite import sqlite_store
from service.schema import upgrade
from tests.cli.calling import ROOT
from tests.contract.test_erasure import PRIVATE, erase, everything_said, fill
from tests.seals.world import sealer, verdict

pytestmark = pytest.mark.anyio

STEPS = int(os.environ.get("STAGEFOLD_ERASURE_KILLS", "4"))
"""At so many steps the process is killed; 0 for each of them."""


def run(database: Path, mode: str, number: int) -> subprocess.CompletedProcess[str]:
    """Return how a process ended that was to die at question *number*."""
    command = [sys.executable, "-m", "tests.erasure.child", str(database), mode, str(number)]
    return subprocess.run(
        command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=600
    )


@pytest.mark.parametrize("mode", MODES)
async def test_it_is_all_or_nothing_wherever_the_process_dies(tmp_path: Path, mode: str) -> None:
    first = tmp_path / "first.db"
    upgrade(first)
    store = sqlite_store(first, DirectRunner())
    await fill(store)
    await sealer(store).seal_everything()
    before = await everything_said(store)
    await store.close()
    whole = tmp_path / "whole.db"
    shutil.copy(first, whole)
    asked = int(run(whole, mode, 0).stdout)
    chosen = range(1, asked + 1, max(1, asked // STEPS) if STEPS else 1)

    for number in chosen:
        path = tmp_path / f"killed{number}.db"
        shutil.copy(first, path)
        ended = run(path, mode, number)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        store = sqlite_store(path, DirectRunner())
        assert await everything_said(store) == before
        assert await verdict(store) == []
        await erase(store, "purge")
        said = await everything_said(store)
        assert [text for text in PRIVATE if text in said] == []
        await store.close()
