"""Folders of servers that do not outlive their test run, however it ends.

Whoever lends one holds a lock on a file in it, which goes with the process. Beside it waits a
watchdog in a session of its own: once it gets that lock, the folder is nobody's any more, so it
ends whatever was started in it and removes it. Where the watchdog was killed as well, the next run
does the same. Processes are found by their command lines, on Linux; elsewhere only folders go.

The file is a program as well: `python guarded.py FOLDER` is the watchdog.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_OWNER = "owner"
_SECONDS_MAX = 30.0
_SECONDS_BETWEEN = 0.1


@contextmanager
def guarded_folder(prefix: str, place: Path | None = None) -> Iterator[Path]:
    """Lend a new folder in *place*, else where temporary files are; it goes with this process."""
    remove_left_behind(prefix, place)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    with (folder / f"new-{_OWNER}").open("w") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        (folder / f"new-{_OWNER}").rename(folder / _OWNER)  # there only once it is locked
        watchdog = subprocess.Popen(
            [sys.executable, "-I", __file__, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield folder
        finally:
            _remove(folder)
    watchdog.wait(timeout=2 * _SECONDS_MAX)


def remove_left_behind(prefix: str, place: Path | None = None) -> None:
    """End and remove what runs that were cut off have left in *place*."""
    for folder in (place or Path(tempfile.gettempdir())).glob(f"{prefix}*"):
        with suppress(OSError), (folder / _OWNER).open("rb") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(folder)


def _remove(folder: Path) -> None:
    """End what runs in *folder*, at first politely, and remove it."""
    given_up_at = time.monotonic() + _SECONDS_MAX
    how = signal.SIGINT
    while started := list(_started_in(folder)):
        for process_id in started:
            with suppress(ProcessLookupError):
                os.kill(process_id, how)
        if time.monotonic() > given_up_at:
            how = signal.SIGKILL
        if time.monotonic() > given_up_at + _SECONDS_MAX:
            break
        time.sleep(_SECONDS_BETWEEN)
    shutil.rmtree(folder, ignore_errors=True)


def _started_in(folder: Path) -> Iterator[int]:
    """Yield the processes whose command lines name something in *folder*."""
    inside = f"{folder}/".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(word.startswith(inside) for word in _command_line(process)):
                yield int(process.name)


def _command_line(process: Path) -> list[bytes]:
    return (process / "cmdline").read_bytes().split(b"\0")


def _watch(folder: Path) -> None:
    """Wait until nobody holds *folder*, and clean up."""
    with suppress(FileNotFoundError), (folder / _OWNER).open("rb") as owner:
        fcntl.flock(owner, fcntl.LOCK_EX)
        _remove(folder)


if __name__ == "__main__":
    _watch(Path(sys.argv[1]))
