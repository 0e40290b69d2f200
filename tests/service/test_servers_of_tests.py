"""A test run that is cut off leaves no server and no folder behind."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.guarded import guarded_folder, remove_left_behind

ROOT = Path(__file__).parents[2]
SECONDS_MAX = 120.0
SERVING = """
import subprocess, sys
from pathlib import Path
from tests.servers.guarded import guarded_folder
with guarded_folder("guarded-", Path(sys.argv[1])) as folder:
    waiting = [sys.executable, "-c", "import sys; sys.stdin.read()", f"{folder}/data"]
    subprocess.Popen(waiting, stdin=subprocess.PIPE, start_new_session=True)
    print("ready", flush=True)
    sys.stdin.read()
"""
"""A run with a server, which does not end by itself."""


def started_by(process_id: int) -> list[int]:
    """Return handles of the processes that a process has started."""
    children = Path(f"/proc/{process_id}/task/{process_id}/children").read_text()
    return [os.pidfd_open(int(child)) for child in children.split()]


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found by /proc")
def test_a_run_that_is_killed_takes_its_server_and_folder_along(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SERVING, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=-1, stdout=-1) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"ready\n"
        server_and_watchdog = started_by(run.pid)
        assert len(server_and_watchdog) == 2

        run.kill()

    for process in server_and_watchdog:
        assert select.select([process], [], [], SECONDS_MAX)[0], "it goes on for ever"
        os.close(process)
    assert not list(tmp_path.iterdir())


def test_what_was_left_behind_goes_when_the_next_run_begins(tmp_path: Path) -> None:
    left = tmp_path / "guarded-old"
    left.mkdir()
    (left / "owner").touch()

    with guarded_folder("guarded-", tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_that_is_in_use_stays(tmp_path: Path) -> None:
    with guarded_folder("guarded-", tmp_path) as folder:
        remove_left_behind("guarded-", tmp_path)

        assert folder.is_dir()
