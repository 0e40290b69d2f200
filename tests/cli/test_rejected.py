"""Commands over rejected events: what they list, and what a second try does."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from service import logs
from service.bootstrap import build, close
from service.door.events import Origin
from service.settings import Settings
from tests.cli.calling import call

TEXTS = ('{"id":"b-1","type":"seen"}', '{"id":"b-2","type":"seen","customer_id":"ann"}')


@pytest.fixture
def environ(tmp_path: Path) -> Mapping[str, str]:
    """Return the settings of an installation that refused two events."""
    settings = {"STAGEFOLD_DATA_DIR": str(tmp_path), "STAGEFOLD_MODELS": "none"}
    asyncio.run(_refuse(Settings.from_environment({**os.environ, **settings})))
    return settings


async def _refuse(settings: Settings) -> None:
    logs.configure(settings)
    services = await build(settings)
    now = services.clock.now()
    strict = Origin("default", "web", now, lambda: "made", event_types=("never",))
    outcomes = await services.intake.take(TEXTS, strict)
    await services.rejections.note(TEXTS, outcomes, strict, "/v1/events")
    await close(services)


def test_rejected_events_are_listed_and_tried_again(environ: Mapping[str, str]) -> None:
    listed = json.loads(call("rejected", "list", "--json", **environ).stdout)["data"]
    assert sorted(one["event_id"] for one in listed) == ["b-1", "b-2"]

    tried = call("rejected", "retry", **environ)
    assert (tried.exit_code, tried.stdout) == (1, "1 accepted, 0 duplicate, 1 rejected\n")

    left = call("rejected", "list", "--code", "customer_missing", **environ)
    assert "b-1" in left.stdout
    assert "b-2" not in left.stdout


def test_one_is_tried_again_by_its_id(environ: Mapping[str, str]) -> None:
    listed = json.loads(call("rejected", "list", "--json", **environ).stdout)["data"]
    wanted = next(one["id"] for one in listed if one["event_id"] == "b-2")

    first = json.loads(call("rejected", "retry", wanted, "--json", **environ).stdout)
    again = json.loads(call("rejected", "retry", wanted, "--json", **environ).stdout)

    assert first["accepted"] == again["accepted"] == 1
    assert first["results"] == again["results"]
    assert call("rejected", "retry", "b-2", **environ).exit_code == 2
