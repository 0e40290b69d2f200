"""Commands that run in this process set its logs up; afterwards they are as they were."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True, scope="module")
def logs_as_before() -> Iterator[None]:
    """Undo what a command did to the logs, whose stream is gone when the command has ended."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
