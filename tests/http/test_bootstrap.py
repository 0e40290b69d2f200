"""A process on a real file: keys, models and jobs survive it."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from service import bootstrap
from service.app import create_app
from service.bootstrap import build, close
from service.services import Services
from service.settings import Settings, SettingsError
from tests.http.conftest import did

pytestmark = pytest.mark.anyio

Open = Callable[..., Awaitable[Services]]


@asynccontextmanager
async def opened(
    folder: Path, **variables: str
) -> AsyncIterator[tuple[Services, httpx.AsyncClient]]:
    """Yield the services of a process over *folder*, and a client with its key."""
    environ = {"STAGEFOLD_DATA_DIR": str(folder), "STAGEFOLD_MODELS": "four-stage", **variables}
    services = await build(Settings.from_environment(environ))
    transport = httpx.ASGITransport(app=create_app(services))
    headers = {"Authorization": f"Bearer {services.settings.api_key}"}
    try:
        async with httpx.AsyncClient(
            transport=transport, base_url="http://test", headers=headers
        ) as client:
            yield services, client
    finally:
        await close(services)


async def test_a_key_is_made_once_shown_once_and_kept_for_its_owner_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with opened(tmp_path) as (first, _):
        made = first.settings.api_key
    told = capsys.readouterr().err
    async with opened(tmp_path) as (second, client):
        answer = await client.get("/v1/limits")

    kept = tmp_path / "api-key"
    assert made in told
    assert made not in capsys.readouterr().err
    assert (second.settings.api_key, kept.read_text().strip()) == (made, made)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert answer.status_code == 200


async def test_what_was_acknowledged_is_there_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as (_, client):
        taken = await client.post("/v1/events", json=did("order_completed", "ann"))
        before = (await client.get("/v1/customers/ann?model=four-stage")).json()
    async with opened(tmp_path) as (_, client):
        after = (await client.get("/v1/customers/ann?model=four-stage")).json()

    assert taken.status_code == 201
    assert after == before


async def test_a_cursor_outlives_the_process(tmp_path: Path) -> None:
    async with opened(tmp_path) as (_, client):
        await client.post("/v1/events", json=[did("seen", "a"), did("seen", "b")])
        cursor = (await client.get("/v1/customers?limit=1")).json()["next_cursor"]
    async with opened(tmp_path) as (_, client):
        page = await client.get("/v1/customers", params={"limit": "1", "cursor": cursor})

    assert [each["id"] for each in page.json()["data"]] == ["b"]


async def test_a_rebuild_that_was_cut_short_is_finished_by_the_next_process(tmp_path: Path) -> None:
    async with opened(tmp_path) as (services, client):
        await client.post("/v1/events", json=[did("order_completed", "a")])
        begun = await services.store.begin_generation("default", "four-stage", 1, 0)
        newer = await services.store.begin_generation("default", "four-stage", 1, 0)
    async with opened(tmp_path) as (services, client):
        await services.rebuilds.settle()
        job = (await client.get(f"/v1/rebuilds/{newer.generation}")).json()
        given_up = (await client.get(f"/v1/rebuilds/{begun.generation}")).json()

    assert job["status"] == "active"
    assert given_up["status"] in {"failed", "removed"}


async def test_a_model_that_is_not_ready_made_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="four-stag"):
        async with opened(tmp_path, STAGEFOLD_MODELS="four-stag"):
            pass


async def test_a_model_asked_for_later_is_activated_then(tmp_path: Path) -> None:
    async with opened(tmp_path) as (_, client):
        await client.post("/v1/events", json=did("order_completed", "ann"))
    async with opened(tmp_path, STAGEFOLD_MODELS="four-stage,growth") as (_, client):
        found = (await client.get("/v1/customers/ann")).json()

    assert [each["model"] for each in found["stages"]] == ["four-stage", "growth"]


async def test_a_long_history_keeps_no_start_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Models that are not folded yet come by themselves, as soon as each is whole."""
    async with opened(tmp_path, STAGEFOLD_MODELS="none") as (_, client):
        await client.post("/v1/events", json=did("order_completed", "ann"))
    monkeypatch.setattr(bootstrap, "FIRST_SECONDS_MAX", 0.0)

    async with opened(tmp_path, STAGEFOLD_MODELS="four-stage,growth") as (services, client):
        ready = await client.get("/readyz")
        await services.rebuilds.settle()
        found = (await client.get("/v1/customers/ann")).json()

    assert ready.status_code == 200
    assert [each["model"] for each in found["stages"]] == ["four-stage", "growth"]
