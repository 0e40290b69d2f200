"""Log lines of these tests go where those of a process go that configured nothing."""

from __future__ import annotations

import pytest
import structlog


@pytest.fixture(autouse=True)
def _plain_logs() -> None:
    """Let no line go to a stream that an earlier test has closed."""
    structlog.reset_defaults()
