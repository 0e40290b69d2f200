"""Commands that run in this process set its logs up; afterwards they are as they were."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.cli.calling import EVENTS, answer


@pytest.fixture(autouse=True, scope="module")
def logs_as_before() -> Iterator[None]:
    """Undo what a command did to the logs, whose stream is gone when the command has ended."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a data folder with forty events of five customers in its database."""
    file = tmp_path / "events.ndjson"
    file.write_text("".join(json.dumps(event) + "\n" for event in EVENTS))
    here = tmp_path / "here"
    answer("import", file, STAGEFOLD_DATA_DIR=str(here), STAGEFOLD_MODELS="growth")
    return here
