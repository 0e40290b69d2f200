"""What every test shares: steady hypothesis settings and a report on what was not run."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from service.schema import upgrade
from tests.servers.kafka import Broker, broking, why_not
from tests.servers.postgres import CURE, Databases, is_available, serving

# The suite gives one verdict for one tree; `--hypothesis-profile=deep` goes looking for news.
settings.register_profile(
    "steady",
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],  # it measures the machine
)
settings.register_profile("deep", deadline=None, max_examples=2_000)
settings.load_profile("steady")

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run asynchronous tests once, on the event loop that the service uses."""
    return "asyncio"


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    """Return the path of Chromium, or leave the test out with the cure."""
    candidates = (os.environ.get("CHROMIUM"), *map(shutil.which, CHROMIUM_NAMES))
    found = next(filter(None, candidates), None)
    if found is None:
        pytest.skip("no Chromium found; cure: apt-get install -y chromium, or set CHROMIUM")
    return Path(found)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a SQLite file with the newest schema and nothing in it, to be copied."""
    path = tmp_path_factory.mktemp("schema") / "empty.db"
    upgrade(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    return path


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """Lend a PostgreSQL server on which databases can be made, or leave the test out."""
    if not is_available():
        pytest.skip(f"no PostgreSQL found; {CURE}")
    with serving() as server:
        made = Databases(server)
        yield made
        asyncio.run(made.close())


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """Lend a Kafka broker, or leave the test out with the cure."""
    trouble = why_not()
    if trouble is not None:
        pytest.skip(trouble)
    with broking() as lent:
        yield lent


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say last, in one block, which tests were not run, why, and how to cure it."""
    skipped = terminalreporter.stats.get("skipped", [])
    terminalreporter.section("NOT RUN", sep="-")
    if not skipped:
        terminalreporter.write_line("nothing: every selected test ran")
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        terminalreporter.write_line(
            f"NOT RUN: {report.nodeid}: {str(reason).removeprefix('Skipped: ')}"
        )
