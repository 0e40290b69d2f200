"""What docs/live.md shows works against a server: in Python, and with curl."""

from __future__ import annotations

import shutil
import subprocess
from itertools import islice

import httpx
import pytest

from tests.architecture.documents import blocks
from tests.architecture.tree import ROOT
from tests.http.conftest import did
from tests.http.serving import ADMIN_KEY, ANSWER_SECONDS_MAX, Server, serving

PAGE = ROOT / "docs" / "live.md"
AUTHORIZED = {"Authorization": f"Bearer {ADMIN_KEY}"}


def seen(server: Server, customer: str) -> None:
    """Let a customer be seen for the first time."""
    event = did("page_viewed", customer)
    answer = httpx.post(
        f"{server.url}/v1/events", json=event, headers=AUTHORIZED, timeout=ANSWER_SECONDS_MAX
    )
    assert answer.status_code == 201


def test_the_python_reader_follows() -> None:
    names: dict[str, object] = {}
    source = next(block for block in blocks(PAGE) if block.language == "python")
    exec(compile(source.text, source.name, "exec"), names)  # noqa: S102 -- our own documents
    follow = names["follow"]
    assert callable(follow)

    with serving() as server:
        seen(server, "ann")
        first = list(islice(follow(server.url, ADMIN_KEY, "0"), 1))
        rest = list(islice(follow(server.url, ADMIN_KEY, first[-1][0]), 1))

    assert [message["type"] for _, message in (*first, *rest)] == [
        "customer.created",
        "customer.stage.changed",
    ]


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl found; cure: install curl")
def test_curl_shows_the_stream_and_waits_for_the_feed() -> None:
    listen, wait = (block.text for block in blocks(PAGE) if block.language == "sh")

    with serving(MODELS="health") as server:
        seen(server, "ann")
        shown = _run(f"{listen.strip()} --max-time 1", server)
        waited = _run(wait.replace("after=184467", "after=0"), server)

    assert shown.startswith("retry: 3000\n\nid: 1\nevent: checkpoint\n")
    assert '"customer_id":"ann"' in waited.replace(" ", "")


def _run(command: str, server: Server) -> str:
    script = command.replace("localhost:8080", server.url).replace("curl", "curl -s")
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        env={"STAGEFOLD_API_KEY": ADMIN_KEY, "PATH": "/usr/bin:/bin:/usr/local/bin"},
        capture_output=True,
        text=True,
        timeout=ANSWER_SECONDS_MAX,
        check=False,
    )
    return done.stdout
