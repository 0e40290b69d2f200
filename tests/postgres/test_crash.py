"""Processes killed and servers crashed under load: nothing acknowledged is lost or doubled."""

from __future__ import annotations

import os
import random
import selectors
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from service.adapters.postgres import postgres_store
from tests.builders import at
from tests.contract.judging import assert_true, whole_log
from tests.contract.saying import SHOP, TEAM, publish
from tests.servers.postgres import DURABLE, Server, serving_our_own

pytestmark = pytest.mark.anyio

CYCLES = int(os.environ.get("STAGEFOLD_CRASH_CYCLES", "10"))
ROOT = Path(__file__).parents[2]
LINES_MAX = 150
OUTPUT_SECONDS_MAX = 300


@pytest.fixture
def server() -> Iterator[Server]:
    """Lend a server that keeps what it commits, and that may be crashed."""
    with serving_our_own(DURABLE) as own:
        yield own


class Child:
    """A process that appends, and what it has said so far."""

    def __init__(self, url: str, run: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.postgres.child", url, run],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.output = self.process.stdout
        self.said: list[str] = []

    def hear(self, lines: int) -> None:
        """Listen until it has said so many lines more."""
        with selectors.DefaultSelector() as ready:
            ready.register(self.output, selectors.EVENT_READ)
            for _ in range(lines):
                assert ready.select(OUTPUT_SECONDS_MAX), "a child has fallen silent"
                self.said.append(self.output.readline().strip())

    def kill(self) -> list[str]:
        """Kill it and return all that it has said, without a last line that was torn."""
        self.process.kill()
        if self.output.closed:
            return self.said
        *whole, _torn = self.output.read().split("\n")
        self.process.wait()
        self.output.close()
        self.said += whole
        return self.said


async def test_an_acknowledged_event_survives_kills_and_crashes(server: Server) -> None:
    """Two processes append; in turn one of them is killed, or the whole server crashes."""
    store = await postgres_store(server.url)
    await publish(store, SHOP)
    await publish(store, TEAM)
    await store.close()

    said = live_dangerously(server, random.Random(20_260_303))  # noqa: S311 -- the same luck

    store = await postgres_store(server.url)
    stored = [event.event_id for event in await whole_log(store)]
    acknowledged = {line.split()[1] for line in said}
    assert len(stored) == len(set(stored))
    assert acknowledged <= set(stored)
    assert len(acknowledged) >= CYCLES
    assert {line.split()[0] for line in said} <= {"accepted", "duplicate"}
    await assert_true(store, at(506))
    assert not await store.inspect(thorough=True)
    await store.close()


def live_dangerously(server: Server, chance: random.Random) -> list[str]:
    """Return what children said who were killed, or lived through crashes of the server."""
    said: list[str] = []
    with ExitStack() as stack:
        children = [Child(server.url, f"first{number}") for number in range(2)]
        stack.callback(lambda: [child.kill() for child in children])
        for cycle in range(CYCLES):
            children[cycle % 2].hear(chance.randrange(1, LINES_MAX))
            if cycle % 3 == 0:
                server.crash()
                server.start()
            else:
                said += children[cycle % 2].kill()
                children[cycle % 2] = Child(server.url, f"run{cycle}")
        for child in children:
            child.hear(1)
            said += child.kill()
    return said
