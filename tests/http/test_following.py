"""Appends that only store, a follower that folds, and readers who wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from projections.events.log import Receipt, Submission
from service.adapters.embedded.store import EmbeddedStore
from service.http.schemas.operations import OPERATIONS
from service.services import Services
from service.workers.follower import Follower
from tests.http.conftest import Api, did

pytestmark = pytest.mark.anyio
READS = [
    path
    for method, path in OPERATIONS
    if method == "GET"
    and (path.startswith(("/v1/customers", "/v1/accounts", "/v1/event")) or path.endswith("/board"))
    and not path.startswith("/v1/event-schemas")
]
"""Every route that tells of subjects, of events, or of a board."""
ORDERED = did("order.completed", "ann", "2026-03-01T12:00:00Z")


@pytest.fixture
def behind(api: Api, monkeypatch: pytest.MonkeyPatch) -> Api:
    """Return an application that is too busy to fold what it stores."""
    store = api.services.store
    assert isinstance(store, EmbeddedStore)
    append = store.append

    async def only_stored(
        submissions: Sequence[Submission], now: int, **_: bool
    ) -> list[list[Receipt]]:
        return await append(submissions, now, defer=True)

    monkeypatch.setattr(store, "append", only_stored)
    return api


@pytest.mark.parametrize("path", READS)
async def test_every_read_waits_for_a_position_alike(behind: Api, path: str) -> None:
    event = {**ORDERED, "id": "e1", "account_id": "ann"}
    await behind.send(event, params={"wait": "stored"})
    where = path.format(subject_id="ann", event_id="e1", key="shop")

    refused = await behind.get(where, params={"min_position": 1, "wait": "0s"})
    unclear = await behind.get(where, params={"min_position": 1, "wait": "soon"})
    await Follower(behind.services.store).page()
    answer = await behind.get(where, params={"min_position": 1, "wait": "30s"})

    assert (refused.status_code, refused.json()["code"]) == (503, "projection_behind")
    assert refused.headers["retry-after"] == "1"
    assert (unclear.status_code, unclear.json()["code"]) == (400, "bad_parameter")
    assert answer.status_code == 200, answer.text


def start(services: Services) -> None:
    """Let the follower run."""
    services.loops.start("follower", services.follower.round, pause_seconds=0.0)


async def test_what_is_only_stored_is_told_as_such(behind: Api) -> None:
    answer = await behind.send(ORDERED, params={"wait": "stored"})

    told = answer.json()
    assert (told["accepted"], told["applied"], told["position"]) == (1, False, 1)
    assert told["results"][0]["applied"] is False
    assert "stages" not in told["results"][0]


async def test_a_reader_who_waits_in_vain_is_told_to_come_again(behind: Api) -> None:
    await behind.send(ORDERED, params={"wait": "stored"})

    answer = await behind.get("/v1/customers/ann", params={"min_position": 1, "wait": "0s"})

    assert answer.status_code == 503
    assert answer.json()["code"] == "projection_behind"
    assert answer.headers["retry-after"] == "1"


async def test_a_reader_who_waits_reads_what_the_follower_folded(behind: Api) -> None:
    await behind.send(ORDERED, params={"wait": "stored"})
    asked = {"min_position": "1", "wait": "30s"}
    reading = asyncio.create_task(behind.get("/v1/customers/ann", params=asked))

    start(behind.services)

    answer = await reading
    await behind.services.loops.stop()
    assert answer.status_code == 200
    assert answer.headers["stagefold-position"] == "1"
    assert answer.json()["stages"]


async def test_the_answer_to_few_events_waits_until_they_are_applied(behind: Api) -> None:
    start(behind.services)

    answer = await behind.send(ORDERED, params={"wait": "applied"})

    await behind.services.loops.stop()
    told = answer.json()
    if told["applied"]:  # else two seconds were not enough, and the answer says so
        assert told["results"][0]["applied"] is True
    assert told["accepted"] == 1


async def test_reads_say_how_far_the_projections_have_come(behind: Api) -> None:
    await behind.send(ORDERED, params={"wait": "stored"})
    await Follower(behind.services.store).page()
    await behind.send(did("order.completed", "bob"), params={"wait": "stored"})

    answers = [await behind.get(path) for path in ("/v1/customers/ann", "/v1/customers")]

    assert [answer.headers["stagefold-position"] for answer in answers] == ["1", "1"]
    assert (await behind.get("/v1/customers/bob")).status_code == 404
    metrics = (await behind.get("/metrics")).text
    assert "stagefold_projection_lag_events 1.0" in metrics
    assert "stagefold_projection_lag_seconds 0.0" in metrics


async def test_a_process_that_lags_too_far_is_not_ready(behind: Api) -> None:
    most = behind.services.settings.lag_events_max
    events = [did("visited", f"c{number % 7}") for number in range(1_000)]
    for _ in range(most // len(events) + 1):
        await behind.send(*events, params={"wait": "stored"})

    answer = await behind.get("/readyz", params={"verbose": ""})

    assert answer.status_code == 503
    assert "[-] projection: 11000 events behind, at most 10000 allowed" in answer.text
