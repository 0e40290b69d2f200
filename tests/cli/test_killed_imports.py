"""An import that is killed again and again ends with the very log of one that was left alone."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
from contextlib import closing, suppress
from pathlib import Path

from tests.cli.calling import run, start

EVENTS = 20_000
KILLS = 10
POLL_SECONDS = 0.005


def test_a_killed_import_goes_on_to_the_same_log(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    _write(file)
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    chance = random.Random(7)  # noqa: S311 -- kills at the same counts in every run

    killed = sum(_kill_at(file, broken, chance.randrange(EVENTS)) for _ in range(KILLS))
    last = _imported(file, broken)
    _imported(file, whole)

    assert killed >= KILLS // 2
    assert last["accepted"] + last["duplicate"] == EVENTS - 20
    assert _log(broken) == _log(whole)
    assert _rejected(broken) == _rejected(whole)
    assert len(_rejected(whole)) == 20


def _write(file: Path) -> None:
    """Write lines of events in the order of time; every thousandth is none."""
    with file.open("w") as lines:
        for number in range(EVENTS):
            event = {
                "type": "visit",
                "customer_id": f"c{number % 500}",
                "occurred_at": f"2025-01-{number // 1_500 + 1:02}T00:{number % 60:02}:00Z",
                "properties": {"page": number},
            }
            lines.write((json.dumps(event) if number % 1_000 else "torn") + "\n")


def _arguments(file: Path, folder: Path) -> tuple[str, ...]:
    return ("import", str(file), "--rejected", str(folder) + ".rejected")


def _kill_at(file: Path, folder: Path, count: int) -> bool:
    """Start the import, kill -9 it when the log holds *count* events; return whether it was so."""
    with start(*_arguments(file, folder), folder=folder, STAGEFOLD_MODELS="health") as program:
        while _events(folder) < count:
            try:
                program.wait(timeout=POLL_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            return False
        program.kill()
        return True


def _imported(file: Path, folder: Path) -> dict[str, int]:
    """Return what an import that is left alone says."""
    done = run(*_arguments(file, folder), "--json", folder=folder, STAGEFOLD_MODELS="health")
    assert done.returncode == 1, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    return found


def _events(folder: Path) -> int:
    """Return how many events the log holds; none before there is one."""
    try:
        with closing(sqlite3.connect(f"file:{folder}/stagefold.db?mode=ro", uri=True)) as database:
            (count,) = database.execute("SELECT coalesce(max(position), 0) FROM events").fetchone()
            return int(count)
    except sqlite3.OperationalError:
        return 0


def _log(folder: Path) -> list[tuple[object, ...]]:
    """Return the log and what was folded from it, recording times aside."""
    with closing(sqlite3.connect(folder / "stagefold.db")) as database:
        events = database.execute(
            "SELECT position, event_id, source, subject_id, occurred_at, payload FROM events"
        ).fetchall()
        stages = database.execute("SELECT * FROM stages ORDER BY bucket, subject_id").fetchall()
    return events + stages


def _rejected(folder: Path) -> list[int]:
    """Return the numbers of the lines that were rejected."""
    text = Path(f"{folder}.rejected").read_text(encoding="utf-8")
    return [json.loads(line)["line"] for line in text.splitlines()]


def test_an_import_that_is_stopped_says_so_and_goes_on_later(tmp_path: Path) -> None:
    file, folder = tmp_path / "events.ndjson", tmp_path / "data"
    _write(file)

    with start(*_arguments(file, folder), folder=folder, STAGEFOLD_MODELS="health") as program:
        while program.poll() is None and _events(folder) < 1:
            with suppress(subprocess.TimeoutExpired):
                program.wait(timeout=POLL_SECONDS)
        program.send_signal(signal.SIGINT)
        _, err = program.communicate(timeout=600)
    again = _imported(file, folder)

    assert program.returncode == 130
    assert err.splitlines()[-1] == "stopped"
    assert "Traceback" not in err
    assert again["resumed_at_line"] > 0
    assert again["accepted"] + again["duplicate"] == EVENTS - 20
