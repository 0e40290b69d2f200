"""A full disk: writes are refused with the cure, reads go on, and space alone brings it back."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import anyio
import asyncpg
import httpx
import pytest

from service.adapters.postgres import postgres_store
from service.adapters.runners import DirectRunner
from service.adapters.sqlite import sqlite_store
from service.adapters.system import SystemClock
from service.ports import Store
from tests.contract.judging import assert_true, whole_log
from tests.contract.saying import SHOP, TEAM
from tests.crash.fleet import Fleet
from tests.servers.postgres import (
    FAST,
    PATIENT,
    Server,
    serving_our_own,
)

pytestmark = pytest.mark.anyio

DISK = "24m"
BALLAST_BYTES = 8 << 20
"""What is taken away when there is to be room again."""

EVENTS_AT_ONCE = 50
POSTS_MAX = 400
"""Far more than what fits."""


@pytest.fixture
def disk() -> Iterator[Path]:
    """Lend a small disk of its own, with a ballast on it that can be thrown off."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() or mount is None or umount is None:
        pytest.skip("no small disk can be mounted here; cure: run as root on Linux")
    place = Path(tempfile.mkdtemp(prefix="stagefold-disk-"))
    options = ["-t", "tmpfs", "-o", f"size={DISK},mode=755"]
    if subprocess.run([mount, *options, "tmpfs", str(place)], check=False).returncode:
        place.rmdir()
        pytest.skip("no small disk can be mounted here; cure: run with CAP_SYS_ADMIN")
    try:
        ballast(place).write_bytes(bytes(BALLAST_BYTES))
        yield place
    finally:
        subprocess.run([umount, "--lazy", str(place)], check=True)
        place.rmdir()


def ballast(disk: Path) -> Path:
    """Return the file that only takes room."""
    return disk / "ballast"


def batch(number: int) -> list[dict[str, object]]:
    """Return events that take room, of a few customers."""
    return [
        {
            "id": f"e{number}-{place}",
            "type": "ordered" if place % 3 else "visited",
            "customer_id": f"c{place % 7}",
            "properties": {"note": "x" * 4_000},
        }
        for place in range(EVENTS_AT_ONCE)
    ]


class Shop:
    """A server whose disk fills up, and what it has acknowledged."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._url = fleet.processes[0].url
        self.stored: set[str] = set()

    async def post(self, number: int) -> httpx.Response:
        """Post a batch and note what was acknowledged."""
        answer = await self._fleet.client.post(f"{self._url}/v1/events", json=batch(number))
        if answer.status_code == 200:
            told = answer.json()
            assert told["rejected"] == 0
            self.stored |= {str(event["id"]) for event in batch(number)}
        return answer

    async def fill(self) -> tuple[int, httpx.Response]:
        """Post until that is refused; return the number of that batch, and the answer."""
        for number in range(POSTS_MAX):
            answer = await self.post(number)
            if answer.status_code != 200:
                return number, answer
        pytest.fail("the disk never filled up")

    async def get(self, path: str) -> httpx.Response:
        """Return the answer to a question."""
        return await self._fleet.client.get(self._url + path)


async def fills_and_recovers(shop: Shop, disk: Path) -> None:
    """Assert what is promised while there is no room, and when there is again."""
    number, refused = await shop.fill()

    assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
    assert "full" in refused.json()["message"]
    assert int(refused.headers["Retry-After"]) >= 1
    for path in ("/livez", "/v1/customers/c1", "/v1/events?limit=5", "/v1/models/shop/board"):
        assert (await shop.get(path)).status_code == 200, path
    ballast(disk).unlink()
    with anyio.fail_after(300):
        while (await shop.post(number)).status_code != 200:
            await anyio.lowlevel.checkpoint()
    assert (await shop.post(number + 1)).status_code == 200
    assert (await shop.get("/readyz")).status_code == 200


async def assert_kept(store: Store, shop: Shop) -> None:
    """Assert that the log holds what was acknowledged, once, and that every stage is right."""
    stored = [event.event_id for event in await whole_log(store)]
    assert len(stored) == len(set(stored))
    assert set(stored) == shop.stored
    await assert_true(store, SystemClock().now())
    assert not await store.inspect(thorough=True)


async def test_sqlite_on_a_full_disk(disk: Path, tmp_path: Path) -> None:
    fleet = Fleet(1, {"STAGEFOLD_DATA_DIR": str(disk)}, tmp_path)
    shop = Shop(fleet)
    try:
        await fleet.until_all_ready()
        await _publish_over_http(fleet)
        await fills_and_recovers(shop, disk)
    finally:
        await fleet.close()

    store = sqlite_store(disk / "stagefold.db", DirectRunner())
    await assert_kept(store, shop)
    await store.close()


async def _publish_over_http(fleet: Fleet) -> None:
    for document in (SHOP, TEAM):
        path = f"{fleet.processes[0].url}/v1/models/{document['model']}"
        answer = await fleet.client.put(path, json=document)
        assert answer.status_code in {200, 201}, answer.text


@pytest.fixture
def server() -> Iterator[Server]:
    """Lend a server of our own."""
    with serving_our_own(FAST) as own:
        yield own


async def test_postgresql_on_a_full_disk(server: Server, disk: Path, tmp_path: Path) -> None:
    """The tables are on the small disk; the server's own log of writes is not."""
    tables = disk / "tables"
    tables.mkdir()
    shutil.chown(tables, "nobody")
    operator = await asyncpg.connect(server.url)
    await operator.execute(f"CREATE TABLESPACE small LOCATION '{tables}'")
    await operator.execute("CREATE DATABASE shop TABLESPACE small")
    await operator.close()
    url = f"{server.url.rpartition('/')[0]}/shop"
    fleet = Fleet(1, {"STAGEFOLD_DATABASE_URL": url}, tmp_path)
    shop = Shop(fleet)
    try:
        await fleet.until_all_ready()
        await _publish_over_http(fleet)
        await fills_and_recovers(shop, disk)
    finally:
        await fleet.close()

    store = await postgres_store(url, limits=PATIENT)
    await assert_kept(store, shop)
    await store.close()
