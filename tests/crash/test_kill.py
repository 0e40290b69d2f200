"""Killed at any moment, nothing that was acknowledged is lost, doubled or folded wrongly."""

from __future__ import annotations

import os
import random
import selectors
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.adapters.runners import DirectRunner
from service.adapters.sqlite import sqlite_store
from service.schema import upgrade
from tests.builders import at
from tests.contract.judging import assert_true, whole_log
from tests.contract.saying import SHOP, TEAM, publish

pytestmark = pytest.mark.anyio

CYCLES = int(os.environ.get("STAGEFOLD_CRASH_CYCLES", "20"))
ROOT = Path(__file__).parents[2]
OUTPUT_SECONDS_MAX = 300


@pytest.fixture
def chance() -> random.Random:
    """Return the same luck every time."""
    return random.Random(20_260_302)  # noqa: S311 -- repeatable, not secret


async def test_an_acknowledged_event_survives_any_kill(
    tmp_path: Path, chance: random.Random
) -> None:
    path = tmp_path / "store.db"
    upgrade(path)
    store = sqlite_store(path, DirectRunner())
    await publish(store, SHOP)
    await publish(store, TEAM)
    await store.close()
    acknowledged: list[str] = []

    for cycle in range(CYCLES):
        acknowledged += list(lived(path, f"r{cycle}", lines=chance.randrange(1, 400)))

    store = sqlite_store(path, DirectRunner())
    stored = [event.event_id for event in await whole_log(store)]
    assert len(stored) == len(set(stored))
    assert set(acknowledged) <= set(stored)
    assert len(acknowledged) >= CYCLES
    await assert_true(store, at(501))
    assert not await store.inspect(thorough=True)
    await store.close()


def lived(path: Path, run: str, *, lines: int) -> Iterator[str]:
    """Yield the ids that a child acknowledged until it was killed after about *lines* of them."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.crash.child", str(path), run],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    with child, selectors.DefaultSelector() as ready:
        ready.register(child.stdout, selectors.EVENT_READ)
        for _ in range(lines):
            if not ready.select(OUTPUT_SECONDS_MAX):
                break
            yield child.stdout.readline().strip()
        child.kill()
        *whole, _torn = child.stdout.read().split("\n")
        yield from whole


def test_the_folder_of_a_killed_first_start_can_be_used(tmp_path: Path) -> None:
    """Killed between making the file and committing the schema, the next start makes it."""
    made = tmp_path / "made.db"
    upgrade(made)
    path = tmp_path / "store.db"
    path.touch()

    upgrade(path)

    assert path.stat().st_size > 0
