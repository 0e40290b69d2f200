"""A file on its way over HTTP: the server is killed again and again, and every line is in once.

`STAGEFOLD_UPLOAD_KILLS=20 pytest tests/crash/test_uploads.py` is the long form.
"""

from __future__ import annotations

import json
import os
import random
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from service.imports.spool import PIECE_BYTES
from tests.crash.fleet import KEY, READY_SECONDS_MAX, Process

KILLS = int(os.environ.get("STAGEFOLD_UPLOAD_KILLS", "1"))
EVENTS = 16_000
TORN_EVERY = 1_000
LOOK_SECONDS = 0.005

Found = TypeVar("Found")


class Site:
    """A server over a folder of its own, which is killed and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        settings = {"STAGEFOLD_DATA_DIR": str(folder), "STAGEFOLD_LOG_LEVEL": "error"}
        self.process = Process(settings, folder / "complaints")
        self.client = httpx.Client(
            base_url=self.process.url, headers={"Authorization": f"Bearer {KEY}"}, timeout=300
        )
        self._await_ready()

    def kill(self) -> None:
        """Kill the server where it stands, and wait for the next one."""
        self.process.kill()
        self.process.start()
        self._await_ready()

    def _await_ready(self) -> None:
        self.until(self._is_ready)

    def _is_ready(self) -> bool:
        try:
            return self.client.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def of(self, where: str) -> dict[str, Any]:
        """Return the import at *where*."""
        found: dict[str, Any] = self.client.get(where).json()
        return found

    def arrived(self) -> int:
        """Return how many bytes of the upload are in the spool."""
        return sum(each.stat().st_size for each in (self.folder / "imports/spool").glob("imp_*"))

    def until(self, look: Callable[[], Found | None]) -> Found:
        """Return what *look* finds, as soon as it finds something."""
        end = time.monotonic() + READY_SECONDS_MAX
        while time.monotonic() < end:
            if found := look():
                return found
            assert self.process.lasts(LOOK_SECONDS), (self.folder / "complaints").read_text()
        raise AssertionError("nothing came in time")

    def stored(self) -> list[str]:
        """Return the ids in the log, in its order."""
        with closing(sqlite3.connect(self.folder / "stagefold.db", timeout=60)) as database:
            rows = database.execute("SELECT event_id FROM events ORDER BY position").fetchall()
            return [name for (name,) in rows]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Return a running server."""
    found = Site(tmp_path)
    yield found
    found.client.close()
    found.process.kill()


def lines() -> bytes:
    """Return a file of events in the order of time; every thousandth line is none."""
    made = []
    for number in range(EVENTS):
        event = {
            "id": f"e-{number}",
            "type": "visit",
            "customer_id": f"c{number % 500}",
            "occurred_at": f"2025-01-{number // 1_500 + 1:02}T00:{number % 60:02}:00Z",
            "properties": {"page": number, "words": "a longer line " * 8},
        }
        made.append(json.dumps(event) if number % TORN_EVERY else f"torn {number}")
    return "\n".join(made).encode()


def test_a_file_gets_in_once_however_often_the_server_is_killed(site: Site) -> None:
    whole, chance = lines(), random.Random(11)  # noqa: S311 -- kills at the same places in every run
    where = site.client.post("/v1/imports", json={"name": "a.ndjson"}).headers["Location"]

    for _ in range(KILLS):
        _kill_in_the_middle_of_a_request(site, where, whole, chance)
    offset = site.of(where)["upload_offset"]
    site.client.patch(where, content=whole[offset:], headers={"Upload-Offset": str(offset)})
    killed = sum(_kill_at_work(site, where, chance) for _ in range(KILLS))
    done = site.until(lambda: _ended(site, where))

    expected = [f"e-{number}" for number in range(EVENTS) if number % TORN_EVERY]
    assert done["status"] == "done", done
    assert site.stored() == expected
    assert done["accepted"] + done["duplicate"] == len(expected)
    assert (done["lines"], done["rejected"]) == (EVENTS, EVENTS // TORN_EVERY)
    refused = site.client.get(done["rejected_events"]).json()["data"]
    assert len(refused) == EVENTS // TORN_EVERY
    assert killed >= min(KILLS, 2)


def _kill_in_the_middle_of_a_request(
    site: Site, where: str, whole: bytes, chance: random.Random
) -> None:
    """Send a part of what is missing, and kill the server once some of it is in the spool."""
    begin = site.of(where)["upload_offset"]
    part = whole[begin : begin + PIECE_BYTES + chance.randrange(PIECE_BYTES)]
    if begin + PIECE_BYTES >= len(whole):  # what one request may have lost is all that is left
        part = whole[begin:-1]
    head = (
        f"PATCH {where} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {KEY}\r\n"
        f"Upload-Offset: {begin}\r\nContent-Length: {len(whole) - begin}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", site.process.port)) as connection:
        connection.sendall(head.encode() + part)
        if len(part) >= PIECE_BYTES:
            site.until(lambda: site.arrived() >= begin + PIECE_BYTES)
        site.kill()
    there = site.of(where)
    assert there["status"] == "uploading"
    assert begin <= there["upload_offset"] <= begin + len(part)


def _kill_at_work(site: Site, where: str, chance: random.Random) -> bool:
    """Kill the server once the log has some events more; return whether it was at work."""
    before = len(site.stored())
    wanted = before + chance.randrange(1, EVENTS // (KILLS + 1))
    site.until(lambda: len(site.stored()) >= wanted or _ended(site, where))
    was_at_work: bool = site.of(where)["status"] == "running"
    site.kill()
    return was_at_work


def _ended(site: Site, where: str) -> dict[str, Any] | None:
    found = site.of(where)
    return None if found["status"] == "running" else found
