"""The whole service in virtual time, under faults, kills and restarts: what it said stays true.

`STAGEFOLD_SIMULATION_SEEDS=2000` runs that many seeds instead of the usual few, and
`STAGEFOLD_SIMULATION_SEED=1234` repeats one. What a run is: `docs/simulation.md`.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.simulation.world import simulate

SEEDS_USUAL = 24
KEPT = (126, 237, 274, 423, 601, 734, 1248)
"""Seeds that once failed.

126 reminds of an erased person by an event of the future, for the clock was set back.
237 and 274 left a rebuild at work that nobody was working at. 423 told of an event, of another
instant, whose stage was not told. 601 counted the events of a name that was parted meanwhile.
734 asked an account that told of someone who was erased later. 1248 changes no stage at all.
"""


def seeds() -> list[int]:
    """Return the seeds to run: one that is to be repeated, or the kept ones and the first few."""
    one = os.environ.get("STAGEFOLD_SIMULATION_SEED")
    if one is not None:
        return [int(one)]
    count = int(os.environ.get("STAGEFOLD_SIMULATION_SEEDS", SEEDS_USUAL))
    return sorted({*KEPT, *range(count)})


@pytest.fixture
def path_of_run(empty_database: Path, tmp_path: Path) -> Path:
    """Return an empty database for one run."""
    path = tmp_path / "run.db"
    shutil.copy(empty_database, path)
    return path


@pytest.mark.parametrize("seed", seeds())
def test_every_promise_holds(seed: int, path_of_run: Path) -> None:
    """Nothing that was acknowledged is lost, doubled or changed, and every answer was true."""
    try:
        simulate(seed, path_of_run if seed % 4 else None)
    except BaseException as error:
        again = f"STAGEFOLD_SIMULATION_SEED={seed} pytest tests/simulation -x"
        error.add_note(f"seed {seed} has failed; to repeat it: {again}")
        raise


def test_a_seed_repeats_itself(empty_database: Path, tmp_path: Path) -> None:
    """Two runs of one seed take the same steps and leave the same log."""
    runs = []
    for name in ("first.db", "second.db"):
        path = tmp_path / name
        shutil.copy(empty_database, path)
        runs.append(simulate(1, path))

    assert runs[0] == runs[1]
    assert runs[0].strikes > 0
    assert runs[0].deaths > 0
