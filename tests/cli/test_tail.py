"""`stagefold tail`: what happens, line by line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cli.calling import call, start
from tests.http.conftest import did
from tests.http.serving import ADMIN_KEY, ANSWER_SECONDS_MAX, Server, serving


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[tuple[Server, dict[str, str]]]:
    """Lend a shop that is served from a file, and the settings by which commands find it."""
    ours = {"DATABASE_URL": f"sqlite:///{tmp_path / 'shop.db'}", "DATA_DIR": str(tmp_path)}
    settings = {f"STAGEFOLD_{name}": text for name, text in ours.items()}
    with serving(**ours) as server:
        send(server, did("order_completed", "ann"))
        yield server, {**settings, "STAGEFOLD_API_KEY": ADMIN_KEY}


def send(server: Server, event: dict[str, object]) -> None:
    """Let something happen."""
    headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
    answer = httpx.post(
        f"{server.url}/v1/events", json=event, headers=headers, timeout=ANSWER_SECONDS_MAX
    )
    assert answer.status_code == 201, answer.text


def test_what_happened_is_told_line_by_line(shop: tuple[Server, dict[str, str]]) -> None:
    _, settings = shop

    told = call("tail", "--after", "0", "--limit", "2", **settings)
    documents = call("tail", "--after", "0", "--limit", "2", "--json", **settings)

    assert told.exit_code == 0, told.output
    assert [line.split("  ")[0] for line in told.stdout.splitlines()] == ["0.1", "1"]
    assert told.stdout.splitlines()[1].endswith("ann  four-stage  · → acquisition")
    found = [json.loads(line) for line in documents.stdout.splitlines()]
    assert [(one["id"], one["type"]) for one in found] == [
        ("0.1", "customer.created"),
        ("1", "customer.stage.changed"),
    ]


def test_what_another_process_writes_is_told_as_it_happens(
    shop: tuple[Server, dict[str, str]], tmp_path: Path
) -> None:
    server, settings = shop
    asked = ("tail", "--after", "0", "--customer", "bob", "--limit", "1", "--json")
    with start(*asked, folder=tmp_path, **settings) as program:
        send(server, did("page_viewed", "bob"))
        out, err = program.communicate(timeout=ANSWER_SECONDS_MAX)

    assert program.returncode == 0, err
    assert json.loads(out)["data"]["customer_id"] == "bob"


def test_a_place_that_is_none_is_named(shop: tuple[Server, dict[str, str]]) -> None:
    _, settings = shop

    unreadable = call("tail", "--after", "yesterday", **settings)
    beyond = call("tail", "--after", "99", **settings)

    assert "expected the id of an event" in unreadable.output
    assert "there is no such place" in beyond.output
    assert unreadable.exit_code
    assert beyond.exit_code
