"""Several processes that start at once on a database in which there is nothing yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import anyio
import httpx
import pytest

from tests.crash.fleet import KEY, READY_SECONDS_MAX, Process
from tests.servers.postgres import Databases

pytestmark = pytest.mark.anyio

MODELS = ("four-stage", "growth", "health")
LOOK_AGAIN_SECONDS = 0.1


async def when_ready(client: httpx.AsyncClient, process: Process) -> None:
    """Return once *process* is ready to serve."""
    while True:
        assert process.is_alive(), "it ended instead of starting"
        try:
            answer = await client.get(f"{process.url}/readyz")
        except httpx.TransportError:
            pass
        else:
            if answer.status_code == httpx.codes.OK:
                return
        await anyio.sleep(LOOK_AGAIN_SECONDS)


async def activations(settings: Mapping[str, str], complaints: Path) -> list[Counter[str]]:
    """Return how often each model was activated, as both processes tell it once both are ready."""
    settings = {**settings, "STAGEFOLD_MODELS": ",".join(MODELS)}
    processes = [Process(settings, complaints) for _ in range(2)]
    headers = {"Authorization": f"Bearer {KEY}"}
    try:
        async with httpx.AsyncClient(headers=headers, timeout=READY_SECONDS_MAX) as client:
            with anyio.fail_after(READY_SECONDS_MAX):
                for process in processes:
                    await when_ready(client, process)
            told = [(await client.get(f"{each.url}/v1/rebuilds")).json() for each in processes]
    finally:
        for process in processes:
            process.kill()
    assert {job["status"] for answer in told for job in answer["data"]} == {"active"}
    return [Counter(job["model"] for job in answer["data"]) for answer in told]


async def test_two_that_share_a_file_activate_each_model_once(tmp_path: Path) -> None:
    settings = {"STAGEFOLD_DATA_DIR": str(tmp_path)}

    found = await activations(settings, tmp_path / "complaints")

    assert found == [Counter(MODELS)] * 2, (tmp_path / "complaints").read_text()


async def test_two_that_share_a_server_activate_each_model_once(
    databases: Databases, tmp_path: Path
) -> None:
    async with databases.bare() as url:
        settings = {"STAGEFOLD_DATA_DIR": str(tmp_path), "STAGEFOLD_DATABASE_URL": url}

        found = await activations(settings, tmp_path / "complaints")

    assert found == [Counter(MODELS)] * 2, (tmp_path / "complaints").read_text()
