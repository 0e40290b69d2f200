"""At a terminal there are colours and a bar, unless somebody asked for none; elsewhere lines."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from service.cli.progress import Meter
from service.imports.bookmarks import Bookmark
from service.imports.lines import Place
from service.imports.running import Progress
from tests.cli.calling import PROGRAM, ROOT

ESCAPE = "\x1b["


def at_a_terminal(*arguments: str, folder: Path, **environment: str) -> str:
    """Return what the program shows at a terminal."""
    ours, theirs = pty.openpty()
    settings = {"STAGEFOLD_DATA_DIR": str(folder / "data"), "STAGEFOLD_MODELS": "none"}
    with subprocess.Popen(
        [*PROGRAM, *arguments],
        cwd=folder,
        env={
            **settings,
            "PYTHONPATH": str(ROOT),
            "TERM": "xterm",
            "LC_ALL": "C.UTF-8",
            **environment,
        },
        stdout=theirs,
        stderr=theirs,
    ):
        os.close(theirs)
        shown = bytearray()
        while part := _read(ours):
            shown += part
    os.close(ours)
    return shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # Linux says EIO when the other side is closed.
        return b""


def test_a_table_is_set_off_at_a_terminal(tmp_path: Path) -> None:
    assert ESCAPE in at_a_terminal("config", "show", folder=tmp_path)
    assert ESCAPE not in at_a_terminal("config", "show", folder=tmp_path, NO_COLOR="1")


def test_an_import_shows_a_bar_at_a_terminal(tmp_path: Path) -> None:
    lines = '{"type":"visit","customer_id":"ann"}\n' * 10
    (tmp_path / "events.ndjson").write_text(lines)

    shown = at_a_terminal("import", "events.ndjson", folder=tmp_path)

    assert "100 %" in shown
    assert "10 accepted" in shown


def progress(seconds: float, share: float) -> Progress:
    """Return an import that has come that far."""
    bookmark = Bookmark(Place(1_000, 500), accepted=480, duplicate=15, rejected=5)
    return Progress(bookmark, share, events=500, seconds=seconds, resumed_at=0)


def test_elsewhere_a_line_is_written_every_five_seconds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Meter() as meter:
        for seconds in (1.0, 4.9, 5.0, 6.0, 9.9, 10.5):
            meter.show(progress(seconds, share=0.25))

    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "25%: line 500, 480 accepted, 15 duplicate, 5 rejected; 100 events/s, about 15 s left",
        "25%: line 500, 480 accepted, 15 duplicate, 5 rejected; 48 events/s, about 32 s left",
    ]
