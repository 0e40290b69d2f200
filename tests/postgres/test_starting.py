"""A server of ours that starts while PostgreSQL is away waits for it; a wrong address ends it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import httpx
import pytest

from tests.crash.fleet import READY_SECONDS_MAX, ROOT, Process
from tests.postgres.telling import Operator
from tests.servers.postgres import FAST, Server, serving_our_own

pytestmark = pytest.mark.anyio
LOOK_AGAIN_SECONDS = 0.05
Told = dict[str, list[dict[str, str]]]


@pytest.fixture
def postgres() -> Iterator[Server]:
    """Lend a PostgreSQL that may be ended and started."""
    with serving_our_own(FAST) as server:
        yield server


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """Lend a client that is patient."""
    async with httpx.AsyncClient(timeout=READY_SECONDS_MAX) as lent:
        yield lent


@contextmanager
def starting(address: str, folder: Path) -> Iterator[Process]:
    """Lend one of our servers, just started."""
    settings = {"STAGEFOLD_DATABASE_URL": address, "STAGEFOLD_DATA_DIR": str(folder)}
    process = Process(settings, folder / "complaints")
    try:
        yield process
    finally:
        process.kill()


async def answered(client: httpx.AsyncClient, url: str, status: int) -> httpx.Response:
    """Return the first answer of *url* that has that status."""
    with anyio.fail_after(READY_SECONDS_MAX):
        while True:
            try:
                answer = await client.get(url, headers={"Accept": "application/json"})
            except httpx.TransportError:
                pass
            else:
                if answer.status_code == status:
                    return answer
            await anyio.sleep(LOOK_AGAIN_SECONDS)


async def test_a_start_waits_for_a_database_that_is_away(
    postgres: Server, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    """Meanwhile it is live, says what it waits for, and turns work away; then it is ready."""
    postgres.crash()
    with starting(postgres.url, tmp_path) as process:
        await answered(client, f"{process.url}/livez", 200)
        waiting = await _told(client, process, "cannot be reached")
        startup = await client.get(f"{process.url}/startupz")
        turned_away = await client.get(f"{process.url}/v1/models")
        postgres.start()
        ready = await answered(client, f"{process.url}/readyz?verbose", 200)

    assert [check["name"] for check in waiting["checks"]] == ["started"]
    assert startup.status_code == 503
    assert turned_away.status_code == 503
    assert turned_away.json()["code"] == "store_unavailable"
    assert turned_away.headers["Retry-After"] == "1"
    assert ready.json()["ready"]


async def _told(
    client: httpx.AsyncClient, process: Process, reason: str
) -> dict[str, list[dict[str, str]]]:
    """Return what the server says of itself once it gives that reason."""
    with anyio.fail_after(READY_SECONDS_MAX):
        while True:
            answer = await answered(client, f"{process.url}/readyz?verbose", 503)
            found: Told = answer.json()
            if reason in found["checks"][0]["found"]:
                return found
            await anyio.sleep(LOOK_AGAIN_SECONDS)


async def test_a_start_that_waits_can_be_stopped(client: httpx.AsyncClient, tmp_path: Path) -> None:
    with starting("postgresql://stagefold@127.0.0.1:1/none", tmp_path) as process:
        await answered(client, f"{process.url}/livez", 200)

        code = await anyio.to_thread.run_sync(process.stop)

    assert code == 0


async def test_a_database_that_does_not_exist_ends_the_start_with_the_reason(
    url: str, tmp_path: Path
) -> None:
    address = f"{url.rpartition('/')[0]}/no_such_database"

    code, said = await anyio.to_thread.run_sync(_refused, address, tmp_path)

    assert code == 3
    assert "there is no such database" in said


async def test_a_wrong_password_ends_the_start_with_the_reason(
    url: str, operator: Operator, tmp_path: Path
) -> None:
    await operator.execute("CREATE ROLE stranger NOLOGIN")
    try:
        address = url.replace("stagefold@", "stranger:wrong@")
        code, said = await anyio.to_thread.run_sync(_refused, address, tmp_path)
    finally:
        await operator.execute("DROP ROLE stranger")

    assert code == 3
    assert "it refuses our credentials" in said
    assert "wrong" not in said


def _refused(address: str, folder: Path) -> tuple[int, str]:
    """Return exit code and complaint of a server that cannot use *address*."""
    environ = {"STAGEFOLD_DATABASE_URL": address, "STAGEFOLD_DATA_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-m", "stagefold", "serve", "--port", "0"],
        cwd=ROOT,
        env=environ,
        check=False,
        capture_output=True,
        text=True,
        timeout=READY_SECONDS_MAX,
    )
    return done.returncode, done.stderr
